"""Move amounts between elements of an array in transactions while others read all of it.

    python benchmarks/isolation.py [SECONDS]

Eight processes move amounts; each element is a chunk of its own. Two more processes read
the whole array, one in transactions and one in read-only transactions. Every sum that is
read, and the last one, has to be the first one. SQLite, PostgreSQL, then shared memory.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from typing import Any

import zarr_backends as zb
from zarr_backends_compliance.services import serve

MOVERS = 8
ELEMENTS = 16
TOTAL = 1000 * ELEMENTS


def move(url: str, seed: int, seconds: float, barrier: Any, results: Any) -> None:
    """Move amounts until the end; count what was done and what was refused."""
    chance = random.Random(seed)  # noqa: S311  # no secret
    array, counts = zb.open(url), Counter[str]()
    barrier.wait(120)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        source, target = chance.sample(range(ELEMENTS), 2)
        amount = chance.randrange(1, 100)
        try:
            with array.backend.transaction():
                left, right = int(array[source]), int(array[target])
                array[source] = left - amount
                array[target] = right + amount
            counts["moves"] += 1
        except zb.ConflictError:
            counts["conflicts"] += 1
    results.put(counts)


def watch(url: str, only: str, seconds: float, barrier: Any, results: Any) -> None:
    """Read everything until the end; count right and wrong sums."""
    array, counts = zb.open(url), Counter[str]()
    barrier.wait(120)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with array.backend.transaction(read_only=only == "reads"):
                total = int(array[:].sum())
        except zb.ConflictError:
            counts["conflicts of readers"] += 1
            continue
        counts["right sums" if total == TOTAL else "WRONG SUMS"] += 1
    results.put(counts)


def run(name: str, url: str, seconds: float) -> int:
    """Do it on one database; return how many sums were wrong."""
    context = multiprocessing.get_context("spawn")
    array = zb.create(url, shape=(ELEMENTS,), chunks=(1,), dtype="int64", compressor=None)
    array[:] = TOTAL // ELEMENTS
    results, barrier = context.Queue(), context.Barrier(MOVERS + 2)
    processes = [
        context.Process(target=move, args=(url, i, seconds, barrier, results))
        for i in range(MOVERS)
    ] + [
        context.Process(target=watch, args=(url, only, seconds, barrier, results))
        for only in ("", "reads")
    ]
    for process in processes:
        process.start()
    counts = sum((results.get(timeout=seconds + 180) for _ in processes), Counter[str]())
    for process in processes:
        process.join()
    counts["WRONG SUMS"] += int(array[:].sum() != TOTAL)
    array.close()
    print(f"{name}: {', '.join(f'{n} {what}' for what, n in sorted(counts.items()))}", flush=True)
    return counts["WRONG SUMS"]


if __name__ == "__main__":
    duration = float(sys.argv[1]) if sys.argv[1:] else 10.0
    with tempfile.TemporaryDirectory() as folder:
        wrong = run("SQLite", f"sqlite:///{folder}/isolation.db", duration)
    with serve("postgresql") as server:
        wrong += run("PostgreSQL", server.url, duration)
    wrong += run("shared memory", f"shm://isolation-{os.getpid()}", duration)
    sys.exit(f"{wrong} sums were wrong" if wrong else 0)
