"""Whole reads, whole writes, single elements and opening, against other Zarr libraries.

Run from the root of the repository::

    tox run -e bench

Every library reads and writes the same data with the same zstd chunks in one temporary
folder. A round measures every library once, in an order that turns from round to round,
and divides our time by each peer's time of the same round; what is printed is the median
of these ratios, so a machine that slows down for a while slows both sides. Below 1 we are
faster. Caches of the peers are off, files are in the page cache for all.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np
from peers import CASES, Case, Loop, Ours, Peer, peers
from report import insert

SINGLE_READS = 1000
"""Elements that are read one by one."""

ELEMENTS = f"{SINGLE_READS} elements"

OPENS = 50
"""Times an array is opened for one measurement."""


def field(shape: tuple[int, int]) -> np.ndarray:
    """Return a smooth field with measuring noise, which zstd packs to about a half."""
    noise = np.random.default_rng(5).normal(0, 0.02, shape)
    y, x = np.ogrid[: shape[0], : shape[1]]
    return np.round(280 + 10 * np.sin(y / 300) * np.cos(x / 500) + noise, 2).astype("float32")


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


class Measurement:
    """Seconds by operation and library, one number a round."""

    def __init__(self, case: Case, folder: Path) -> None:
        """Store the data that is read."""
        self.case, self.folder = case, folder
        self.data = field(case.shape)
        self.points = np.random.default_rng(6).integers(0, case.shape, (SINGLE_READS, 2)).tolist()
        self.source, self.target = str(folder / "source"), str(folder / "target")
        self.times: dict[str, dict[str, list[float]]] = {}
        Ours().write(Ours().create(self.source, case), self.data)

    def note(self, operation: str, library: Peer, call: Callable[[], object]) -> None:
        """Measure one call."""
        self.times.setdefault(operation, {}).setdefault(library.name, []).append(seconds(call))

    def round(self, library: Peer) -> None:
        """Measure everything that a library can do."""
        if isinstance(library, Loop) and self.case.shards:
            return
        array = library.open(self.source)
        self.note("whole read", library, lambda: library.read(array))
        if isinstance(library, Loop):
            return
        self.note(ELEMENTS, library, lambda: [library.element(array, i, j) for i, j in self.points])
        self.note("open", library, lambda: [library.open(self.source) for _ in range(OPENS)])
        new = library.create(self.target, self.case)
        self.note("whole write", library, lambda: library.write(new, self.data))
        shutil.rmtree(self.target)

    def check(self, library: Peer) -> None:
        """Compare what a library reads and writes with the data."""
        if isinstance(library, Loop):
            return
        np.testing.assert_array_equal(library.read(library.open(self.source)), self.data)
        library.write(library.create(self.target, self.case), self.data)
        np.testing.assert_array_equal(Ours().read(Ours().open(self.target)), self.data)
        shutil.rmtree(self.target)


def measure(case: Case, folder: Path, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return seconds by operation and library, after every library was checked and warm."""
    libraries, measurement = peers(), Measurement(case, folder)
    for library in libraries:
        measurement.check(library)
    for turn in range(rounds):
        first = turn % len(libraries)
        for library in libraries[first:] + libraries[:first]:
            measurement.round(library)
    return measurement.times


def one_process() -> ProcessPoolExecutor:
    """Return a new process for one case: what others leave in memory does not weigh on it."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


def table(results: dict[str, dict[str, dict[str, list[float]]]]) -> str:
    """Return the medians of our time divided by each peer's, as a Markdown table."""
    names = [peer.name for peer in peers()][1:]
    lines = [f"| data | operation | ours | {' | '.join(names)} |", "|---" * (len(names) + 3) + "|"]
    for case, operations in results.items():
        for operation in ("whole read", "whole write", ELEMENTS, "open"):
            by = operations[operation]
            ours = by["zarr-backends"]
            cells = [
                f"{statistics.median(a / b for a, b in zip(ours, by[n], strict=True)):.2f}"
                if n in by
                else ""
                for n in names
            ]
            count = OPENS if operation == "open" else 1
            shown = f"{1000 * statistics.median(ours) / count:.2g} ms"
            lines.append(f"| {case} | {operation} | {shown} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure every case and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="measurements of each (default 9)")
    parser.add_argument("--case", help="only the cases whose name contains this")
    parser.add_argument("--write", type=Path, help="put the table into this README")
    options = parser.parse_args()
    results = {}
    for case in CASES:
        if options.case and options.case not in case.name:
            continue
        with tempfile.TemporaryDirectory() as folder, one_process() as process:
            work = process.submit(measure, case, Path(folder), options.rounds)
            results[case.name] = work.result()
        print(f"measured {case.name}", flush=True)
    packages = ("zarr", "zarrs", "tensorstore", "zstandard", "numpy")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    text = (
        f"{table(results)}\n\nOur time divided by the peer's, median of {options.rounds} rounds; "
        f'below 1 we are faster. "open" is one of {OPENS}. Python {platform.python_version()}, '
        f"{os.cpu_count()} cores, {versions}."
    )
    print(text)
    if options.write:
        insert(options.write, "speed", text)


if __name__ == "__main__":
    main()
