"""Time chunks of 80 KB: 100 writes and 100 reads, one by one and batched, by 1, 4, 16 threads.

    python speed.py [REPETITIONS]

A server on the loopback, with a file that is written before every answer and without, against
zarr-python's LocalStore, which is called as zarr-python calls it: on an event loop. The best
of all repetitions, in milliseconds for all 100.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from zarr.core.buffer import default_buffer_prototype
from zarr.storage import LocalStore

from zarr_backends_compliance.services.redis import start
from zarr_backends_redis import RedisBackend

COUNT, NBYTES = 100, 80_000
VALUE = random.Random(0).randbytes(NBYTES)  # noqa: S311  # no secret
KEYS = [f"c/{i}" for i in range(COUNT)]
THREADS = (1, 4, 16)


def timed(work: Callable[[], object]) -> float:
    """Return the milliseconds of a call."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def by_threads(count: int, work: Callable[[str], object]) -> float:
    """Time work on every key by some threads."""
    if count == 1:
        return timed(lambda: [work(key) for key in KEYS])
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(time.sleep, [0.01] * count))
        return timed(lambda: list(pool.map(work, KEYS)))


def rows_of(backend: RedisBackend) -> Iterator[tuple[str, float]]:
    """Yield what is timed of a server, once."""
    backend.delete_prefix("")
    for count in THREADS:
        yield f"write, {count} threads", by_threads(count, lambda key: backend.set(key, VALUE))
        yield f"read, {count} threads", by_threads(count, backend.get)
    yield "write, batched", timed(lambda: backend.set_many(dict.fromkeys(KEYS, VALUE)))
    yield "read, batched", timed(lambda: backend.get_many(KEYS))


def rows_of_local_store(folder: str) -> Iterator[tuple[str, float]]:
    """Yield the same of zarr-python's store; it has no batches, so those are gathered."""
    prototype = default_buffer_prototype()
    value = prototype.buffer.from_bytes(VALUE)

    async def by_tasks(count: int, *, write: bool) -> None:
        limit = asyncio.Semaphore(count)

        async def one(key: str) -> None:
            async with limit:
                await (store.set(key, value) if write else store.get(key, prototype))

        await asyncio.gather(*map(one, KEYS))

    store = LocalStore(folder)
    with asyncio.Runner() as runner:
        runner.run(store._open())  # noqa: SLF001  # its own way to open
        for count in (*THREADS, COUNT):
            name = f"{count} threads" if count < COUNT else "batched"
            yield f"write, {name}", timed(lambda: runner.run(by_tasks(count, write=True)))  # noqa: B023  # runs now
            yield f"read, {name}", timed(lambda: runner.run(by_tasks(count, write=False)))  # noqa: B023  # runs now


def main(repetitions: int) -> None:
    """Print a table."""
    table: dict[str, dict[str, list[float]]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        start() as always,
        start(appendonly=False) as memory,
        RedisBackend.create(url=always.url) as durable,
        RedisBackend.create(url=memory.url) as fleeting,
    ):
        servers = {"file, always": durable, "memory": fleeting}
        for _ in range(repetitions):
            for name, backend in servers.items():
                for row, milliseconds in rows_of(backend):
                    table.setdefault(row, {}).setdefault(name, []).append(milliseconds)
            for row, milliseconds in rows_of_local_store(folder):
                table[row].setdefault("LocalStore", []).append(milliseconds)
    names = [*servers, "LocalStore"]
    print(f"| 100 x 80 KB, ms | {' | '.join(names)} |")
    print(f"|---|{'---|' * len(names)}")
    for row, columns in table.items():
        cells = [f"{min(columns[name]):.0f}" for name in names]
        print(f"| {row} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 20)
