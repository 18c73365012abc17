"""Correct backends of the bare ten members, as authors write them who inherit nothing."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Self

from zarr_backends import (
    ArrayNotFoundError,
    Buffer,
    ChunkIndex,
    ChunkNotFoundError,
    ConfigurationError,
    MetadataError,
    MetadataNotFoundError,
    ZarrFormat,
    contiguous_view,
)

__all__ = ["BareFiles", "BareMemory"]


class BareMemory:
    """Keeps one array in the instance itself: there is no second instance."""

    backend_id: ClassVar[str] = "bare-memory"

    def __init__(self) -> None:
        """Start empty."""
        self.chunks: dict[ChunkIndex, Any] = {}
        self.document = ""

    @classmethod
    def create(cls) -> Self:
        """Return an empty place."""
        return cls()

    @classmethod
    def open(cls) -> Self:
        """Say that nothing outlives an instance.

        Raises:
            ArrayNotFoundError: Always.
        """
        message = "an array of this backend lives in the instance that create() returned"
        raise ArrayNotFoundError(message, backend=cls.backend_id)

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied: a copy would be another array.

        Raises:
            ConfigurationError: Always.
        """
        message = "an array in the memory of this process cannot be sent to another one"
        raise ConfigurationError(message, backend=self.backend_id)

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return a chunk.

        Raises:
            ChunkNotFoundError: It is not stored.
        """
        try:
            return bytes(self.chunks[index])
        except KeyError as error:
            message = f"no chunk {index}"
            raise ChunkNotFoundError(message, backend=self.backend_id, index=index) from error

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Keep a copy."""
        self.chunks[index] = bytes(contiguous_view(data))

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Forget a chunk."""
        self.chunks.pop(index, None)

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Return an iterator over the chunks that there are now."""
        return iter(list(self.chunks))

    def read_metadata(self) -> dict[str, Any]:
        """Return the document.

        Raises:
            MetadataNotFoundError: There is none.
        """
        if not self.document:
            message = "no metadata was written"
            raise MetadataNotFoundError(message, backend=self.backend_id)
        document: dict[str, Any] = json.loads(self.document)
        return document

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Keep the document as text.

        Raises:
            MetadataError: It is no JSON.
        """
        try:
            self.document = json.dumps({**metadata, "zarr_format": zarr_format}, allow_nan=False)
        except (TypeError, ValueError) as error:
            message = f"the metadata is no JSON: {error}"
            raise MetadataError(message, backend=self.backend_id) from error

    def exists(self) -> bool:
        """Whether there is a document."""
        return bool(self.document)


class BareFiles:
    """Keeps each chunk in a file named after its numbers, and the document beside them."""

    backend_id: ClassVar[str] = "bare-files"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Take the folder.

        Raises:
            ConfigurationError: It is none.
        """
        if not isinstance(path, str | os.PathLike) or not str(path) or "\0" in str(path):
            message = f"path must be the path of a folder, not {path!r:.80}"
            raise ConfigurationError(message, backend=self.backend_id, option="path")
        self.folder = Path(path).absolute()

    @classmethod
    def create(cls, *, path: str | os.PathLike[str]) -> Self:
        """Connect to a folder, which need not be there."""
        return cls(path)

    @classmethod
    def open(cls, *, path: str | os.PathLike[str]) -> Self:
        """Connect to an array that exists.

        Returns:
            A connected instance.

        Raises:
            ArrayNotFoundError: There is none.
        """
        backend = cls(path)
        if not backend.exists():
            message = f"no array in {backend.folder}"
            raise ArrayNotFoundError(message, backend=cls.backend_id)
        return backend

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return a chunk.

        Raises:
            ChunkNotFoundError: It is not stored.
        """
        try:
            return self._file(index).read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            message = f"no chunk {index} in {self.folder}"
            raise ChunkNotFoundError(message, backend=self.backend_id, index=index) from error

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Replace the file of a chunk."""
        self._replace(self._file(index), contiguous_view(data))

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Remove the file of a chunk."""
        self._file(index).unlink(missing_ok=True)

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Yield the indices that the names of files say."""
        for entry in self.folder.glob("chunk*"):
            if entry.is_file() and (match := re.fullmatch(r"chunk((?:\.[0-9]+)*)", entry.name)):
                yield tuple(map(int, match[1].split(".")[1:]))

    def read_metadata(self) -> dict[str, Any]:
        """Return the document.

        Raises:
            MetadataNotFoundError: There is none.
            MetadataError: It is damaged.
        """
        try:
            document: dict[str, Any] = json.loads(self._document.read_bytes())
        except (FileNotFoundError, NotADirectoryError) as error:
            message = f"no metadata in {self.folder}"
            raise MetadataNotFoundError(message, backend=self.backend_id) from error
        except ValueError as error:
            message = f"the metadata in {self.folder} is damaged: {error}"
            raise MetadataError(message, backend=self.backend_id) from error
        return document

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Replace the document.

        Raises:
            MetadataError: It is no JSON.
        """
        try:
            text = json.dumps({**metadata, "zarr_format": zarr_format}, allow_nan=False)
        except (TypeError, ValueError) as error:
            message = f"the metadata is no JSON: {error}"
            raise MetadataError(message, backend=self.backend_id) from error
        self._replace(self._document, memoryview(text.encode()))

    def exists(self) -> bool:
        """Whether there is a document."""
        return self._document.is_file()

    @property
    def _document(self) -> Path:
        """The file of the document."""
        return self.folder / "array.json"

    def _file(self, index: ChunkIndex) -> Path:
        """Return the file of a chunk.

        Raises:
            ConfigurationError: The index is none.
        """
        if any(type(i) is not int or i < 0 for i in index):
            message = f"a chunk index is a tuple of numbers from 0 on, not {index!r:.80}"
            raise ConfigurationError(message, backend=self.backend_id, option="index")
        return self.folder / ".".join(["chunk", *map(str, index)])

    def _replace(self, file: Path, data: memoryview) -> None:
        """Write a file and give it its name in one step."""
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f".{os.urandom(8).hex()}"
        temporary.write_bytes(data)
        temporary.replace(file)
