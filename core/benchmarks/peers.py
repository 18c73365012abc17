"""The libraries that are compared, each as the same few operations on a folder."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore as ts
import zarr
import zstandard

import zarr_backends as zb

__all__ = ["CASES", "Case", "Loop", "Ours", "Peer", "peers"]

LEVEL = 3
"""zstd level of every chunk."""

ZSTD = {"name": "zstd", "configuration": {"level": LEVEL, "checksum": False}}

FUSED = "zarr.core.codec_pipeline.FusedCodecPipeline"
"""zarr-python's newer pipeline, which its releases for Python 3.11 do not have."""


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
        """Make an array."""
        return zb.create(
            path, shape=case.shape, chunks=case.chunks, shards=case.shards, dtype="float32",
            compressor=ZSTD,
        )  # fmt: skip

    def open(self, path: str) -> Any:
        """Open an array."""
        return zb.open(path)


class ZarrPython(Peer):
    """zarr-python with one of its codec pipelines."""

    def __init__(self, name: str, pipeline: str | None) -> None:
        """Take the pipeline's path; None is the default."""
        self.name = name
        self.settings = {} if pipeline is None else {"codec_pipeline.path": pipeline}

    def create(self, path: str, case: Case) -> Any:
        """Make an array."""
        with zarr.config.set(self.settings):
            return zarr.create_array(
                store=path, shape=case.shape, chunks=case.chunks, shards=case.shards,
                dtype="float32", compressors=zarr.codecs.ZstdCodec(level=LEVEL),
            )  # fmt: skip

    def open(self, path: str) -> Any:
        """Open an array."""
        with zarr.config.set(self.settings):
            return zarr.open_array(path, mode="r+", zarr_format=3)


class TensorStore(Peer):
    """tensorstore's zarr3 driver without a cache."""

    name = "tensorstore"

    def __init__(self) -> None:
        """Turn the cache off."""
        self.context = ts.Context({"cache_pool": {"total_bytes_limit": 0}})

    def spec(self, path: str) -> dict[str, Any]:
        """Return what names an array."""
        return {"driver": "zarr3", "kvstore": {"driver": "file", "path": path}}

    def create(self, path: str, case: Case) -> Any:
        """Make an array."""
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
        """Open an array."""
        return ts.open(self.spec(path), context=self.context).result()

    def read(self, array: Any) -> Any:
        """Read everything."""
        return array.read().result()

    def write(self, array: Any, data: np.ndarray) -> None:
        """Write everything."""
        array.write(data).result()

    def element(self, array: Any, i: int, j: int) -> Any:
        """Read one element."""
        return array[i, j].read().result()


class Loop(Peer):
    """What a user would write by hand: two threads that read, decompress and copy."""

    name = "hand-written loop"

    def open(self, path: str) -> Any:
        """Open an array."""
        document = json.loads((Path(path) / "zarr.json").read_bytes())
        return path, document["shape"], document["chunk_grid"]["configuration"]["chunk_shape"]

    def read(self, array: Any) -> Any:
        """Read everything."""
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
    libraries = [
        Ours(),
        TensorStore(),
        ZarrPython("zarr-python, zarrs pipeline", "zarrs.ZarrsCodecPipeline"),
        ZarrPython("zarr-python, fused pipeline", FUSED),
        ZarrPython("zarr-python", None),
        Loop(),
    ]
    has_fused = hasattr(zarr.core.codec_pipeline, "FusedCodecPipeline")
    return [peer for peer in libraries if has_fused or "fused" not in peer.name]
