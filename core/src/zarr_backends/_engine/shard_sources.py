"""Where the bytes of a shard are read from.

A shard is read in steps that depend on each other: its index first, then the inner chunks
that the index points to. All steps must see one version of the shard. A source is such a
version: bytes in memory, a snapshot that the backend keeps open, or range reads that are
checked afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from zarr_backends.contract import (
    Backend,
    Buffer,
    ChunkIndex,
    Snapshot,
    SupportsRangeReads,
    SupportsSnapshots,
)

__all__ = ["RacedError", "ShardSource", "bytes_source", "open_source"]


class ShardSource(Protocol):
    """One version of a shard."""

    nbytes: int | None
    """Length in bytes, None where it is not known."""
    in_memory: bool
    """Whether reading costs nothing, so that nothing is gained by joining reads."""

    def read(self, start: int, stop: int) -> Buffer:
        """Return the bytes from `start` to `stop`, fewer where the shard ends before."""
        ...

    def read_tail(self, nbytes: int) -> Buffer:
        """Return the last `nbytes` bytes, fewer where the shard is shorter."""
        ...

    def verify(self, index: Buffer, *, at_end: bool) -> None:
        """Check that what was read after the raw shard index belongs to the same version.

        Raises:
            RacedError: The shard was replaced in between; read it again.
        """
        ...


class RacedError(Exception):
    """A shard was replaced while it was being read; never leaves the engine."""


class _SnapshotSource:
    """A version that cannot change: a backend's snapshot, or bytes in memory."""

    def __init__(self, snapshot: Snapshot, *, in_memory: bool = False) -> None:
        self._snapshot = snapshot
        self.nbytes: int | None = snapshot.nbytes
        self.in_memory = in_memory

    def read(self, start: int, stop: int) -> Buffer:
        nbytes = self._snapshot.nbytes
        return self._snapshot.read(min(start, nbytes), min(stop, nbytes))

    def read_tail(self, nbytes: int) -> Buffer:
        end = self._snapshot.nbytes
        return self._snapshot.read(max(0, end - nbytes), end)

    def verify(self, index: Buffer, *, at_end: bool) -> None:
        """Do nothing: a snapshot is one version."""


class _Memory:
    """A snapshot of bytes in memory."""

    def __init__(self, data: Buffer) -> None:
        self._view = memoryview(data)
        self.nbytes = self._view.nbytes

    def read(self, start: int, stop: int) -> memoryview:
        return self._view[start:stop]


class _RangeSource:
    """Separate range reads; a changed index tells that the shard was replaced."""

    nbytes: int | None = None
    in_memory = False

    def __init__(self, backend: SupportsRangeReads, index: ChunkIndex) -> None:
        self._backend = backend
        self._index = index

    def read(self, start: int, stop: int) -> Buffer:
        return self._backend.read_chunk_range(self._index, start, stop)

    def read_tail(self, nbytes: int) -> Buffer:
        return self._backend.read_chunk_range(self._index, -nbytes)

    def verify(self, index: Buffer, *, at_end: bool) -> None:
        nbytes = len(index)
        if bytes(self.read_tail(nbytes) if at_end else self.read(0, nbytes)) != bytes(index):
            raise RacedError


def bytes_source(data: Buffer) -> ShardSource:
    """Return a source over a whole shard in memory."""
    return _SnapshotSource(_Memory(data), in_memory=True)


@contextmanager
def open_source(backend: Backend, index: ChunkIndex, *, whole: bool) -> Iterator[ShardSource]:
    """Open the current version of a shard.

    Args:
        backend: Where it is stored.
        index: The shard's chunk index.
        whole: Read it at once, because most of it is needed.

    Raises:
        ChunkNotFoundError: The shard is not stored.
    """
    if not whole and isinstance(backend, SupportsSnapshots):
        with backend.open_chunk(index) as snapshot:
            yield _SnapshotSource(snapshot)
    elif not whole and isinstance(backend, SupportsRangeReads):
        yield _RangeSource(backend, index)
    else:
        yield bytes_source(backend.read_chunk(index))
