"""100 chunks of 80 KB written and read, one by one and batched, by 1, 4 and 16 threads.

Run: python speed.py

Beside it: the same through zarr-python's LocalStore, in /dev/shm as well.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from zarr.core.buffer import default_buffer_prototype
from zarr.core.buffer.cpu import Buffer
from zarr.storage import LocalStore

from zarr_backends_shared_memory import SharedMemoryBackend

_COUNT, _NBYTES, _ROUNDS = 100, 80_000, 7
_THREADS = (1, 4, 16)
_CHUNKS = {f"c/{i}": os.urandom(_NBYTES) for i in range(_COUNT)}
_PROTOTYPE = default_buffer_prototype()


def main() -> None:
    """Print milliseconds for 100 chunks."""
    backend: Any = SharedMemoryBackend.create()
    keys = list(_CHUNKS)
    rows = {
        "write one by one": [spread(lambda k: backend.set(k, _CHUNKS[k]), n) for n in _THREADS],
        "read one by one": [spread(backend.get, n) for n in _THREADS],
        "write batched": [fastest(lambda: backend.set_many(_CHUNKS)), None, None],
        "read batched": [fastest(lambda: backend.get_many(keys)), None, None],
    }
    backend.delete_table()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        rows["LocalStore: write"] = [local(LocalStore(folder), n, write=True) for n in _THREADS]
        rows["LocalStore: read"] = [local(LocalStore(folder), n, write=False) for n in _THREADS]
    print(
        f"| {_COUNT} chunks of 80 KB, ms | 1 thread | 4 threads | 16 threads |\n|---|---|---|---|"
    )
    for name, times in rows.items():
        shown = " | ".join("" if ms is None else f"{ms:.1f}" for ms in times)
        print(f"| {name} | {shown} |")


def spread(call: Callable[[str], Any], threads: int) -> float:
    """Return the milliseconds of a call for every chunk, spread over threads."""
    if threads == 1:
        return fastest(lambda: [call(key) for key in _CHUNKS])
    with ThreadPoolExecutor(threads) as pool:
        return fastest(lambda: list(pool.map(call, _CHUNKS)))


def local(store: LocalStore, at_a_time: int, *, write: bool) -> float:
    """Return the same of zarr-python's store, so many calls at a time."""

    async def one(key: str, turn: asyncio.Semaphore) -> None:
        async with turn:
            if write:
                await store.set(key, Buffer.from_bytes(_CHUNKS[key]))
            else:
                await store.get(key, _PROTOTYPE)

    async def every() -> None:
        turn = asyncio.Semaphore(at_a_time)
        await asyncio.gather(*(one(key, turn) for key in _CHUNKS))

    return fastest(lambda: asyncio.run(every()))


def fastest(call: Callable[[], Any]) -> float:
    """Return milliseconds, in the fastest of some rounds."""
    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


if __name__ == "__main__":
    main()
