"""What reading a chunk costs: beside a dictionary, and beside the same through the contract.

Run: python reads.py

LMDB alone, called by Python without anything of ours, is the floor of what can be had: a read
transaction that begins and ends, and a view of the value in it. And what it would cost to
return views from `read_chunk`: how a table grows while a caller keeps one.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

import lmdb

from zarr_backends import get_backend
from zarr_backends_shared_memory import SharedMemoryBackend

_COUNT = 100
_ROUNDS = 60
_METADATA = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [_COUNT],
    "chunk_key_encoding": {"name": "default"},
}
_SIZES = {"1 KB": 1_000, "80 KB": 80_000, "1 MB": 1_000_000}


def main() -> None:
    """Print a table of microseconds for each kind of reading."""
    print("| one read, microseconds | " + " | ".join(_SIZES) + " |")
    print("|---|" + "---|" * len(_SIZES))
    columns = [measured(nbytes) for nbytes in _SIZES.values()]
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(f"{column[name]:.2f}" for column in columns) + " |")
    print(f"1000 replacements of 80 KB: the table has {replaced(keep=False):.1f} MB")
    print(f"the same while one view of the first is kept: {replaced(keep=True):.1f} MB")


def replaced(*, keep: bool) -> float:
    """Return the MB of a table in which one value was replaced again and again."""
    backend: Any = SharedMemoryBackend.create()
    backend.set("a", bytes(80_000))
    kept = backend.open_value("a") if keep else None
    for _ in range(1000):
        backend.set("a", bytes(80_000))
    nbytes: int = backend.table_info()["nbytes"]
    del kept
    backend.delete_table()
    return nbytes / 1e6


def measured(nbytes: int) -> dict[str, float]:
    """Return microseconds by kind of reading."""
    memory: Any = get_backend("memory").create(name=f"reads-{nbytes}")
    shared: Any = SharedMemoryBackend.create()
    plain = {}
    for backend in (memory, shared):
        backend.write_metadata(_METADATA, 3)
    for i in range(_COUNT):
        data = os.urandom(nbytes)
        plain[(i,)] = data
        for backend in (memory, shared):
            backend.write_chunk((i,), data)
    indices = [(i,) for i in range(_COUNT)]

    def opened(backend: Any) -> Callable[[tuple[int]], None]:
        def read(index: tuple[int]) -> None:
            with backend.open_chunk(index) as snapshot:
                snapshot.read(0, nbytes)

        return read

    folder = tempfile.TemporaryDirectory(dir="/dev/shm")
    env = lmdb.open(folder.name, map_size=2**30, sync=False)
    with env.begin(write=True) as transaction:
        for index, data in plain.items():
            transaction.put(b"%d" % index, data)
    stored = {index: b"%d" % index for index in plain}

    def alone(index: tuple[int]) -> None:
        with env.begin(buffers=True) as transaction:
            transaction.get(stored[index])

    kinds: dict[str, Callable[[tuple[int]], Any]] = {
        "a dictionary, `d[index]`": plain.__getitem__,
        "LMDB alone: a transaction and a view": alone,
        "`memory`, a dictionary behind the contract: `read_chunk`": memory.read_chunk,
        "`shared_memory`: `read_chunk`, a copy": shared.read_chunk,
        "`memory`: `open_chunk`": opened(memory),
        "`shared_memory`: `open_chunk`, no copy": opened(shared),
    }
    seen = {name: fastest(read, indices) for name, read in kinds.items()}
    shared.delete_table()
    env.close()
    folder.cleanup()
    return seen


def fastest(read: Callable[[tuple[int]], Any], indices: list[tuple[int]]) -> float:
    """Return the microseconds of a read, in the fastest of many short rounds."""
    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        for index in indices:
            read(index)
        times.append((time.perf_counter() - start) / len(indices))
    return min(times) * 1e6


if __name__ == "__main__":
    main()
