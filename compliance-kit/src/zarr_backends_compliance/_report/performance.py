"""How fast a backend is, beside `memory` and `filesystem` on the same machine.

Each cell of the profile is one operation (put or get) on chunks of one size with so many
threads. Threads write and read chunks of their own for a moment; of their calls the median
duration is kept, and how many there were in a second.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from zarr_backends import ZarrBackendsError
from zarr_backends_compliance._kernel.samples import payload
from zarr_backends_compliance._kernel.target import Target, find_target
from zarr_backends_compliance._kernel.trial import Trial

__all__ = ["NBYTES", "THREADS", "Cell", "profile_of", "profiles_beside"]

NBYTES = (4_096, 81_920, 2**20)
"""Sizes of chunks."""

THREADS = (1, 4, 16)
"""Numbers of threads that work at once."""

_CELL_S = 0.1
"""Seconds that one cell is measured."""

_CHUNKS = 4
"""Chunks that each thread uses in turn."""


class Cell(NamedTuple):
    """What was measured for one operation, size and number of threads."""

    operation: str
    """``put`` or ``get``."""
    nbytes: int
    threads: int
    latency_s: float
    """Median duration of one call."""
    per_second: float
    """Calls a second, of all threads together."""

    @property
    def nbytes_per_second(self) -> float:
        """Bytes a second, of all threads together."""
        return self.per_second * self.nbytes


def profiles_beside(target: Target, folder: str) -> dict[str, list[Cell]]:
    """Return the profiles of a backend and of the two that it is compared with.

    Args:
        target: What is tested; it is called ``backend`` in the result.
        folder: Folder for the kit's own files.
    """
    profiles = {"backend": profile_of(target, folder)}
    for name in ("memory", "filesystem"):
        profiles[name] = profile_of(find_target(name, {}, folder), folder)
    return profiles


def profile_of(target: Target, folder: str) -> list[Cell]:
    """Return every cell of a backend; none where it fails.

    Args:
        target: What is measured.
        folder: Folder for the kit's own files.
    """
    trial = Trial(target, folder=folder)
    try:
        backend = trial.array("speed", shape=(max(THREADS) * _CHUNKS,))
        return list(_cells(trial, backend))
    except (ZarrBackendsError, AssertionError):
        return []  # the checks say why
    finally:
        trial.finish()


def _cells(trial: Trial, backend: Any) -> Iterator[Cell]:
    """Yield the cells one after the other; gets read what puts have written."""
    for nbytes, threads in itertools.product(NBYTES, THREADS):
        data = payload(nbytes)

        def put(i: int, data: bytes = data) -> None:
            backend.write_chunk((i,), data)

        def get(i: int) -> None:
            backend.read_chunk((i,))

        for operation in (put, get):
            if operation is get:
                trial.settle(backend)
            yield _cell(trial, operation, nbytes, threads)


def _cell(trial: Trial, operation: Callable[[int], None], nbytes: int, threads: int) -> Cell:
    """Measure one cell."""
    start = time.perf_counter()
    durations = trial.threads(threads, _timed, operation)
    seconds = time.perf_counter() - start
    every = list(itertools.chain.from_iterable(durations))
    return Cell(operation.__name__, nbytes, threads, statistics.median(every), len(every) / seconds)


def _timed(thread: int, operation: Callable[[int], None]) -> list[float]:
    """Call an operation for a moment, on every chunk of a thread at least once."""
    durations: list[float] = []
    end = time.perf_counter() + _CELL_S
    for i in itertools.count():
        start = time.perf_counter()
        if i >= _CHUNKS and start > end:
            return durations
        operation(thread * _CHUNKS + i % _CHUNKS)
        durations.append(time.perf_counter() - start)
    return durations
