"""Kill the primary of a synchronous pair while processes write; count what is lost.

    python failover.py [RUNS]

Each of four processes writes chunks through one `Array` that it opens once, and reports a
chunk only after the write returned. After two seconds the primary and everything it started
gets SIGKILL, and the standby is promoted. The processes go on for two seconds more with
the same `Array` objects. Then every chunk that was reported is read and compared.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from multiprocessing.synchronize import Event
from typing import Any

import numpy as np

import zarr_backends as zb
from zarr_backends_compliance.services import serve

WRITERS = 4
CHUNKS = 20_000
SIDE = 1024  # uint16: 2 KB a chunk


def write(url: str, writer: int, stop: Event, reports: Any) -> None:
    """Write chunk after chunk, and report those that were acknowledged."""
    array = zb.open(url, timeout_s=10.0)
    errors, longest, last = 0, 0.0, time.monotonic()
    for n in range(writer, CHUNKS, WRITERS):
        while True:
            try:
                array[n] = n % 60_000 + 1
                break
            except zb.BackendError as error:
                if not error.transient:
                    raise
                errors += 1
        now = time.monotonic()
        longest, last = max(longest, now - last), now
        reports.put(n)
        if stop.is_set():
            break
    reports.put((errors, longest))


def run(number: int) -> int:
    """Do it once; return how many acknowledged chunks are lost."""
    context = multiprocessing.get_context("spawn")
    with serve("postgresql_pair") as pair:
        array = zb.create(
            pair.url, shape=(CHUNKS, SIDE), chunks=(1, SIDE), dtype="uint16", compressor=None
        )
        stop, reports = context.Event(), context.Queue()
        writers = [
            context.Process(target=write, args=(pair.url, i, stop, reports)) for i in range(WRITERS)
        ]
        for writer in writers:
            writer.start()
        acknowledged: set[int] = {reports.get(timeout=60)}
        time.sleep(2)
        pair.fail_over()
        time.sleep(2)
        stop.set()
        ends = []
        while len(ends) < WRITERS:
            report = reports.get(timeout=60)
            if isinstance(report, tuple):
                ends.append(report)
            else:
                acknowledged.add(report)
        for writer in writers:
            writer.join()
        lost = sum(not np.all(array[n] == n % 60_000 + 1) for n in acknowledged)
        array.close()
    errors, gap = sum(end[0] for end in ends), max(end[1] for end in ends)
    print(f"{number:3} {len(acknowledged):12} {lost:5} {errors:7} {gap:6.2f} s", flush=True)
    return lost


if __name__ == "__main__":
    print("run acknowledged  lost  errors  longest gap")
    lost = sum(run(number + 1) for number in range(int(sys.argv[1]) if sys.argv[1:] else 10))
    sys.exit(f"{lost} acknowledged chunks are lost" if lost else 0)
