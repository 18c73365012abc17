"""What is known of each codec of numcodecs before it runs: sizes and elements.

Source: the sources of numcodecs; c-blosc, "Blosc header"; LZ4 of numcodecs puts the number of
bytes in front of a block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from zarr_backends._format.codecs.base import Extent
from zarr_backends.errors import ChunkCorruptionError, CodecError

__all__ = ["KIN", "UNKNOWN", "Kin"]

_BLOSC_HEADER_NBYTES = 16
_LZ4_HEADER_NBYTES = 4
_CHECKSUM_NBYTES = 4

_MAX_NBYTES = 2**31 - 1
"""Bytes of the largest data of blosc and LZ4."""


class Kin(NamedTuple):
    """What is known of one codec."""

    encoded: Callable[[Any, Extent], Extent]
    """Makes of the codec, and of the extent of the data, the extent of the encoded data."""
    announced: Callable[[memoryview], int] | None = None
    """Reads how many bytes encoded data say that they become; None where they do not."""


def _same(_: Any, decoded: Extent) -> Extent:
    """Return the extent of what keeps its size."""
    return decoded.plus(0)


def _with_checksum(_: Any, decoded: Extent) -> Extent:
    """Return the extent of what gets a checksum."""
    return decoded.plus(_CHECKSUM_NBYTES)


def _compressed(_: Any, decoded: Extent) -> Extent:
    """Return the extent of what is compressed."""
    return decoded.compressed()


def _elements(codec: Any, decoded: Extent) -> Extent:
    """Return the extent of what a filter makes of elements of ``dtype``."""
    return _converted(decoded, codec.dtype, codec.astype)


def _cast(codec: Any, decoded: Extent) -> Extent:
    """Return the extent of what ``astype`` makes."""
    return _converted(decoded, codec.decode_dtype, codec.encode_dtype)


def _converted(decoded: Extent, before: np.dtype[Any], after: np.dtype[Any]) -> Extent:
    """Return the extent of elements whose dtype changes.

    Raises:
        CodecError: The bytes are not a whole number of them.
    """
    if before.hasobject:
        before = decoded.dtype
    if not before.itemsize or not after.itemsize or after.hasobject:
        message = f"elements cannot be converted from dtype {before} to {after}"
        raise CodecError(message)
    nitems, rest = divmod(decoded.nbytes, before.itemsize)
    if rest and decoded.is_exact:
        message = f"{decoded.nbytes} bytes are not a whole number of elements of dtype {before}"
        raise CodecError(message)
    return Extent(nitems * after.itemsize, after, decoded.is_exact)


def _rounded(_: Any, decoded: Extent) -> Extent:
    """Return the extent of what ``bitround`` makes: integers as wide as the numbers."""
    dtype = np.dtype(decoded.dtype.str.replace("f", "i"))
    return Extent(decoded.nbytes, dtype, decoded.is_exact)


def _packed(_: Any, decoded: Extent) -> Extent:
    """Return the extent of one bit for each byte, behind the number of idle bits."""
    return Extent(1 + -(-decoded.nbytes // 8), np.dtype(np.uint8), decoded.is_exact)


def _base64(_: Any, decoded: Extent) -> Extent:
    """Return the extent of four characters for three bytes."""
    return Extent(4 * -(-decoded.nbytes // 3), np.dtype(np.uint8), decoded.is_exact)


def _blosc(data: memoryview) -> int:
    """Return what a header of blosc announces, after checking it against the data.

    Raises:
        ChunkCorruptionError: It is none, or that of other data.
    """
    nbytes, blocksize, stored = (int.from_bytes(data[at : at + 4], "little") for at in (4, 8, 12))
    is_sound = len(data) >= _BLOSC_HEADER_NBYTES and data[3] and nbytes <= _MAX_NBYTES
    if not is_sound or stored != len(data) or not (0 < blocksize <= nbytes or not nbytes):
        message = (
            f"blosc: {len(data)} bytes do not start with their header (it says {stored} bytes "
            f"that become {nbytes} in blocks of {blocksize})"
        )
        raise ChunkCorruptionError(message)
    return nbytes


def _lz4(data: memoryview) -> int:
    """Return the number of bytes that stands before an LZ4 block.

    Raises:
        ChunkCorruptionError: There is none, or no block.
    """
    nbytes = int.from_bytes(data[:_LZ4_HEADER_NBYTES], "little")
    if len(data) <= _LZ4_HEADER_NBYTES or not 0 < nbytes <= _MAX_NBYTES:
        message = f"lz4: {len(data)} bytes that announce {nbytes} are no block"
        raise ChunkCorruptionError(message)
    return nbytes


KIN = {
    "astype": Kin(_cast),
    "base64": Kin(_base64),
    "bitround": Kin(_rounded),
    "blosc": Kin(_compressed, _blosc),
    "categorize": Kin(_elements),
    "delta": Kin(_elements),
    "fixedscaleoffset": Kin(_elements),
    "fletcher32": Kin(_with_checksum),
    "jenkins_lookup3": Kin(_with_checksum),
    "lz4": Kin(_compressed, _lz4),
    "packbits": Kin(_packed),
    "quantize": Kin(_elements),
    "shuffle": Kin(_same),
}
"""The codecs that are known, by numcodecs' ids."""

UNKNOWN = Kin(_compressed)
"""What is taken for granted of a codec that someone else registered."""
