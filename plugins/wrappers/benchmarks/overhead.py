"""What every wrapper adds to a read and a write of a chunk of 64 KiB, over memory.

    python overhead.py [ROUNDS]

The table is that of the README: the best of several rounds, in microseconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import zarr_backends as zb

_NBYTES = 65_536
_CALLS = 50

_OPTIONS: dict[str, dict[str, Any]] = {
    "cache": {},
    "checksum": {},
    "circuit_breaker": {},
    "content_addressed": {},
    "instrumented": {},
    "latency": {"latency_s": 0},
    "mock": {"seed": 1},
    "prefix_partitioned": {},
    "quota": {"max_nbytes": 10**12},
    "read_only": {"enabled": False},
    "replicated": {},
    "retry": {},
    "tiered": {},
}

_NAMES = {"replicated": ("near", "far"), "tiered": ("hot", "cold")}

_METADATA = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [_CALLS],
    "data_type": "uint8",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "fill_value": 0,
    "codecs": [{"name": "bytes"}],
}


def store_of(storage: str) -> Any:
    """Return a wrapper over memory, or memory itself."""
    memory = zb.get_backend("memory").create
    if storage == "memory":
        return memory()
    names = _NAMES.get(storage)
    inner = memory() if names is None else {name: memory() for name in names}
    return zb.get_backend(storage).create(inner=inner, **_OPTIONS[storage])


def best_us(call: Callable[[int], Any], rounds: int) -> float:
    """Return the microseconds that a call takes, in the best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter()
        for i in range(_CALLS):
            call(i)
        best = min(best, time.perf_counter() - begin)
    return best / _CALLS * 1e6


def main(rounds: int = 100) -> None:
    """Print the table."""
    values = [i.to_bytes(2, "little") * (_NBYTES // 2) for i in range(_CALLS)]
    print("| | write, us | read, us |\n|---|---:|---:|")
    for storage in ("memory", *_OPTIONS):
        store = store_of(storage)
        store.write_metadata(_METADATA, 3)
        written = best_us(lambda i, store=store: store.write_chunk((i,), values[i]), rounds)
        read = best_us(lambda i, store=store: store.read_chunk((i,)), rounds)
        print(f"| `{storage}` | {written:.0f} | {read:.0f} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
