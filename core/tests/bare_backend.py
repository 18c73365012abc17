"""The smallest backend that fulfils the contract: ten members over a dict, nothing inherited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

from zarr_backends import (
    ArrayNotFoundError,
    Buffer,
    ChunkIndex,
    ChunkNotFoundError,
    MetadataNotFoundError,
    ZarrFormat,
    contiguous_view,
)


class BareBackend:
    """Keeps one array in memory and counts the calls it gets."""

    backend_id: ClassVar[str] = "bare"

    def __init__(self) -> None:
        """Start empty."""
        self.chunks: dict[ChunkIndex, bytes] = {}
        self.document: dict[str, Any] | None = None
        self.calls: Counter[str] = Counter()

    @classmethod
    def create(cls) -> Self:
        """Make an empty place."""
        return cls()

    @classmethod
    def open(cls) -> Self:
        """Say that nothing outlives an instance."""
        message = "a bare backend holds nothing when it is opened"
        raise ArrayNotFoundError(message)

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return a chunk's bytes."""
        self.calls["read_chunk"] += 1
        try:
            return self.chunks[index]
        except KeyError as error:
            message = f"no chunk {index}"
            raise ChunkNotFoundError(message, index=index) from error

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Keep a copy of the bytes."""
        self.calls["write_chunk"] += 1
        self.chunks[index] = bytes(contiguous_view(data))

    def read_metadata(self) -> dict[str, Any]:
        """Return the document."""
        if self.document is None:
            message = "no metadata"
            raise MetadataNotFoundError(message)
        return self.document

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Keep the document."""
        self.document = {**metadata, "zarr_format": zarr_format}

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Yield every index."""
        return iter(list(self.chunks))

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Forget a chunk."""
        self.calls["delete_chunk"] += 1
        self.chunks.pop(index, None)

    def exists(self) -> bool:
        """Whether there is a document."""
        return self.document is not None
