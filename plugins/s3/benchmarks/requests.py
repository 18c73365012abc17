"""Time 100 chunks of 80 KB and 10 of 8 MB, one by one and batched, and the processor's part in it.

    python requests.py [REPETITIONS]

On the loopback, on Ceph's gateway where it is installed, else on moto. The best of all
repetitions, in milliseconds for each chunk: by the clock, and of this process's processor time.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator

from zarr_backends_compliance.services import Service, ServiceUnavailableError, serve
from zarr_backends_s3 import S3Backend

SIZES = {"80 KB": (100, 80_000), "8 MB": (10, 8_000_000)}


def timed(count: int, work: Callable[[], object]) -> tuple[float, float]:
    """Return the milliseconds of a call by clock and by processor, for each of some chunks."""
    began, used = time.perf_counter(), time.process_time()
    work()
    scale = 1000 / count
    return (time.perf_counter() - began) * scale, (time.process_time() - used) * scale


def rows_of(backend: S3Backend) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield what is timed, once."""
    for size, (count, nbytes) in SIZES.items():
        value = random.Random(0).randbytes(nbytes)  # noqa: S311  # no secret
        values = {f"c/{i}": value for i in range(count)}
        keys = list(values)
        yield f"write {size}", timed(count, lambda: [backend.set(k, v) for k, v in values.items()])  # noqa: B023  # runs now
        yield f"read {size}", timed(count, lambda: [backend.get(key) for key in keys])  # noqa: B023  # runs now
        yield f"write {size}, batched", timed(count, lambda: backend.set_many(values))  # noqa: B023  # runs now
        yield f"read {size}, batched", timed(count, lambda: backend.get_many(keys))  # noqa: B023  # runs now
        yield f"delete {size}, batched", timed(count, lambda: backend.delete_many(keys))  # noqa: B023  # runs now


def started() -> tuple[str, Service]:
    """Return a server, and its name."""
    try:
        return "Ceph", serve("ceph")
    except ServiceUnavailableError:
        return "moto", serve("s3")


def main(repetitions: int) -> None:
    """Print a table."""
    name, service = started()
    table: dict[str, list[tuple[float, float]]] = {}
    with service as server:
        names = ("endpoint_url", "bucket", "region", "key", "secret")
        options = {option: server.options[option] for option in names}
        with S3Backend.create(**options, prefix="speed") as backend:
            backend.get("c/0")  # finds the credentials and connects
            for _ in range(repetitions):
                for row, times in rows_of(backend):
                    table.setdefault(row, []).append(times)
    print(f"| ms a chunk, {name} | clock | processor |")
    print("|---|---|---|")
    for row, seen in table.items():
        clock, processor = (min(column) for column in zip(*seen, strict=True))
        print(f"| {row} | {clock:.1f} | {processor:.1f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 5)
