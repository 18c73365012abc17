"""How long 100 writes and 100 reads of 80 KB take, beside zarr-python's LocalStore.

    python benchmarks/speed.py

One by one with 1, 4 and 16 threads, and in batches; milliseconds for all 100, the best of
five. The server runs on the same machine, alone and as a replica set of three.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from zarr.core.buffer import cpu, default_buffer_prototype
from zarr.storage import LocalStore

import zarr_backends
from zarr_backends_compliance.services import serve
from zarr_backends_mongodb import MongoGridfsBackend

_COUNT = 100
_NBYTES = 80_000
_KEYS = [f"c/{i}" for i in range(_COUNT)]
_VALUES = {key: os.urandom(_NBYTES) for key in _KEYS}


def timed(call: Callable[[], object]) -> str:
    """Return the milliseconds that the fastest of five calls takes."""
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
    return f"{best * 1000:6.0f}"


def by_threads(count: int, call: Callable[[str], object]) -> Callable[[], object]:
    """Return a function that calls for every key, some at a time."""

    def run() -> None:
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(call, _KEYS))

    return run


def row(name: str, cells: Iterable[str]) -> None:
    """Print a line of the table."""
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def of_backend(backend: MongoGridfsBackend) -> tuple[list[str], list[str]]:
    """Return the times of writing and reading."""
    backend.set_many(_VALUES)
    writes = [timed(by_threads(n, lambda k: backend.set(k, _VALUES[k]))) for n in (1, 4, 16)]
    reads = [timed(by_threads(n, backend.get)) for n in (1, 4, 16)]
    writes.append(timed(lambda: backend.set_many(_VALUES)))
    reads.append(timed(lambda: backend.get_many(_KEYS)))
    return writes, reads


def of_local_store(folder: str) -> tuple[list[str], list[str]]:
    """Return the same of zarr-python's store of files, which is asynchronous."""
    store = asyncio.run(LocalStore.open(folder))
    buffers = {key: cpu.Buffer.from_bytes(value) for key, value in _VALUES.items()}
    prototype = default_buffer_prototype()

    def every(limit: int, call: Callable[[str], Any]) -> Callable[[], object]:
        async def one(key: str, turn: asyncio.Semaphore) -> None:
            async with turn:
                await call(key)

        async def run() -> None:
            turn = asyncio.Semaphore(limit)
            await asyncio.gather(*(one(key, turn) for key in _KEYS))

        return lambda: asyncio.run(run())

    writes = [timed(every(n, lambda k: store.set(k, buffers[k]))) for n in (1, 4, 16)]
    reads = [timed(every(n, lambda k: store.get(k, prototype))) for n in (1, 4, 16)]
    return [*writes, "-"], [*reads, "-"]


def main() -> None:
    """Measure and print."""
    print("| 100 x 80 KB, ms | 1 thread | 4 threads | 16 threads | batch |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        writes, reads = of_local_store(folder)
    row("LocalStore, write", writes)
    row("LocalStore, read", reads)
    for service, name in (("mongod", "one server"), ("mongod_replica_set", "replica set")):
        with serve(service) as servers:
            head, _, query = servers.url.partition("?")
            url = f"{head}zarr?{query or 'authSource=admin'}"
            with MongoGridfsBackend.create(url=url) as backend:
                writes, reads = of_backend(backend)
        row(f"{name}, replace", writes)
        row(f"{name}, read", reads)
    print(f"zarr-backends {zarr_backends.__version__}")


if __name__ == "__main__":
    main()
