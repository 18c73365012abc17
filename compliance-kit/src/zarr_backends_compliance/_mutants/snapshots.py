"""Faults in snapshots and sizes."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from zarr_backends import (
    BackendError,
    Buffer,
    ChunkIndex,
    ChunkNotFoundError,
    KeyValueBackend,
    Snapshot,
)
from zarr_backends_compliance._mutants.capable import WithSnapshots
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__: list[str] = []


class Held:
    """A snapshot over a value in memory.

    Args:
        value: The value.
        nbytes: Its length, where another one is said.
    """

    def __init__(self, value: Buffer, nbytes: int | None = None) -> None:
        """Hold the value."""
        self.value = bytes(value)
        self.nbytes = len(self.value) if nbytes is None else nbytes

    def read(self, start: int, stop: int) -> Buffer:
        """Return a part."""
        return self.value[start:stop]


class Holding(WithSnapshots):
    """Correct still: `held` makes the snapshot of a value, and a mutant makes another."""

    def open_value(self, key: str) -> AbstractContextManager[Snapshot] | None:
        """Return a context with a snapshot."""
        value = self.get(key)
        return None if value is None else contextlib.nullcontext(self.held(value, key))

    def held(self, value: Buffer, key: str) -> Snapshot:  # noqa: ARG002  # others need it
        """Return a snapshot of a value."""
        return Held(value)


@mutant("ZB-SNAP-01", "A snapshot holds no more than a megabyte.")
class CappedSnapshot(Holding):
    """Reads what fits into its buffer."""

    def held(self, value: Buffer, key: str) -> Snapshot:  # noqa: ARG002  # others need it
        """Cut the value."""
        return Held(bytes(value)[: 2**20 - 1])


@mutant("ZB-SNAP-01", "A snapshot reads at most 8192 bytes at a time, like a raw file.")
class ShortReads(Holding):
    """Does not read again."""

    class Short(Held):
        """Reads less than it is asked for."""

        def read(self, start: int, stop: int) -> Buffer:
            """Return the beginning of a part."""
            return self.value[start : min(stop, start + 8_192)]

    def held(self, value: Buffer, key: str) -> Snapshot:  # noqa: ARG002  # others need it
        """Return a snapshot of short reads."""
        return self.Short(value)


class ByName(Held):
    """Looks up what it reads by the key, where the value is large."""

    def __init__(self, backend: KeyValueBackend, key: str, value: Buffer) -> None:
        """Hold the name as well."""
        super().__init__(value)
        self.backend, self.key = backend, key

    def read(self, start: int, stop: int) -> Buffer:
        """Return a part of whatever is there now."""
        now = self.backend.get_range(self.key, start, stop)
        return now if now is not None and self.nbytes > 10_000 else self.value[start:stop]  # noqa: PLR2004


@mutant("ZB-SNAP-02", "A large chunk that is replaced is read in its new version.")
class SnapshotByName(Holding):
    """Holds the name of large chunks, not the version."""

    def held(self, value: Buffer, key: str) -> Snapshot:  # others need it
        """Return a snapshot that is none."""
        return ByName(self, key, value)


class Looking(Held):
    """Looks whether the chunk is still there."""

    def __init__(self, backend: KeyValueBackend, key: str, value: Buffer) -> None:
        """Hold the name as well."""
        super().__init__(value)
        self.backend, self.key = backend, key

    def read(self, start: int, stop: int) -> Buffer:
        """Return a part, if the chunk is there."""
        if self.backend.size(self.key) is None:
            message = "the chunk is gone"
            raise ChunkNotFoundError(message, key=self.key)
        return super().read(start, stop)


@mutant("ZB-SNAP-03", "A snapshot of a chunk that is deleted cannot be read any more.")
class GoneWhenDeleted(Holding):
    """Survives a replacement alone."""

    def held(self, value: Buffer, key: str) -> Snapshot:  # others need it
        """Return a snapshot that looks."""
        return Looking(self, key, value)


@mutant("ZB-SNAP-04", "A chunk that is not stored opens as an empty one.")
class MissingOpens(Holding):
    """Opens first, looks later."""

    def open_value(self, key: str) -> AbstractContextManager[Snapshot] | None:
        """Return an empty snapshot for an absent chunk."""
        return super().open_value(key) or contextlib.nullcontext(Held(b""))


@mutant("ZB-SNAP-05", "The snapshot that was opened last is given again, if nobody here wrote.")
class KeptSnapshot(Holding):
    """Remembers values until it writes itself."""

    def __init__(self) -> None:
        """Begin with nothing remembered."""
        super().__init__()
        self._kept: dict[str, Snapshot] = {}

    def set(self, key: str, value: Buffer) -> None:
        """Forget one snapshot."""
        self._kept.pop(key, None)
        super().set(key, value)

    def delete(self, key: str) -> None:
        """Forget one snapshot."""
        self._kept.pop(key, None)
        super().delete(key)

    def held(self, value: Buffer, key: str) -> Snapshot:  # others need it
        """Return what was given before."""
        return self._kept.setdefault(key, Held(value))


@mutant("ZB-SNAP-06", "Of all snapshots that are open the last eight alone can be read.")
class FewSnapshots(Holding):
    """Keeps values in a ring."""

    class Numbered(Held):
        """Has a place in the ring."""

        def __init__(self, ring: deque[object], value: Buffer) -> None:
            """Take a place."""
            super().__init__(value)
            self.ring = ring
            ring.append(self)

        def read(self, start: int, stop: int) -> Buffer:
            """Return a part, if the place is not taken."""
            if self not in self.ring:
                message = "the snapshot is too old"
                raise BackendError(message)
            return super().read(start, stop)

    def __init__(self) -> None:
        """Make the ring."""
        super().__init__()
        self._ring: deque[object] = deque(maxlen=8)

    def held(self, value: Buffer, key: str) -> Snapshot:  # noqa: ARG002  # others need it
        """Return a snapshot with a place in the ring."""
        return self.Numbered(self._ring, value)


@mutant("ZB-SNAP-07", "The file of each snapshot stays open.")
class LeakingSnapshot(Holding):
    """Opens, and never closes."""

    def __init__(self) -> None:
        """Begin with nothing open."""
        super().__init__()
        self._files: list[Any] = []

    def held(self, value: Buffer, key: str) -> Snapshot:  # noqa: ARG002  # others need it
        """Open a file beside it."""
        self._files.append(open(os.devnull, "rb"))  # noqa: PTH123, SIM115  # that is the fault
        return Held(value)


@mutant("ZB-SNAP-07", "The context of a snapshot swallows errors.")
class SwallowingSnapshot(Holding):
    """Cleans up with too broad an except."""

    def open_value(self, key: str) -> AbstractContextManager[Snapshot] | None:
        """Return a context that suppresses what is raised in it."""
        value = self.get(key)
        return None if value is None else _swallowing(Held(value))


@contextmanager
def _swallowing(snapshot: Snapshot) -> Iterator[Snapshot]:
    """Give a snapshot and suppress errors."""
    with contextlib.suppress(Exception):
        yield snapshot


@mutant("ZB-SNAP-08", "The length of a snapshot is asked for before its bytes are.")
class LengthBeforeBytes(Holding):
    """Makes two requests."""

    def open_value(self, key: str) -> AbstractContextManager[Snapshot] | None:
        """Ask for the size, then for the value."""
        nbytes = self.size(key)
        value = self.get(key)
        return None if value is None else contextlib.nullcontext(Held(value, nbytes))


# --- Sizes ------------------------------------------------------------------------------


@mutant("ZB-SIZE-01", "The size is that of the first part of 256 KiB.")
class SizeOfFirstPart(Reference):
    """Forgets that large values have several parts."""

    def chunk_nbytes(self, index: ChunkIndex) -> int:
        """Return at most the length of a part."""
        return min(len(self.read_chunk(index)), 2**18)


@mutant("ZB-SIZE-02", "A chunk that is not stored has the size 0.")
class SizeOfNothing(Reference):
    """Sums the lengths of no rows."""

    def chunk_nbytes(self, index: ChunkIndex) -> int:
        """Return 0 for an absent chunk."""
        return self.size(self._chunk_key(index)) or 0


@mutant("ZB-SIZE-03", "The size is remembered, and not forgotten when others write.")
class RememberedSize(Reference):
    """Saves a request."""

    def __init__(self) -> None:
        """Begin with no size known."""
        super().__init__()
        self._sizes: dict[ChunkIndex, int] = {}

    def chunk_nbytes(self, index: ChunkIndex) -> int:
        """Return the size as it was last seen, if the chunk is there."""
        self._sizes.setdefault(index, len(self.read_chunk(index)))
        return self._sizes[index]

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Forget one size."""
        self._sizes.pop(index, None)
        super().write_chunk(index, data)

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Forget one size."""
        self._sizes.pop(index, None)
        super().delete_chunk(index)


@mutant("ZB-SIZE-04", "The size is that of the compressed chunk, where it is smaller.")
class SizeAsStored(Reference):
    """Returns what the store has to pay for."""

    def chunk_nbytes(self, index: ChunkIndex) -> int:
        """Return the number of bytes that are kept."""
        value = self.read_chunk(index)
        return min(len(value), len(zlib.compress(value)))


@mutant("ZB-SIZE-04", "The size is counted in characters where the chunk is valid UTF-8.")
class SizeInCharacters(Reference):
    """Asks a database for the length of a text."""

    def chunk_nbytes(self, index: ChunkIndex) -> int:
        """Count characters."""
        value = bytes(self.read_chunk(index))
        try:
            return len(value.decode())
        except UnicodeDecodeError:
            return len(value)
