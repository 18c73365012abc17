"""A storage backend of ten members that inherits nothing: an array is a folder of files."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, Self

from zarr_backends.contract import Buffer, ChunkIndex, ZarrFormat, contiguous_view
from zarr_backends.errors import (
    ArrayNotFoundError,
    BackendError,
    ChunkNotFoundError,
    ConfigurationError,
    MetadataError,
    MetadataNotFoundError,
    PermissionDeniedError,
)

__all__ = ["FolderBackend"]

_METADATA = "metadata.json"


class FolderBackend:
    """The chunk ``(0, 12)`` is the file ``chunk.0.12``."""

    backend_id: ClassVar[str] = "folder"

    def __init__(self, path: Path) -> None:
        """Take the folder, which the first write makes."""
        self._path = path

    @classmethod
    def create(cls, *, path: str | os.PathLike[str]) -> Self:
        """Connect to a folder that may hold an array."""
        try:
            name = os.fsencode(path)
        except (TypeError, ValueError) as error:
            message = f"path must be a path, not {path!r:.80}"
            raise ConfigurationError(message, backend=cls.backend_id, option="path") from error
        if not name or b"\0" in name:
            message = f"path must name a folder, not {path!r:.80}"
            raise ConfigurationError(message, backend=cls.backend_id, option="path")
        return cls(Path(os.fsdecode(name)).absolute())

    @classmethod
    def open(cls, *, path: str | os.PathLike[str]) -> Self:
        """Connect to a folder that holds an array."""
        backend = cls.create(path=path)
        if not backend.exists():
            message = f"no array in the folder {path}"
            raise ArrayNotFoundError(message, backend=cls.backend_id)
        return backend

    def read_chunk(self, index: ChunkIndex) -> bytes:
        """Return the bytes of a chunk."""
        with _translated():
            try:
                return self._file_of(index).read_bytes()
            except FileNotFoundError as error:
                message = f"no chunk {index} in the folder {self._path}"
                raise ChunkNotFoundError(message, index=index, backend="folder") from error

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Replace a chunk."""
        self._replace(self._file_of(index), contiguous_view(data))

    def read_metadata(self) -> dict[str, Any]:
        """Return the metadata document."""
        with _translated():
            try:
                document = json.loads((self._path / _METADATA).read_bytes())
            except FileNotFoundError as error:
                message = f"no metadata in the folder {self._path}"
                raise MetadataNotFoundError(message, backend="folder") from error
            except (ValueError, RecursionError) as error:
                message = f"{self._path / _METADATA} is no JSON: {error}"
                raise MetadataError(message) from error
        if not isinstance(document, dict):
            message = f"{self._path / _METADATA} holds no JSON object"
            raise MetadataError(message)
        return document

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Replace the metadata document, which says its format itself."""
        document = {**metadata, "zarr_format": zarr_format}
        self._replace(self._path / _METADATA, json.dumps(document).encode())

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Yield the index of every chunk."""
        with _translated(), suppress(FileNotFoundError), os.scandir(self._path) as entries:
            for entry in entries:
                name, *coordinates = entry.name.split(".")
                if name == "chunk" and all(map(str.isdecimal, coordinates)) and entry.is_file():
                    yield tuple(map(int, coordinates))

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Delete a chunk, if it is there."""
        with _translated():
            self._file_of(index).unlink(missing_ok=True)

    def exists(self) -> bool:
        """Whether there is a metadata document."""
        with _translated():
            return (self._path / _METADATA).is_file()

    def __repr__(self) -> str:
        """Show the folder."""
        return f"FolderBackend(path={str(self._path)!r})"

    def _file_of(self, index: ChunkIndex) -> Path:
        """Return the file of a chunk."""
        if not isinstance(index, tuple) or any(type(i) is not int or i < 0 for i in index):
            message = f"a chunk index is a tuple of non-negative int, not {index!r:.80}"
            raise ValueError(message)
        return self._path / ".".join(["chunk", *map(str, index)])

    def _replace(self, path: Path, data: Buffer) -> None:
        """Replace a file in one step: readers see the old one or the new one."""
        with _translated():
            self._path.mkdir(parents=True, exist_ok=True)
            new = self._path / f"new.{uuid.uuid4().hex}"
            try:
                new.write_bytes(data)
                new.replace(path)
            except BaseException:
                new.unlink(missing_ok=True)
                raise


@contextmanager
def _translated() -> Iterator[None]:
    """Turn errors of the system into those of the contract."""
    try:
        yield
    except BackendError:
        raise
    except OSError as error:
        kind = PermissionDeniedError if isinstance(error, PermissionError) else BackendError
        raise kind(str(error), backend="folder") from error
