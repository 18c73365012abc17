"""A backend of the ten members alone, over files; it inherits nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import zarr_backends as zb
from zarr_backends_http.server import create_app, serve


class BareFiles:
    """Hands the ten members on to ``filesystem``, and hides everything else."""

    backend_id: ClassVar[str] = "bare_files"

    def __init__(self, inner: Any) -> None:
        """Take what does the work."""
        self._inner = inner

    @classmethod
    def create(cls, *, path: str) -> Self:
        """Take the place."""
        return cls(zb.get_backend("filesystem").create(path=path))

    @classmethod
    def open(cls, *, path: str) -> Self:
        """Take a place where an array is."""
        return cls(zb.get_backend("filesystem").open(path=path))

    def read_chunk(self, index: zb.ChunkIndex) -> zb.Buffer:
        """Hand on."""
        return self._inner.read_chunk(index)

    def write_chunk(self, index: zb.ChunkIndex, data: zb.Buffer) -> None:
        """Hand on."""
        self._inner.write_chunk(index, data)

    def delete_chunk(self, index: zb.ChunkIndex) -> None:
        """Hand on."""
        self._inner.delete_chunk(index)

    def list_chunks(self) -> Iterator[zb.ChunkIndex]:
        """Hand on."""
        return self._inner.list_chunks()

    def read_metadata(self) -> dict[str, Any]:
        """Hand on."""
        return self._inner.read_metadata()

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: zb.ZarrFormat) -> None:
        """Hand on."""
        self._inner.write_metadata(metadata, zarr_format)

    def exists(self) -> bool:
        """Hand on."""
        return self._inner.exists()


class FailingFiles(BareFiles):
    """Its storage is away, and its errors name what is not for clients."""

    backend_id: ClassVar[str] = "failing_files"

    def read_metadata(self) -> dict[str, Any]:
        """Fail."""
        message = "cannot reach /internal/place"
        raise zb.NetworkError(message)

    def exists(self) -> bool:
        """Fail."""
        return bool(self.read_metadata())


if __name__ == "__main__":
    serve(
        create_app(BareFiles, {"path": sys.argv[1]}),
        port=0,
        on_start=lambda url: print(url, flush=True),  # noqa: T201  # the tests wait for it
    )
