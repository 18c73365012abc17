"""What codecs are: three kinds, told apart by what they are given and what they give.

1. An array-to-array codec changes an array (``transpose``, ``numcodecs.delta``).
2. An array-to-bytes codec writes an array as bytes (``bytes``, ``vlen-utf8``).
3. A bytes-to-bytes codec changes bytes (``zstd``, ``crc32c``).

Every codec is built once for the chunks of one array and then used by many threads at a
time. It knows from the start how many bytes it may give back when it decodes, its
`Extent`, and refuses stored bytes that announce more before it allocates anything.

Source: Zarr core specification 3, "Codecs".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunks.spec import ChunkSpec
from zarr_backends.contract import Buffer
from zarr_backends.errors import ChunkCorruptionError

__all__ = [
    "ArrayArrayCodec",
    "ArrayBytesCodec",
    "BytesBytesCodec",
    "ChunkPipeline",
    "DecodesInto",
    "DecodesMany",
    "Extent",
]

_SLACK_NBYTES = 64 * 2**10
"""Bytes that compressed data may be larger than twice what was compressed. Compressors add
some bytes for each of their blocks, and a writer may flush small ones."""


class Extent(NamedTuple):
    """How many bytes stand between two codecs, and what they are.

    >>> Extent(12, np.dtype("int16")).check(10, "gzip")
    Traceback (most recent call last):
    zarr_backends.errors.ChunkCorruptionError: gzip: got 10 bytes where a chunk has 12
    """

    nbytes: int
    """Number of bytes; at most so many where they are not `is_exact`."""
    dtype: np.dtype[Any]
    """Elements that the bytes are, ``uint8`` where they have been compressed."""
    is_exact: bool = True
    """Whether every chunk has just as many."""

    def check(self, nbytes: int, name: str) -> None:
        """Refuse a number of bytes that cannot be.

        Args:
            nbytes: Number that was found or announced.
            name: Who found it, for the message.

        Raises:
            ChunkCorruptionError: It is larger, or another one where it has to be exact.
        """
        if nbytes == self.nbytes or (nbytes < self.nbytes and not self.is_exact):
            return
        most = "" if self.is_exact else "at most "
        message = f"{name}: got {nbytes} bytes where a chunk has {most}{self.nbytes}"
        raise ChunkCorruptionError(message)

    def plus(self, nbytes: int) -> Extent:
        """Return the extent of the same bytes with some more, such as a checksum."""
        return Extent(self.nbytes + nbytes, np.dtype(np.uint8), self.is_exact)

    def compressed(self) -> Extent:
        """Return what the bytes may become when they are compressed: twice as many at most."""
        return Extent(2 * self.nbytes + _SLACK_NBYTES, np.dtype(np.uint8), is_exact=False)


class ArrayArrayCodec(Protocol):
    """Changes arrays; knows the shape and dtype of what it makes of them."""

    encoded: ChunkSpec
    """The array that `encode` gives and `decode` is given."""

    def encode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the changed array.

        Raises:
            CodecError: The values cannot be changed so.
        """
        ...

    def decode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the array as it was, which may be read-only and in any byte order.

        Raises:
            ChunkCorruptionError: It is not what `encode` gives.
        """
        ...


class ArrayBytesCodec(Protocol):
    """Writes arrays as bytes."""

    encoded: Extent
    """The bytes that `encode` gives and `decode` is given."""

    def encode(self, array: NDArray[Any]) -> Buffer:
        """Return an array of any strides as bytes, which may be a view of its memory.

        Raises:
            CodecError: It has elements that cannot be written.
        """
        ...

    def decode(self, data: Buffer) -> NDArray[Any]:
        """Return the array, which may be read-only, a view of `data`, and in any byte order.

        Raises:
            ChunkCorruptionError: The bytes are not one chunk.
        """
        ...


class BytesBytesCodec(Protocol):
    """Changes bytes."""

    encoded: Extent
    """The bytes that `encode` gives and `decode` is given."""

    def encode(self, data: Buffer) -> Buffer:
        """Return the changed bytes, which may be a view of `data`.

        Raises:
            CodecError: They cannot be changed so.
        """
        ...

    def decode(self, data: Buffer) -> Buffer:
        """Return the bytes as they were, which may be a view of `data`.

        Raises:
            ChunkCorruptionError: They are not what `encode` gives, or would become more
                than a chunk has.
        """
        ...


@runtime_checkable
class DecodesInto(Protocol):
    """A bytes-to-bytes codec that can write what it decodes where it is wanted."""

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Decode into `out`, writable and contiguous, that holds exactly one chunk.

        Raises:
            ChunkCorruptionError: The bytes are not one chunk; `out` may have been changed.
        """
        ...


@runtime_checkable
class DecodesMany(Protocol):
    """A bytes-to-bytes codec that can decode several chunks in one call of its library.

    That spares small chunks most of the time that threads spend on waiting for the
    interpreter lock, which each call gives away and takes back.
    """

    def decode_many(self, chunks: Sequence[Buffer]) -> list[memoryview] | None:
        """Return the data of several chunks, or None where one of them is unusual or damaged.

        What is wrong is then said by decoding them one by one.
        """
        ...


class ChunkPipeline(Protocol):
    """All codecs of an array, one after the other; see `CodecPipeline`."""

    spec: ChunkSpec
    """The chunks."""
    encoded: Extent
    """Their bytes."""

    def encode(self, chunk: NDArray[Any]) -> Buffer:
        """Return the bytes of a chunk.

        Raises:
            CodecError: It cannot be encoded.
        """
        ...

    def decode(self, data: Buffer) -> NDArray[Any]:
        """Return the chunk of some bytes, which may be read-only.

        Raises:
            ChunkCorruptionError: They are not one chunk.
        """
        ...

    def decode_into(self, data: Buffer, target: NDArray[Any]) -> None:
        """Decode into a writable array.

        Raises:
            ChunkCorruptionError: The bytes are not one chunk.
        """
        ...
