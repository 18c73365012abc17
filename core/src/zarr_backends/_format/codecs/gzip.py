"""The codecs ``gzip`` and, of Zarr v2, ``zlib``.

Source: gzip codec specification; RFC 1952 and RFC 1950.
"""

from __future__ import annotations

import gzip
import zlib

from zarr_backends._format.codecs.base import (
    Configuration,
    checked_configuration,
    corrupt,
    integer_option,
)
from zarr_backends.contract import Buffer

__all__ = ["GzipCodec", "ZlibCodec"]

_GZIP_BITS, _ZLIB_BITS = 31, 15
"""What zlib takes for either container, with the largest window."""


class _Deflate:
    """What both containers share."""

    name: str
    bits: int

    def __init__(self, configuration: Configuration) -> None:
        """Take ``level``."""
        checked_configuration(self.name, configuration, "level")
        self._level = integer_option(self.name, configuration, "level", 5, low=-1, high=9)

    def fixed_nbytes(self, decoded: int) -> int | None:  # noqa: ARG002  # the protocol's
        """Return None: it depends on the data."""
        return None

    def max_nbytes(self, decoded: int) -> int:
        """Return the size of stored blocks with their headers, and room for members."""
        return decoded + (decoded >> 8) + 1024

    def decode(self, data: Buffer, limit: int, *, exact: bool) -> bytes:
        """Return what all members hold together."""
        parts: list[bytes] = []
        rest: Buffer = data
        try:
            while len(rest):
                member = zlib.decompressobj(self.bits)
                room = limit + 1 - sum(map(len, parts))
                parts.append(member.decompress(rest, room))
                if not member.eof:
                    corrupt(f"{self.name} data is cut off, or holds more than {limit} bytes")
                rest = member.unused_data
        except zlib.error as error:
            corrupt(f"bytes are not {self.name}: {error}", error)
        decoded = parts[0] if len(parts) == 1 else b"".join(parts)
        if len(decoded) > limit or (exact and len(decoded) != limit):
            corrupt(f"{self.name} data holds {len(decoded)} bytes, {limit} are expected")
        return decoded


class GzipCodec(_Deflate):
    """Compresses as the program gzip does; equal bytes give equal bytes."""

    name, bits = "gzip", _GZIP_BITS

    def encode(self, data: Buffer) -> bytes:
        """Return one member without a time stamp."""
        return gzip.compress(data, self._level, mtime=0)


class ZlibCodec(_Deflate):
    """Compresses as zlib does."""

    name, bits = "zlib", _ZLIB_BITS

    def encode(self, data: Buffer) -> bytes:
        """Return one stream."""
        return zlib.compress(data, self._level)
