"""Faults in reading chunks."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from zarr_backends import Buffer, ChunkIndex, ChunkNotFoundError, contiguous_view
from zarr_backends._storage.zip.backend import ZipBackend
from zarr_backends_compliance._mutants.bare import BareFiles, BareMemory
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__ = [
    "DecodesBase64",
    "DropsAFullPart",
    "EmptyForMissing",
    "EmptyIsMissing",
    "GivesAwayItsBuffer",
    "KeyErrorForMissing",
    "MissBecomesEmpty",
    "NoneForMissing",
    "ReadsOnce",
    "ReusesItsBuffer",
    "ShortLengths",
    "StripsTrailingZeros",
    "TextFiles",
    "TruncatesLarge",
    "UpdatesInPlace",
]


@mutant("ZB-READ-01", "Values are cut after 256 KiB.")
class TruncatesLarge(Reference):
    """Reads one part."""

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return the first part."""
        return super().read_chunk(index)[: 2**18]


@mutant("ZB-READ-01", "A value that fills a part of 64 KiB exactly comes back empty.")
class DropsAFullPart(Reference):
    """Computes the remainder."""

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return a value, but for one length."""
        value = super().read_chunk(index)
        return value[: len(value) % 2**16] if len(value) == 2**16 else value


@mutant("ZB-READ-01", "A chunk of no bytes counts as missing.")
class EmptyIsMissing(Reference):
    """Tests the truth of a value."""

    def get(self, key: str) -> Buffer | None:
        """Return a value, unless it is empty."""
        return super().get(key) or None


@mutant("ZB-READ-02", "A chunk that is not stored reads as empty bytes.")
class EmptyForMissing(Reference):
    """Says nothing where there is nothing."""

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return empty bytes for an absent chunk."""
        try:
            return super().read_chunk(index)
        except ChunkNotFoundError:
            return b""


@mutant("ZB-READ-02", "A chunk that is not stored reads as None.")
class NoneForMissing(BareMemory):
    """Uses the method of a dictionary that forgives."""

    def read_chunk(self, index: ChunkIndex) -> Any:
        """Return None for an absent chunk."""
        return self.chunks.get(index)


@mutant("ZB-READ-02", "A chunk that is not stored raises a plain KeyError.")
class KeyErrorForMissing(BareMemory):
    """Lets the error of a dictionary through."""

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return a chunk."""
        return bytes(self.chunks[index])


@mutant("ZB-READ-02", "A chunk that was missing reads as empty bytes when it is asked for again.")
class MissBecomesEmpty(Reference):
    """Caches a miss as what it is not."""

    _missing: tuple[ChunkIndex, ...] = ()

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Forget what was missing, and write."""
        self._missing = ()
        super().write_chunk(index, data)

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return a chunk, or nothing the second time."""
        try:
            return super().read_chunk(index)
        except ChunkNotFoundError:
            if index in self._missing:
                return b""
            self._missing = (*self._missing, index)
            raise


@mutant("ZB-READ-01", "The length of a value is kept in 16 bits.")
class ShortLengths(ZipBackend):
    """Packs lengths into too small a field."""

    def get(self, key: str) -> Buffer | None:
        """Return as much of a value as its length says."""
        value = super().get(key)
        return value if value is None else memoryview(value)[: len(value) & 0xFFFF]


@mutant("ZB-READ-03", "Zeros at the end of a value are lost.")
class StripsTrailingZeros(Reference):
    """Keeps values in a column of characters."""

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return a value as a C string."""
        return bytes(super().read_chunk(index)).rstrip(b"\0")


@mutant("ZB-READ-03", "Line ends are translated, as in a file opened as text.")
class TextFiles(BareFiles):
    """Opens files as text."""

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return a value with its line ends translated."""
        return bytes(super().read_chunk(index)).replace(b"\r\n", b"\n")


@mutant("ZB-READ-03", "A value that happens to be base64 is decoded.")
class DecodesBase64(Reference):
    """Guesses how a value was stored."""

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return a value, decoded where it can be."""
        value = super().read_chunk(index)
        try:
            return base64.b64decode(value, validate=True) if len(value) == 8 else value  # noqa: PLR2004  # short ones
        except binascii.Error:
            return value


@mutant("ZB-READ-04", "Reads of one length share a buffer.")
class ReusesItsBuffer(Reference):
    """Saves allocations."""

    def connect(self, *, path: str, array_id: str = "a", timeout_s: float = 30.0) -> None:
        """Begin without buffers."""
        super().connect(path=path, array_id=array_id, timeout_s=timeout_s)
        self._buffers: dict[int, bytearray] = {}

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return a view of the buffer of this length."""
        value = super().read_chunk(index)
        buffer = self._buffers.setdefault(len(value), bytearray(len(value)))
        buffer[:] = value
        return memoryview(buffer).toreadonly()


@mutant("ZB-READ-04", "A value of the same length is written over the old one, which readers hold.")
class UpdatesInPlace(BareMemory):
    """Keeps one buffer a chunk."""

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return a view of the stored buffer."""
        super().read_chunk(index)
        return memoryview(self.chunks[index]).toreadonly()

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Write into the buffer that is there, if it fits."""
        view = contiguous_view(data)
        old = self.chunks.get(index)
        if old is not None and len(old) == view.nbytes:
            old[:] = view
        else:
            self.chunks[index] = bytearray(view)


@mutant("ZB-READ-05", "The stored bytearray itself is returned.")
class GivesAwayItsBuffer(BareMemory):
    """Hands out what it keeps."""

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return the stored buffer."""
        super().read_chunk(index)
        buffer: bytearray = self.chunks[index]
        return buffer

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Keep a new buffer."""
        self.chunks[index] = bytearray(contiguous_view(data))


@mutant("ZB-READ-05", "A value is gone once it was read.")
class ReadsOnce(BareMemory):
    """Takes where it should look."""

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return a chunk and forget it."""
        value = super().read_chunk(index)
        del self.chunks[index]
        return value
