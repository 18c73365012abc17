"""Values of a backend under keys or under chunk indices: the same operations for both.

Each operation takes the best that the backend has. Where it cannot update atomically, changes
are made under a lock of this process, which is what the description of an array then says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from zarr_backends import (
    Buffer,
    ChunkIndex,
    ChunkNotFoundError,
    KeyValueBackend,
    Snapshot,
    SupportsAtomicUpdate,
    SupportsBatchReads,
    SupportsRangeReads,
    SupportsSizes,
    SupportsSnapshots,
    Transform,
)

__all__ = ["ChunkValues", "KeyValues", "Values", "updates_atomically"]


class Values(Protocol):
    """Values under names."""

    backend: Any
    """The backend that has them."""

    can_update: bool
    """Whether `update` loses nothing, whoever else writes."""
    can_open: bool
    """Whether `open` reads no more than is asked for."""
    can_range: bool
    """Whether `get_range` does."""

    def get(self, name: Any) -> Buffer | None: ...
    def get_range(self, name: Any, start: int, stop: int | None) -> Buffer | None: ...
    def open(self, name: Any) -> AbstractContextManager[Snapshot] | None: ...
    def size(self, name: Any) -> int | None: ...
    def get_many(self, names: Sequence[Any]) -> Sequence[Buffer | None]: ...
    def set(self, name: Any, value: Buffer) -> None: ...
    def set_if_absent(self, name: Any, value: Buffer) -> bool: ...
    def update(self, name: Any, transform: Transform) -> None: ...
    def delete(self, name: Any) -> None: ...
    def listing(self, prefix: str) -> Iterator[Any]: ...


def updates_atomically(backend: type[Any]) -> bool:
    """Whether a backend class can update values without losing one."""
    if issubclass(backend, KeyValueBackend):
        return backend.update is not KeyValueBackend.update
    return hasattr(backend, "update_chunk")


class KeyValues:
    """The keys of a backend that has them."""

    def __init__(self, backend: Any) -> None:
        """Look at what the backend has of its own."""
        self.backend = backend
        self.can_update = self._has("update")
        self.can_open = self._has("open_value")
        self.can_range = self._has("get_range")

    def get(self, name: str) -> Buffer | None:
        """Return a value, None where there is none."""
        value: Buffer | None = self.backend.get(name)
        return value

    def get_range(self, name: str, start: int, stop: int | None) -> Buffer | None:
        """Return ``value[start:stop]``."""
        value: Buffer | None = self.backend.get_range(name, start, stop)
        return value

    def open(self, name: str) -> AbstractContextManager[Snapshot] | None:
        """Return a context with one version of a value, None where there is none."""
        if self.can_open:
            opened: AbstractContextManager[Snapshot] | None = self.backend.open_value(name)
            return opened
        return _in_memory(self.get(name))

    def size(self, name: str) -> int | None:
        """Return the length of a value, None where there is none."""
        if self._has("size"):
            nbytes: int | None = self.backend.size(name)
            return nbytes
        return _length(self.get(name))

    def get_many(self, names: Sequence[str]) -> Sequence[Buffer | None]:
        """Return several values."""
        if self._has("get_many"):
            values: list[Buffer | None] = self.backend.get_many(names)
            return values
        return [self.get(name) for name in names]

    def set(self, name: str, value: Buffer) -> None:
        """Replace a value."""
        self.backend.set(name, value)

    def set_if_absent(self, name: str, value: Buffer) -> bool:
        """Set a value unless there is one; return whether it was set."""
        if self._has("set_if_absent"):
            return bool(self.backend.set_if_absent(name, value))
        return _set_by_update(self, name, value)

    def update(self, name: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)``."""
        self.backend.update(name, transform)

    def delete(self, name: str) -> None:
        """Delete a value."""
        self.backend.delete(name)

    def listing(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with a prefix."""
        return iter(self.backend.list_keys(prefix))

    def _has(self, primitive: str) -> bool:
        """Whether a primitive is the backend's own, and not what follows from others."""
        own = getattr(type(self.backend), primitive, None)
        return own is not None and own is not getattr(KeyValueBackend, primitive)


class ChunkValues:
    """The chunks of a backend."""

    def __init__(self, backend: Any) -> None:
        """Look at what the backend can do."""
        self.backend = backend
        self.can_update = isinstance(backend, SupportsAtomicUpdate)
        self.can_open = isinstance(backend, SupportsSnapshots)
        self.can_range = isinstance(backend, SupportsRangeReads)

    def get(self, name: ChunkIndex) -> Buffer | None:
        """Return a chunk, None where it is not stored."""
        try:
            value: Buffer = self.backend.read_chunk(name)
        except ChunkNotFoundError:
            return None
        return value

    def get_range(self, name: ChunkIndex, start: int, stop: int | None) -> Buffer | None:
        """Return ``chunk[start:stop]``."""
        try:
            value: Buffer = self.backend.read_chunk_range(name, start, stop)
        except ChunkNotFoundError:
            return None
        return value

    def open(self, name: ChunkIndex) -> AbstractContextManager[Snapshot] | None:
        """Return a context with one version of a chunk, None where it is not stored."""
        if not self.can_open:
            return _in_memory(self.get(name))
        try:
            opened: AbstractContextManager[Snapshot] = self.backend.open_chunk(name)
        except ChunkNotFoundError:
            return None
        return opened

    def size(self, name: ChunkIndex) -> int | None:
        """Return the length of a chunk, None where it is not stored."""
        if not isinstance(self.backend, SupportsSizes):
            return _length(self.get(name))
        try:
            return self.backend.chunk_nbytes(name)
        except ChunkNotFoundError:
            return None

    def get_many(self, names: Sequence[ChunkIndex]) -> Sequence[Buffer | None]:
        """Return several chunks."""
        if isinstance(self.backend, SupportsBatchReads):
            return self.backend.read_chunks(names)
        return [self.get(name) for name in names]

    def set(self, name: ChunkIndex, value: Buffer) -> None:
        """Replace a chunk."""
        self.backend.write_chunk(name, value)

    def set_if_absent(self, name: ChunkIndex, value: Buffer) -> bool:
        """Write a chunk unless there is one; return whether it was written."""
        return _set_by_update(self, name, value)

    def update(self, name: ChunkIndex, transform: Transform) -> None:
        """Replace a chunk by ``transform(old)``."""
        self.backend.update_chunk(name, transform)

    def delete(self, name: ChunkIndex) -> None:
        """Delete a chunk."""
        self.backend.delete_chunk(name)

    def listing(self, prefix: str) -> Iterator[ChunkIndex]:  # noqa: ARG002  # keys have one
        """Yield the indices of the chunks stored."""
        return iter(self.backend.list_chunks())


class _InMemory:
    """A version of a value that has been read."""

    def __init__(self, value: memoryview) -> None:
        self._value = value
        self.nbytes = value.nbytes

    def read(self, start: int, stop: int) -> Buffer:
        return self._value[start:stop]


class _TakenError(Exception):
    """There is a value."""


def _in_memory(value: Buffer | None) -> AbstractContextManager[Snapshot] | None:
    """Return a value that has been read as a version."""
    return None if value is None else nullcontext(_InMemory(memoryview(value)))


def _length(value: Buffer | None) -> int | None:
    """Return the length of a value that has been read."""
    return None if value is None else memoryview(value).nbytes


def _set_by_update(values: Values, name: Any, value: Buffer) -> bool:
    """Set a value unless there is one; return whether it was set."""

    def only_new(old: Buffer | None) -> Buffer:
        if old is not None:
            raise _TakenError
        return value

    try:
        values.update(name, only_new)
    except _TakenError:
        return False
    return True
