"""100 chunks of 80 KB in a database, beside zarr-python's LocalStore.

    python benchmarks/databases.py {mongodb,redis,shared-memory,sql} [--rounds N]

They are written and read one by one, by 1, 4 and 16 threads, and in batches. LocalStore is
called as zarr-python calls it, on an event loop, with as many tasks as there are threads; it
has no batches, so all tasks at once stand there. A round measures every store once; the table
has the medians of the rounds, in milliseconds for all 100. Servers run on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

from zarr.core.buffer import default_buffer_prototype
from zarr.storage import LocalStore

import zarr_backends as zb
from zarr_backends_compliance.services import serve
from zarr_backends_compliance.services.redis import start as start_redis

COUNT, NBYTES = 100, 80_000
_RANDOM = random.Random(0)  # noqa: S311  # no secret
VALUES = {f"c/{i}": _RANDOM.randbytes(NBYTES) for i in range(COUNT)}
THREADS = (1, 4, 16)
WHOLE = 20
"""Milliseconds from which on decimals would mean nothing."""

Times = Iterator[tuple[str, float]]


def timed(work: Callable[[], object]) -> float:
    """Return the milliseconds of a call."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def by_threads(count: int, work: Callable[[str], object]) -> float:
    """Return the milliseconds of work on every key, by some threads that run already."""
    if count == 1:
        return timed(lambda: [work(key) for key in VALUES])
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(time.sleep, [0.01] * count))
        return timed(lambda: list(pool.map(work, VALUES)))


def times_of(backend: Any) -> Times:
    """Yield what is timed of a backend, once."""
    backend.delete_prefix("")
    for count in THREADS:
        yield f"write, {count} at a time", by_threads(count, lambda k: backend.set(k, VALUES[k]))
        yield f"read, {count} at a time", by_threads(count, backend.get)
    yield "write, batched", timed(lambda: backend.set_many(VALUES))
    yield "read, batched", timed(lambda: backend.get_many(list(VALUES)))


def times_of_local_store(folder: str) -> Times:
    """Yield the same of zarr-python's store of files."""
    prototype = default_buffer_prototype()
    buffers = {key: prototype.buffer.from_bytes(value) for key, value in VALUES.items()}

    async def by_tasks(count: int, *, write: bool) -> None:
        turn = asyncio.Semaphore(count)

        async def one(key: str) -> None:
            async with turn:
                await (store.set(key, buffers[key]) if write else store.get(key, prototype))

        await asyncio.gather(*map(one, VALUES))

    with asyncio.Runner() as runner:
        store = runner.run(LocalStore.open(folder))
        runner.run(store.clear())
        for count in (*THREADS, COUNT):
            name = f"{count} at a time" if count < COUNT else "batched"
            for operation, write in (("write", True), ("read", False)):
                work = partial(by_tasks, count, write=write)
                yield f"{operation}, {name}", timed(lambda: runner.run(work()))  # noqa: B023  # called here


def mongodb(stack: ExitStack, folder: str) -> Mapping[str, Any]:
    """Return GridFS on one server, and on three."""
    del folder
    found = {}
    for service, name in (("mongod", "one server"), ("mongod_replica_set", "replica set of 3")):
        head, _, query = stack.enter_context(serve(service)).url.partition("?")
        url = f"{head}zarr?{query or 'authSource=admin'}"
        found[name] = zb.get_backend("mongo_gridfs").create(url=url)
    return found


def redis(stack: ExitStack, folder: str) -> Mapping[str, Any]:
    """Return a server that writes a file before every answer, and one that writes none."""
    del folder
    servers = {
        "`appendfsync always`": start_redis(),
        "nothing on disk": start_redis(appendonly=False),
    }
    return {
        name: zb.get_backend("redis").create(url=stack.enter_context(server).url)
        for name, server in servers.items()
    }


def shared_memory(stack: ExitStack, folder: str) -> Mapping[str, Any]:
    """Return a table of its own."""
    del folder
    table: Any = zb.get_backend("shared_memory").create()
    stack.callback(table.delete_table)
    return {"shared_memory": table}


def sql(stack: ExitStack, folder: str) -> Mapping[str, Any]:
    """Return SQLite and PostgreSQL, each as it is and without waiting for the disk."""
    server = stack.enter_context(serve("postgresql")).url
    threads = {"max_concurrency": max(THREADS)}
    fast = {"durability": "memory"}
    return {
        "SQLite": zb.get_backend("sql").create(url=f"sqlite:///{folder}/a.db", **threads),
        "SQLite, memory": zb.get_backend("sql").create(
            url=f"sqlite:///{folder}/b.db", **threads, **fast
        ),
        "PostgreSQL": zb.get_backend("sql").create(url=server),
        "PostgreSQL, memory": zb.get_backend("sql").create(url=server, table="unlogged", **fast),
    }


PLUGINS = {"mongodb": mongodb, "redis": redis, "shared-memory": shared_memory, "sql": sql}


def measured(plugin: str, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return milliseconds by row and column, one number a round."""
    table: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with ExitStack() as stack:
        # What is in memory is compared with files in memory.
        beside = "/dev/shm" if plugin == "shared-memory" else None  # noqa: S108  # a name is made
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=beside))
        backends = PLUGINS[plugin](stack, folder)
        for _ in range(rounds):
            for name, backend in backends.items():
                for row, milliseconds in times_of(backend):
                    table[row][name].append(milliseconds)
            for row, milliseconds in times_of_local_store(f"{folder}/local"):
                table[row]["LocalStore"].append(milliseconds)
        for backend in backends.values():
            backend.close()
    return table


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plugin", choices=PLUGINS)
    parser.add_argument("--rounds", type=int, default=9, help="of each (default 9)")
    options = parser.parse_args()
    table = measured(options.plugin, options.rounds)
    names = list(next(iter(table.values())))
    print(f"| {COUNT} x {NBYTES // 1000} KB, ms | {' | '.join(names)} |")
    print("|---" * (len(names) + 1) + "|")
    for row, columns in table.items():
        medians = [statistics.median(columns[name]) for name in names]
        cells = [f"{median:,.0f}" if median >= WHOLE else f"{median:.1f}" for median in medians]
        print(f"| {row} | {' | '.join(cells)} |")
    print(f"\nMedians of {options.rounds} rounds; {os.cpu_count()} processors.")


if __name__ == "__main__":
    main()
