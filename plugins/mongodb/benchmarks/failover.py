"""Four processes write to a replica set whose primary is killed: is an acknowledged chunk lost?

    python benchmarks/failover.py [RUNS]

Each run starts three servers, lets the processes write chunks of 2 KB and report every one
that was acknowledged, kills the primary with SIGKILL, and lets them go on. Then each of them,
with the `Array` that it has had from the beginning, and a new one read all that was reported.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

import zarr_backends
from zarr_backends_compliance.services import serve

_WRITERS = 4
_EACH = 100_000
"""Chunks that a writer has room for."""
_NBYTES = 2_000
_ENOUGH = 50
"""Chunks that every writer has acknowledged before the primary is killed, and again after it."""
_PATIENCE_S = 240.0


def write(writer: int, url: str, stop: Any, counts: Any, reports: Any) -> None:
    """Write chunks one after the other, and count each; then read them all."""
    array = zarr_backends.open(url)
    first = writer * _EACH
    errors, gap, last = 0, 0.0, time.monotonic()
    while not stop.is_set():
        chunk = first + counts[writer]
        try:
            array[chunk * _NBYTES : (chunk + 1) * _NBYTES] = np.uint8(1 + chunk % 250)
        except zarr_backends.BackendError:
            errors += 1
            continue
        counts[writer] += 1
        gap, last = max(gap, time.monotonic() - last), time.monotonic()
    reports.put((lost_of(array, range(first, first + counts[writer])), errors, gap))


def lost_of(array: Any, chunks: Iterable[int]) -> int:
    """Return how many chunks are not as they were written."""
    lost = 0
    for chunk in chunks:
        seen = array[chunk * _NBYTES : (chunk + 1) * _NBYTES]
        lost += not (seen == 1 + chunk % 250).all()
    return lost


def run() -> dict[str, Any]:
    """Do it once and return what was seen."""
    context = multiprocessing.get_context("spawn")
    with serve("mongod_replica_set") as servers:
        url = servers.url.replace("/?", "/zarr/arrays/failover?")
        shape = (_WRITERS * _EACH * _NBYTES,)
        zarr_backends.create(url, shape=shape, chunks=(_NBYTES,), dtype="uint8", compressor=None)
        stop, reports = context.Event(), context.Queue()
        counts = context.Array("q", _WRITERS)
        writers = [
            context.Process(target=write, args=(i, url, stop, counts, reports))
            for i in range(_WRITERS)
        ]
        for process in writers:
            process.start()
        wait_for_more(counts, [0] * _WRITERS)
        servers.kill_primary()  # type: ignore[attr-defined]  # of this service
        at_kill = list(counts)
        wait_for_more(counts, at_kill)
        stop.set()
        seen = [reports.get(timeout=_PATIENCE_S) for _ in writers]
        for process in writers:
            process.join()
        new = zarr_backends.open(url)
        chunks = [i * _EACH + n for i, count in enumerate(counts) for n in range(count)]
        return {
            "acknowledged": len(chunks),
            "of these at the kill": sum(at_kill),
            "lost": lost_of(new, chunks) + sum(lost for lost, _, _ in seen),
            "errors": sum(errors for _, errors, _ in seen),
            "longest gap, s": round(max(gap for _, _, gap in seen), 2),
        }


def wait_for_more(counts: Any, before: list[int]) -> None:
    """Wait until every writer has written enough more than before.

    Raises:
        TimeoutError: One does not go on.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while any(now < old + _ENOUGH for now, old in zip(counts, before, strict=True)):
        if time.monotonic() > deadline:
            message = f"writers stand at {list(counts)}"
            raise TimeoutError(message)
        time.sleep(0.02)


def main() -> None:
    """Run and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    for number in range(1, runs + 1):
        seen = run()
        print(number, ", ".join(f"{name} {value}" for name, value in seen.items()), flush=True)
        if seen["lost"]:
            sys.exit("a chunk was lost")


if __name__ == "__main__":
    main()
