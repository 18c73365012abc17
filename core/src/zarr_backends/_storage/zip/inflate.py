"""Undoing the compression of members that others wrote; ours are stored.

Nothing is believed: the output never grows beyond the size that the directory declares,
and a size that the method cannot reach from so few bytes is refused before anything is
decompressed.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable
from typing import Protocol

from zarr_backends.contract import Buffer

__all__ = ["METHODS", "inflate"]

_DEFLATE_RATIO = 1032
"""Bytes that deflate can make of one byte: 258 of every two bits."""

_LZMA_MEMORY = 2**30
"""Bytes that a dictionary may take; what a member asks for may be a lie."""

_UNKNOWN_NBYTES = 2**64 - 1
"""What the lzma header says where an end marker follows the data."""

_END_MARKER_FLAG = 1 << 1
"""General purpose bit of lzma members that end in a marker (APPNOTE 5.8.9)."""


class _Decompressor(Protocol):
    """What the three modules of the standard library have in common."""

    @property
    def eof(self) -> bool: ...
    def decompress(self, data: Buffer, max_length: int, /) -> bytes: ...


def inflate(method: int, flags: int, data: Buffer, nbytes: int) -> bytes:
    """Return the value of a compressed member.

    Args:
        method: Compression method, a key of `METHODS`.
        flags: General purpose bits of the member.
        data: The member's data.
        nbytes: Declared length of the value.

    Raises:
        ValueError: `data` is damaged or does not give exactly `nbytes` bytes.
    """
    name, start = METHODS[method]
    try:
        decompressor, data = start(data, flags, nbytes)
        # Room for one more byte shows a value that is too long, and an end that is missing.
        value = decompressor.decompress(data, nbytes + 1)
    except (zlib.error, lzma.LZMAError, OSError, EOFError, struct.error) as error:
        message = f"is not valid {name} data: {error}"
        raise ValueError(message) from error
    if len(value) != nbytes or not decompressor.eof:
        message = f"does not inflate to the {nbytes} bytes that the directory declares"
        raise ValueError(message)
    return value


def _deflate(data: Buffer, _flags: int, nbytes: int) -> tuple[_Decompressor, Buffer]:
    if nbytes > _DEFLATE_RATIO * len(data):
        message = f"cannot have {nbytes} bytes inflated from {len(data)}"
        raise ValueError(message)
    return zlib.decompressobj(-zlib.MAX_WBITS), data


def _bzip2(data: Buffer, _flags: int, _nbytes: int) -> tuple[_Decompressor, Buffer]:
    return bz2.BZ2Decompressor(), data


def _lzma(data: Buffer, flags: int, nbytes: int) -> tuple[_Decompressor, Buffer]:
    """Put the header of an .lzma file before the data, in place of the archive's own."""
    (properties_nbytes,) = struct.unpack_from("<H", data, 2)
    properties = bytes(data[4 : 4 + properties_nbytes])
    said = _UNKNOWN_NBYTES if flags & _END_MARKER_FLAG else nbytes
    header = properties + struct.pack("<Q", said)
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_LZMA_MEMORY)
    return decompressor, header + data[4 + properties_nbytes :]


METHODS: dict[int, tuple[str, Callable[[Buffer, int, int], tuple[_Decompressor, Buffer]]]] = {
    8: ("deflate", _deflate),
    12: ("bzip2", _bzip2),
    14: ("lzma", _lzma),
}
"""Compression methods that can be undone, by their number (APPNOTE 4.4.5)."""
