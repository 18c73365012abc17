"""Faults in writing chunks."""

from __future__ import annotations

from typing import Any

import numpy as np

from zarr_backends import Buffer, ChunkIndex, contiguous_view
from zarr_backends._storage.memory.backend import MemoryBackend
from zarr_backends_compliance._mutants.bare import BareFiles, BareMemory
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__ = [
    "BytesOfAnything",
    "CountsItems",
    "EmptyDeletes",
    "EncodesText",
    "FlattensStrided",
    "KeepsTheCallersBuffer",
    "KeepsTheFirst",
    "KeepsViews",
    "NoneDeletes",
    "OnlyBytes",
    "OpensBeforeItChecks",
    "SameLengthSkipped",
    "ShorterLeavesTail",
    "WritesLater",
]


@mutant("ZB-WRITE-01", "Of a buffer of larger items only as many bytes as items are written.")
class CountsItems(Reference):
    """Takes len() for the number of bytes."""

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Write the first bytes."""
        super().write_chunk(index, contiguous_view(data)[: len(data) if np.ndim(data) else None])


@mutant("ZB-WRITE-01", "A memoryview is refused.")
class OnlyBytes(Reference):
    """Checks for the types that it has seen."""

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Write bytes.

        Raises:
            TypeError: It is another buffer.
        """
        if not isinstance(data, bytes | bytearray):
            message = f"data must be bytes, not {type(data).__name__}"
            raise TypeError(message)
        super().write_chunk(index, data)


@mutant("ZB-WRITE-02", "A buffer that is not contiguous is copied together without a word.")
class FlattensStrided(Reference):
    """Copies first."""

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Write a copy of what is a buffer."""
        super().write_chunk(index, memoryview(data).tobytes() if np.ndim(data) else data)


@mutant("ZB-WRITE-02", "A write that is refused has emptied the chunk before.")
class OpensBeforeItChecks(BareFiles):
    """Opens the file for writing first."""

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Empty the file, then look at the data."""
        file = self._file(index)
        if isinstance(data, memoryview | np.ndarray) and file.exists():
            file.write_bytes(b"")
        super().write_chunk(index, data)


@mutant("ZB-WRITE-03", "An int is written as that many zeros, and a list of ints as bytes.")
class BytesOfAnything(BareMemory):
    """Calls bytes()."""

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Write whatever bytes() makes of it."""
        self.chunks[index] = bytes(data if isinstance(data, int | list) else contiguous_view(data))


@mutant("ZB-WRITE-03", "A str is encoded.")
class EncodesText(Reference):
    """Is helpful."""

    def write_chunk(self, index: ChunkIndex, data: Any) -> None:
        """Write text as UTF-8."""
        super().write_chunk(index, data.encode() if isinstance(data, str) else data)


@mutant("ZB-WRITE-03", "None deletes the chunk.")
class NoneDeletes(Reference):
    """Has a convention of its own."""

    def write_chunk(self, index: ChunkIndex, data: Any) -> None:
        """Write or delete."""
        if data is None:
            self.delete_chunk(index)
        else:
            super().write_chunk(index, data)


@mutant("ZB-WRITE-04", "A read-only view of the caller's memory is kept.")
class KeepsTheCallersBuffer(BareMemory):
    """Takes read-only for constant."""

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Keep what cannot be written through this view."""
        view = contiguous_view(data)
        self.chunks[index] = view if view.readonly else bytes(view)


@mutant("ZB-WRITE-04", "What is no bytes object is kept as a view.")
class KeepsViews(MemoryBackend):
    """Copies nothing."""

    def set(self, key: str, value: Buffer) -> None:
        """Keep a view on the caller's memory."""
        view: Any = contiguous_view(value)
        self._store.set(self._prefix + key, view)


@mutant("ZB-WRITE-04", "Large values are written with the next call.")
class WritesLater(Reference):
    """Keeps one write in the air."""

    _waiting: tuple[str, Buffer] | None = None

    def set(self, key: str, value: Buffer) -> None:
        """Remember a large value of a chunk, write the others."""
        self._land()
        if key.startswith("c/") and contiguous_view(value).nbytes > 2**16:
            self._waiting = key, value
        else:
            super().set(key, value)

    def get(self, key: str) -> Buffer | None:
        """Write what waits, then read."""
        self._land()
        return super().get(key)

    def _land(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            super().set(*waiting)


@mutant("ZB-WRITE-05", "A shorter value leaves the end of a longer one.")
class ShorterLeavesTail(BareFiles):
    """Opens files for update."""

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Write over the beginning."""
        file, view = self._file(index), contiguous_view(data)
        old = file.read_bytes() if file.exists() else b""
        super().write_chunk(index, bytes(view) + old[view.nbytes :])


@mutant("ZB-WRITE-05", "Writing no bytes deletes the chunk, unless it is new.")
class EmptyDeletes(Reference):
    """Tests the truth of the data."""

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Write or delete."""
        key = self._chunk_key(index)
        if contiguous_view(data).nbytes or self.get(key) is None:
            super().write_chunk(index, data)
        else:
            self.delete(key)


@mutant("ZB-WRITE-05", "A chunk that is there is not overwritten.")
class KeepsTheFirst(Reference):
    """Inserts and ignores conflicts."""

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Write a new chunk."""
        self.set_if_absent(self._chunk_key(index), data)


@mutant("ZB-WRITE-05", "A value of the length of the old one is taken for unchanged.")
class SameLengthSkipped(Reference):
    """Compares sizes, as tools that synchronise folders do."""

    def set(self, key: str, value: Buffer) -> None:
        """Set a value of another length; metadata always."""
        nbytes = contiguous_view(value).nbytes
        if nbytes < 9000 or key == "zarr.json" or self.size(key) != nbytes:  # noqa: PLR2004  # large values
            super().set(key, value)
