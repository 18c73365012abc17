"""What a cache saves before a store that is 50 ms away.

    python cache.py

An array of 64 chunks of 128 KiB is read twice, through a cache in memory and through one on
disk, by one thread at a time and by 32. The table is that of the README.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from typing import Any

import numpy as np

import zarr_backends as zb

_LATENCY_S = 0.05

_ROUNDS = 5


def seconds_of_two_reads(on: str | None, threads: int) -> tuple[float, float]:
    """Return how long the first read of an array takes, and the second."""
    inner: Any = {"latency_s": _LATENCY_S, "max_concurrency": threads, "inner": "memory:"}
    cache = zb.get_backend("cache").create(inner={"storage": "latency", **inner}, on=on)
    with zb.create(cache, shape=(1024, 1024), chunks=128, dtype="f8", compressor=None) as array:
        array[...] = np.random.default_rng(1).random((1024, 1024))
        taken = []
        for _ in range(2):
            begin = time.perf_counter()
            array[...]
            taken.append(time.perf_counter() - begin)
    return taken[0], taken[1]


def main() -> None:
    """Print the table."""
    print("| cache | calls at a time | first read, s | second read, s | share |")
    print("|---|---:|---:|---:|---:|")
    for place in ("memory", "disk"):
        for threads in (1, 32):
            rounds = []
            for _ in range(_ROUNDS):
                with tempfile.TemporaryDirectory() as folder:
                    on = folder if place == "disk" else None
                    rounds.append(seconds_of_two_reads(on, threads))
            first, second = (statistics.median(times) for times in zip(*rounds, strict=True))
            row = f"{first:.3f} | {second:.4f} | {second / first:.2%}"
            print(f"| {place} | {threads} | {row} |", flush=True)


if __name__ == "__main__":
    main()
