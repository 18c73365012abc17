"""Capabilities that follow from a better primitive of a key-value backend.

Capabilities are found by structure, so a member must not exist where its primitive is only
the fallback. `KeyValueBackend` therefore puts these functions on a subclass when, and only
when, the subclass overrides what they stand on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from zarr_backends.contract import Buffer, ChunkIndex, Snapshot, Transform
from zarr_backends.errors import ChunkNotFoundError

__all__ = ["CAPABILITIES"]


class _Keyed(Protocol):
    """The part of a key-value backend that these members stand on."""

    def _chunk_key(self, index: ChunkIndex) -> str: ...
    def _chunk_not_found(self, index: ChunkIndex, key: str) -> ChunkNotFoundError: ...
    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None: ...
    def open_value(self, key: str) -> AbstractContextManager[Snapshot] | None: ...
    def size(self, key: str) -> int | None: ...
    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]: ...
    def set_many(self, values: Mapping[str, Buffer]) -> None: ...
    def delete_many(self, keys: Sequence[str]) -> None: ...
    def update(self, key: str, transform: Transform) -> None: ...


def read_chunk_range(
    self: _Keyed, index: ChunkIndex, start: int, stop: int | None = None
) -> Buffer:
    """Return ``chunk[start:stop]``, cut as a slice would be.

    Raises:
        ChunkNotFoundError: The chunk is not stored.
    """
    key = self._chunk_key(index)
    value = self.get_range(key, start, stop)
    if value is None:
        raise self._chunk_not_found(index, key)
    return value


def open_chunk(self: _Keyed, index: ChunkIndex) -> AbstractContextManager[Snapshot]:
    """Return a context that gives the version of a chunk that is current now.

    Raises:
        ChunkNotFoundError: The chunk is not stored.
    """
    key = self._chunk_key(index)
    snapshot = self.open_value(key)
    if snapshot is None:
        raise self._chunk_not_found(index, key)
    return snapshot


def chunk_nbytes(self: _Keyed, index: ChunkIndex) -> int:
    """Return the length of a stored chunk in bytes.

    Raises:
        ChunkNotFoundError: The chunk is not stored.
    """
    key = self._chunk_key(index)
    nbytes = self.size(key)
    if nbytes is None:
        raise self._chunk_not_found(index, key)
    return nbytes


def read_chunks(self: _Keyed, indices: Sequence[ChunkIndex]) -> list[Buffer | None]:
    """Return several chunks in the order asked for, None for those not stored."""
    return self.get_many([self._chunk_key(index) for index in indices])


def write_chunks(self: _Keyed, chunks: Mapping[ChunkIndex, Buffer]) -> None:
    """Write several chunks, each atomically."""
    self.set_many({self._chunk_key(index): data for index, data in chunks.items()})


def delete_chunks(self: _Keyed, indices: Sequence[ChunkIndex]) -> None:
    """Delete several chunks."""
    self.delete_many([self._chunk_key(index) for index in indices])


def update_chunk(self: _Keyed, index: ChunkIndex, transform: Transform) -> None:
    """Replace a chunk by ``transform(old)`` so that no concurrent update is lost."""
    self.update(self._chunk_key(index), transform)


CAPABILITIES = (
    (("get_range",), (read_chunk_range,)),
    (("open_value",), (open_chunk,)),
    (("size",), (chunk_nbytes,)),
    (("get_many",), (read_chunks,)),
    (("set_many", "delete_many"), (write_chunks, delete_chunks)),
    (("update",), (update_chunk,)),
)
"""Primitives that have to be overridden, and the members that then appear."""
