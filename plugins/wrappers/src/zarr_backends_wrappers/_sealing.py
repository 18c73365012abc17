"""Values with checksums behind them, of every block and of the whole.

A sealed value is the value itself, then the digest of each block of 64 KiB, then a trailer:
the length of the value, a digest of all that stands before it but the value, and a magic
number. So a part of a value can be checked without the rest.

    value | digest of block 0 | digest of block 1 | ... | length | digest of these | magic
"""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from zarr_backends import Buffer

__all__ = [
    "BLOCK_NBYTES",
    "TRAILER_NBYTES",
    "Seal",
    "SealError",
    "seal",
    "seal_nbytes",
    "seal_of",
    "unsealed",
]

BLOCK_NBYTES = 65_536
"""Bytes that one digest is of."""

_DIGEST_NBYTES = 16
_LENGTH_NBYTES = 8
_MAGIC = b"ZBsum\x01\r\n"

TRAILER_NBYTES = _LENGTH_NBYTES + _DIGEST_NBYTES + len(_MAGIC)
"""Bytes behind the digests of the blocks."""


class SealError(Exception):
    """The bytes are not what was sealed; the message says what is wrong with them."""


def _digest(data: Buffer) -> bytes:
    return blake2b(data, digest_size=_DIGEST_NBYTES).digest()


class Seal(NamedTuple):
    """What stands behind a value."""

    nbytes: int
    """Length of the value."""
    digests: bytes
    """Digests of its blocks."""

    @classmethod
    def of(cls, value: memoryview) -> Seal:
        """Return the seal of a value."""
        blocks = range(0, value.nbytes, BLOCK_NBYTES)
        return cls(value.nbytes, b"".join(_digest(value[i : i + BLOCK_NBYTES]) for i in blocks))

    @property
    def own_nbytes(self) -> int:
        """Bytes of the seal itself."""
        return len(self.digests) + TRAILER_NBYTES

    def packed(self) -> bytes:
        """Return the bytes that are stored behind the value."""
        head = self.digests + self.nbytes.to_bytes(_LENGTH_NBYTES, "little")
        return head + _digest(head) + _MAGIC

    def check(self, start: int, stop: int, part: memoryview) -> None:
        """Check a part that begins and ends at borders of blocks.

        Args:
            start: Where it begins in the value.
            stop: Where it ends.
            part: Its bytes.

        Raises:
            SealError: A block is not what it was.
        """
        if part.nbytes != stop - start:
            message = f"{part.nbytes} bytes are there of {stop - start}"
            raise SealError(message)
        for offset in range(0, part.nbytes, BLOCK_NBYTES):
            number = (start + offset) // BLOCK_NBYTES
            expected = self.digests[number * _DIGEST_NBYTES : (number + 1) * _DIGEST_NBYTES]
            if _digest(part[offset : offset + BLOCK_NBYTES]) != expected:
                first = number * BLOCK_NBYTES
                message = f"bytes {first} to {first + BLOCK_NBYTES} of it are not what was written"
                raise SealError(message)

    def borders(self, start: int, stop: int) -> tuple[int, int]:
        """Return the blocks around a part, as positions in the value."""
        first = start // BLOCK_NBYTES * BLOCK_NBYTES
        last = -(-stop // BLOCK_NBYTES) * BLOCK_NBYTES
        return first, min(last, self.nbytes)


def seal(value: memoryview) -> bytes:
    """Return a value with its seal behind it."""
    return b"".join((value, Seal.of(value).packed()))


def seal_nbytes(nbytes: int) -> int:
    """Return the size of the seal of a value of `nbytes` bytes."""
    return -(-nbytes // BLOCK_NBYTES) * _DIGEST_NBYTES + TRAILER_NBYTES


def seal_of(end: memoryview) -> tuple[int, Seal | None]:
    """Return the seal at the end of a stored value.

    Args:
        end: The last bytes of it, of the trailer at least.

    Returns:
        The length of the value, and the seal; None where more of the end is needed.

    Raises:
        SealError: There is no seal, or it is damaged.
    """
    trailer = end[-TRAILER_NBYTES:]
    if trailer.nbytes < TRAILER_NBYTES or trailer[-len(_MAGIC) :] != _MAGIC:
        message = "it has no checksums at its end: it was cut off, or written by something else"
        raise SealError(message)
    nbytes = int.from_bytes(trailer[:_LENGTH_NBYTES], "little")
    needed = seal_nbytes(nbytes)
    if needed > end.nbytes:
        return nbytes, None
    head = bytes(end[end.nbytes - needed : end.nbytes - _DIGEST_NBYTES - len(_MAGIC)])
    if _digest(head) != trailer[_LENGTH_NBYTES : _LENGTH_NBYTES + _DIGEST_NBYTES]:
        message = "its checksums are not what was written"
        raise SealError(message)
    return nbytes, Seal(nbytes, head[:-_LENGTH_NBYTES])


def unsealed(stored: memoryview) -> memoryview:
    """Return the value that was sealed, all of it checked.

    Raises:
        SealError: It is not what was written.
    """
    nbytes, found = seal_of(stored)
    if found is None or nbytes + found.own_nbytes != stored.nbytes:
        message = f"it has {stored.nbytes} bytes, and its checksums are for {nbytes} of content"
        raise SealError(message)
    value = stored[:nbytes]
    found.check(0, nbytes, value)
    return value
