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
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore as ts
import zarr
import zstandard
from report import insert

import zarr_backends as zb

LEVEL = 3
"""zstd level of every chunk."""

SINGLE_READS = 1000
"""Elements that are read one by one."""

OPENS = 50
"""Times an array is opened for one measurement."""

ZSTD = {"name": "zstd", "configuration": {"level": LEVEL, "checksum": False}}


@dataclass(frozen=True)
class Case:
    """One layout of the same amount of data."""

    name: str
    shape: tuple[int, int]
    chunks: tuple[int, int]
    shards: tuple[int, int] | None = None


CASES = [
    Case("32 KB chunks", (4096, 4096), (64, 128)),
    Case("80 KB chunks", (4000, 4000), (100, 200)),
    Case("1 MB chunks", (4096, 4096), (512, 512)),
    Case("8 MB chunks", (4096, 4096), (1024, 2048)),
    Case("shards of 64 x 64 KB", (4096, 4096), (128, 128), (1024, 1024)),
]


class Peer:
    """A library, as four operations on an array in a folder."""

    name: str

    def create(self, path: str, case: Case) -> Any:
        """Make an array."""
        raise NotImplementedError

    def open(self, path: str) -> Any:
        """Open an array that exists."""
        raise NotImplementedError

    def read(self, array: Any) -> Any:
        """Read everything."""
        return array[...]

    def write(self, array: Any, data: np.ndarray) -> None:
        """Write everything."""
        array[...] = data

    def element(self, array: Any, i: int, j: int) -> Any:
        """Read one element."""
        return array[i, j]


class Ours(Peer):
    """This project."""

    name = "zarr-backends"

    def create(self, path: str, case: Case) -> Any:
        return zb.create(
            path, shape=case.shape, chunks=case.chunks, shards=case.shards, dtype="float32",
            compressor=ZSTD,
        )  # fmt: skip

    def open(self, path: str) -> Any:
        return zb.open(path)


class ZarrPython(Peer):
    """zarr-python with one of its codec pipelines."""

    def __init__(self, name: str, pipeline: str | None) -> None:
        self.name = name
        self.settings = {} if pipeline is None else {"codec_pipeline.path": pipeline}

    def create(self, path: str, case: Case) -> Any:
        with zarr.config.set(self.settings):
            return zarr.create_array(
                store=path, shape=case.shape, chunks=case.chunks, shards=case.shards,
                dtype="float32", compressors=zarr.codecs.ZstdCodec(level=LEVEL),
            )  # fmt: skip

    def open(self, path: str) -> Any:
        with zarr.config.set(self.settings):
            return zarr.open_array(path, mode="r+", zarr_format=3)


class TensorStore(Peer):
    """tensorstore's zarr3 driver without a cache."""

    name = "tensorstore"

    def __init__(self) -> None:
        self.context = ts.Context({"cache_pool": {"total_bytes_limit": 0}})

    def spec(self, path: str) -> dict[str, Any]:
        """Return what names an array."""
        return {"driver": "zarr3", "kvstore": {"driver": "file", "path": path}}

    def create(self, path: str, case: Case) -> Any:
        codecs: list[Any] = [{"name": "bytes", "configuration": {"endian": "little"}}, ZSTD]
        if case.shards:
            inner = {"chunk_shape": case.chunks, "codecs": codecs}
            codecs = [{"name": "sharding_indexed", "configuration": inner}]
        grid = {"name": "regular", "configuration": {"chunk_shape": case.shards or case.chunks}}
        metadata = {
            "shape": case.shape, "data_type": "float32", "chunk_grid": grid, "codecs": codecs,
            "fill_value": 0.0,
        }  # fmt: skip
        spec = {**self.spec(path), "metadata": metadata, "create": True}
        return ts.open(spec, context=self.context).result()

    def open(self, path: str) -> Any:
        return ts.open(self.spec(path), context=self.context).result()

    def read(self, array: Any) -> Any:
        return array.read().result()

    def write(self, array: Any, data: np.ndarray) -> None:
        array.write(data).result()

    def element(self, array: Any, i: int, j: int) -> Any:
        return array[i, j].read().result()


class Loop(Peer):
    """What a user would write by hand: two threads that read, decompress and copy."""

    name = "hand-written loop"

    def open(self, path: str) -> Any:
        document = json.loads((Path(path) / "zarr.json").read_bytes())
        return path, document["shape"], document["chunk_grid"]["configuration"]["chunk_shape"]

    def read(self, array: Any) -> Any:
        path, shape, (rows, columns) = array
        out = np.empty(shape, "float32")

        def work(row: int) -> None:
            codec = zstandard.ZstdDecompressor()
            for column in range(shape[1] // columns):
                raw = Path(f"{path}/c/{row}/{column}").read_bytes()
                chunk = np.frombuffer(codec.decompress(raw), "float32").reshape(rows, columns)
                place = np.s_[
                    row * rows : (row + 1) * rows, column * columns : (column + 1) * columns
                ]
                out[place] = chunk

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(work, range(shape[0] // rows)))
        return out


def peers() -> list[Peer]:
    """Return this project and what it is compared with."""
    fused = hasattr(zarr.core.codec_pipeline, "FusedCodecPipeline")
    return [
        Ours(),
        TensorStore(),
        ZarrPython("zarr-python, zarrs pipeline", "zarrs.ZarrsCodecPipeline"),
        *([ZarrPython("zarr-python, fused pipeline", "zarr.core.codec_pipeline.FusedCodecPipeline")] if fused else []),
        ZarrPython("zarr-python", None),
        Loop(),
    ]  # fmt: skip


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


def measure(case: Case, folder: Path, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return seconds by operation and library, one number a round."""
    data, libraries = field(case.shape), peers()
    points = np.random.default_rng(6).integers(0, case.shape, (SINGLE_READS, 2)).tolist()
    source = str(folder / "source")
    Ours().write(Ours().create(source, case), data)
    times: dict[str, dict[str, list[float]]] = {}

    def note(operation: str, library: Peer, call: Callable[[], object]) -> None:
        times.setdefault(operation, {}).setdefault(library.name, []).append(seconds(call))

    for turn in range(rounds + 1):
        for library in libraries[turn % len(libraries) :] + libraries[: turn % len(libraries)]:
            if isinstance(library, Loop) and case.shards:
                continue
            array = library.open(source)
            if turn == 0:
                np.testing.assert_array_equal(library.read(array), data)
            note("whole read", library, lambda: library.read(array))  # noqa: B023  # called at once
            if isinstance(library, Loop):
                continue
            note(
                "1000 elements", library, lambda: [library.element(array, i, j) for i, j in points]
            )  # noqa: B023
            note("open", library, lambda: [library.open(source) for _ in range(OPENS)])  # noqa: B023
            target = str(folder / "target")
            new = library.create(target, case)
            note("whole write", library, lambda: library.write(new, data))  # noqa: B023
            if turn == 0:
                np.testing.assert_array_equal(Ours().open(target)[...], data)
            shutil.rmtree(target)
    return {o: {n: t[1:] for n, t in by.items()} for o, by in times.items()}


def table(results: dict[str, dict[str, dict[str, list[float]]]]) -> str:
    """Return the medians of our time divided by each peer's, as a Markdown table."""
    names = [peer.name for peer in peers()][1:]
    lines = [f"| data | operation | ours | {' | '.join(names)} |", "|---" * (len(names) + 3) + "|"]
    for case, operations in results.items():
        for operation in ("whole read", "whole write", "1000 elements", "open"):
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
        with tempfile.TemporaryDirectory() as folder:
            results[case.name] = measure(case, Path(folder), options.rounds)
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
