"""The libraries that are compared on S3, each as the same few operations on a prefix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorstore as ts
import zarr
from obstore.store import S3Store
from s3fs import S3FileSystem
from zarr.storage import FsspecStore, ObjectStore

import zarr_backends as zb

__all__ = ["CASES", "IN_FLIGHT", "Case", "Ours", "Place", "peers"]

IN_FLIGHT = 64
"""Requests that ours has under way at a time, and peers where it is said."""


@dataclass(frozen=True)
class Case:
    """A grid of chunks of float32, none of them compressed."""

    name: str
    shape: tuple[int, int]
    chunks: tuple[int, int]

    @property
    def grid(self) -> tuple[int, int]:
        """Number of chunks along each dimension."""
        return self.shape[0] // self.chunks[0], self.shape[1] // self.chunks[1]


CASES = [
    Case("256 x 80 KB", (1600, 3200), (100, 200)),
    Case("64 x 1 MB", (4096, 4096), (512, 512)),
]


@dataclass(frozen=True)
class Place:
    """A bucket at the end of one line."""

    options: Mapping[str, str]
    """``bucket``, ``region``, ``key`` and ``secret``."""
    port: int

    @property
    def url(self) -> str:
        """Where the line begins."""
        return f"http://127.0.0.1:{self.port}"


class Peer:
    """A library, as operations on an array below a prefix."""

    name: str

    def create(self, place: Place, prefix: str, case: Case) -> Any:
        """Make an array."""
        raise NotImplementedError

    def open(self, place: Place, prefix: str) -> Any:
        """Open an array that exists."""
        raise NotImplementedError

    def read(self, array: Any, selection: Any = ...) -> Any:
        """Read a part, or everything."""
        return array[selection]

    def write(self, array: Any, data: np.ndarray) -> None:
        """Write everything."""
        array[...] = data


class Ours(Peer):
    """This project, by one of its backends."""

    def __init__(self, backend: str) -> None:
        """Take the id of the backend."""
        self.name, self.backend = f"ours, {backend}", backend

    def options(self, place: Place, prefix: str) -> dict[str, Any]:
        """Return the options of the backend; both have the same."""
        names = ("bucket", "region", "key", "secret")
        given = {name: place.options[name] for name in names}
        return {"storage": self.backend, "prefix": prefix, "endpoint_url": place.url, **given}

    def create(self, place: Place, prefix: str, case: Case) -> Any:
        """Make an array."""
        options = self.options(place, prefix)
        return zb.create(
            shape=case.shape, chunks=case.chunks, dtype="float32", compressor=None,
            overwrite=True, **options,
        )  # fmt: skip

    def open(self, place: Place, prefix: str) -> Any:
        """Open an array."""
        return zb.open(**self.options(place, prefix))


class ZarrPython(Peer):
    """zarr-python on one of its stores, with its own or with our concurrency."""

    def __init__(self, store: str, concurrency: int | None) -> None:
        """Take the store's name; None leaves the concurrency at its default."""
        shown = "default" if concurrency is None else str(concurrency)
        self.name = f"zarr-python on {store}, {shown}"
        self.on_s3fs = store == "s3fs"
        self.concurrency = concurrency
        self.settings = {} if concurrency is None else {"async.concurrency": concurrency}

    def store(self, place: Place, prefix: str) -> Any:
        """Return the store."""
        o = place.options
        if self.on_s3fs:
            pool = {"max_pool_connections": self.concurrency} if self.concurrency else {}
            client = {"endpoint_url": place.url, "region_name": o["region"]}
            fs = S3FileSystem(
                key=o["key"], secret=o["secret"], client_kwargs=client, config_kwargs=pool,
                asynchronous=True, use_listings_cache=False,
            )  # fmt: skip
            return FsspecStore(fs, path=f"{o['bucket']}/{prefix}")
        store = S3Store(
            o["bucket"], prefix=prefix, endpoint=place.url, region=o["region"],
            access_key_id=o["key"], secret_access_key=o["secret"],
            client_options={"allow_http": True},
        )  # fmt: skip
        return ObjectStore(store)

    def create(self, place: Place, prefix: str, case: Case) -> Any:
        """Make an array."""
        return zarr.create_array(
            store=self.store(place, prefix), shape=case.shape, chunks=case.chunks,
            dtype="float32", compressors=None, overwrite=True,
        )  # fmt: skip

    def open(self, place: Place, prefix: str) -> Any:
        """Open an array."""
        return zarr.open_array(self.store(place, prefix), mode="r", zarr_format=3)

    def read(self, array: Any, selection: Any = ...) -> Any:
        """Read a part, or everything."""
        with zarr.config.set(self.settings):
            return array[selection]

    def write(self, array: Any, data: np.ndarray) -> None:
        """Write everything."""
        with zarr.config.set(self.settings):
            array[...] = data


class TensorStore(Peer):
    """tensorstore's zarr3 driver without a cache, with as many requests at a time as ours.

    Its credentials are those of the environment.
    """

    name = f"tensorstore, {IN_FLIGHT}"

    def __init__(self) -> None:
        """Turn the cache off."""
        limits = {"s3_request_concurrency": {"limit": IN_FLIGHT}}
        self.context = ts.Context({"cache_pool": {"total_bytes_limit": 0}, **limits})

    def spec(self, place: Place, prefix: str) -> dict[str, Any]:
        """Return what names an array."""
        o = place.options
        kvstore = {
            "driver": "s3", "bucket": o["bucket"], "path": f"{prefix}/", "endpoint": place.url,
            "aws_region": o["region"],
        }  # fmt: skip
        return {"driver": "zarr3", "kvstore": kvstore}

    def create(self, place: Place, prefix: str, case: Case) -> Any:
        """Make an array."""
        grid = {"name": "regular", "configuration": {"chunk_shape": case.chunks}}
        codecs = [{"name": "bytes", "configuration": {"endian": "little"}}]
        metadata = {
            "shape": case.shape, "data_type": "float32", "chunk_grid": grid, "codecs": codecs,
            "fill_value": 0.0,
        }  # fmt: skip
        spec = {**self.spec(place, prefix), "metadata": metadata}
        return ts.open(spec, context=self.context, create=True, delete_existing=True).result()

    def open(self, place: Place, prefix: str) -> Any:
        """Open an array."""
        return ts.open(self.spec(place, prefix), context=self.context).result()

    def read(self, array: Any, selection: Any = ...) -> Any:
        """Read a part, or everything."""
        return array[selection].read().result()

    def write(self, array: Any, data: np.ndarray) -> None:
        """Write everything."""
        array.write(data).result()


def peers() -> list[Any]:
    """Return ours, as far as they are installed, and what they are compared with."""
    ours = [Ours(name) for name in ("obstore", "s3") if zb.is_registered(name)]
    return [
        *ours,
        ZarrPython("s3fs", None),
        ZarrPython("s3fs", IN_FLIGHT),
        ZarrPython("obstore", None),
        ZarrPython("obstore", IN_FLIGHT),
        TensorStore(),
    ]
