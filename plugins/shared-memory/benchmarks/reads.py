"""What reading a chunk costs: beside a dictionary, and beside the same through the contract.

Run: python reads.py
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

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

    kinds: dict[str, Callable[[tuple[int]], Any]] = {
        "a dictionary, `d[index]`": plain.__getitem__,
        "`memory`, a dictionary behind the contract: `read_chunk`": memory.read_chunk,
        "`shared_memory`: `read_chunk`, a copy": shared.read_chunk,
        "`memory`: `open_chunk`": opened(memory),
        "`shared_memory`: `open_chunk`, no copy": opened(shared),
    }
    seen = {name: fastest(read, indices) for name, read in kinds.items()}
    shared.delete_table()
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
