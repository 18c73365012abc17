"""Whole reads and writes and single chunks on S3, as far away as a cloud is.

Run from the root of the repository::

    python core/benchmarks/cloud.py --write core/benchmarks/README.md

A real S3 server runs on this machine (Ceph's gateway), and each request to it takes 20 ms, or
80 ms, longer on its way through a proxy. Every library reads and writes the same
data, uncompressed, so that only transport is measured. A round measures every library once, in
an order that turns from round to round; ratios are medians of those of the same round.

The bound is what no library with so many requests at a time can beat: requests / requests at
a time x delay + bytes / bandwidth, the latter being that of one large object on the same line
without a delay.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import obstore
from cloud_peers import CASES, IN_FLIGHT, Case, Ours, Place, ZarrPython, peers
from report import insert
from slow_line import slow_line

from zarr_backends_compliance.services import Service, serve

DELAYS_S = (0.02, 0.08)

SINGLES = 10
"""Chunks that are read one after the other for one measurement."""

LARGE_NBYTES = 2**25
"""Size of the object by which the bandwidth is measured."""

OPERATIONS = ("whole read", "whole write", "single chunk")


@dataclass
class Bandwidth:
    """Bytes per second of the line, without a delay."""

    read: float
    write: float


@dataclass
class Measurement:
    """Seconds by operation and library, one number a round."""

    case: Case
    place: Place
    delay_s: float
    bandwidth: Bandwidth
    times: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Store the data that is read, and open it in every library."""
        self.data = np.random.default_rng(5).random(self.case.shape, dtype=np.float32)
        self.source = f"source/{self.case.name.replace(' ', '')}"
        source = Ours("obstore").create(self.place, self.source, self.case)
        source[...] = self.data
        self.opened: dict[str, Any] = {}
        self.targets: dict[str, Any] = {}

    def prepare(self, number: int, library: Any) -> None:
        """Open the arrays of a library, and compare what it reads and writes with the data."""
        self.opened[library.name] = array = library.open(self.place, self.source)
        np.testing.assert_array_equal(library.read(array), self.data)
        target = library.create(self.place, f"target/{number}", self.case)
        self.targets[library.name] = target
        library.write(target, self.data)
        written = Ours("obstore").open(self.place, f"target/{number}")
        np.testing.assert_array_equal(written[...], self.data)

    def round(self, library: Any, turn: int) -> None:
        """Measure everything that a library does."""
        array, target = self.opened[library.name], self.targets[library.name]
        self._note("whole read", library, lambda: library.read(array))
        self._note("whole write", library, lambda: library.write(target, self.data))
        selections = self._chunks(turn)
        self._note("single chunk", library, lambda: [library.read(array, s) for s in selections])

    def bound(self, operation: str) -> float:
        """Return the seconds that an operation takes at least."""
        if operation == "single chunk":
            nbytes = 4 * self.case.chunks[0] * self.case.chunks[1]
            return SINGLES * (self.delay_s + nbytes / self.bandwidth.read)
        bandwidth = self.bandwidth.read if operation == "whole read" else self.bandwidth.write
        requests = self.case.grid[0] * self.case.grid[1]
        return requests / IN_FLIGHT * self.delay_s + self.data.nbytes / bandwidth

    def _chunks(self, turn: int) -> list[tuple[slice, slice]]:
        """Return selections of whole chunks, the same ones for all libraries."""
        rows, columns = self.case.chunks
        points = np.random.default_rng(turn).integers(0, self.case.grid, (SINGLES, 2)).tolist()
        return [
            (slice(i * rows, (i + 1) * rows), slice(j * columns, (j + 1) * columns))
            for i, j in points
        ]

    def _note(self, operation: str, library: Any, call: Callable[[], object]) -> None:
        """Measure one call."""
        start = time.perf_counter()
        call()
        took = time.perf_counter() - start
        self.times.setdefault(operation, {}).setdefault(library.name, []).append(took)


def bandwidth_of(place: Place) -> Bandwidth:
    """Return how fast one large object passes, the best of three times in each direction."""
    store = ZarrPython("obstore", None).store(place, "large").store
    content = bytes(LARGE_NBYTES)
    reads, writes = [], []
    for _ in range(3):
        start = time.perf_counter()
        obstore.put(store, "object", content, use_multipart=False)
        middle = time.perf_counter()
        memoryview(obstore.get(store, "object").bytes())
        reads.append(time.perf_counter() - middle)
        writes.append(middle - start)
    return Bandwidth(LARGE_NBYTES / min(reads), LARGE_NBYTES / min(writes))


def measure(server: Service, rounds: int, cases: list[Case]) -> list[Measurement]:
    """Return the measurements of every case and delay, after every library was checked."""
    libraries, found = peers(), []
    with ExitStack() as stack:
        plain = stack.enter_context(slow_line(server.host, server.port, 0))
        bandwidth = bandwidth_of(Place(server.options, plain))
        for delay_s in DELAYS_S:
            port = stack.enter_context(slow_line(server.host, server.port, delay_s))
            place = Place(server.options, port)
            found += [Measurement(case, place, delay_s, bandwidth) for case in cases]
        for one in found:
            for number, library in enumerate(libraries):
                one.prepare(number, library)
            for turn in range(rounds):
                first = turn % len(libraries)
                for library in libraries[first:] + libraries[:first]:
                    one.round(library, turn)
            print(f"measured {one.case.name} at {1000 * one.delay_s:.0f} ms", flush=True)
    return found


def table(found: list[Measurement], name: str) -> str:
    """Return our times, and their ratios to the bound and to each library's, in Markdown."""
    others = [peer.name for peer in peers() if peer.name != name]
    heads = ["delay", "data", "operation", name, "/ bound", *(f"/ {other}" for other in others)]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for one in found:
        for operation in OPERATIONS:
            by = one.times[operation]
            count = SINGLES if operation == "single chunk" else 1
            mine = statistics.median(by[name])
            ratios = [mine / one.bound(operation)]
            ratios += [
                statistics.median(a / b for a, b in zip(by[name], by[other], strict=True))
                for other in others
            ]
            cells = [f"{1000 * one.delay_s:.0f} ms", one.case.name, operation]
            cells += [f"{1000 * mine / count:.0f} ms", *(f"{ratio:.2f}" for ratio in ratios)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure every case and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each (default 7)")
    parser.add_argument("--case", default="", help="only the cases whose name contains this")
    parser.add_argument("--write", type=Path, help="put the tables into this README")
    options = parser.parse_args()
    cases = [case for case in CASES if options.case in case.name]
    with serve("ceph") as server:
        os.environ["AWS_ACCESS_KEY_ID"] = server.options["key"]
        os.environ["AWS_SECRET_ACCESS_KEY"] = server.options["secret"]
        os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
        found = measure(server, options.rounds, cases)
    packages = ("obstore", "s3fs", "tensorstore", "zarr", "numpy")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    line = found[0].bandwidth
    tables = [table(found, peer.name) for peer in peers() if isinstance(peer, Ours)]
    text = "\n\n".join(tables) + (
        f"\n\nOur time, and that divided by the bound and by each peer's: medians of "
        f"{options.rounds} rounds; below 1 we are faster. The bound has {IN_FLIGHT} requests at "
        f"a time, {line.read / 1e6:.0f} MB/s for reads and {line.write / 1e6:.0f} MB/s for "
        f"writes; a number after a library is how many it was given. Python "
        f"{platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[1]:.0f} "
        f"of all programs, {versions}."
    )
    print(text)
    if options.write:
        insert(options.write, "cloud", text)


if __name__ == "__main__":
    main()
