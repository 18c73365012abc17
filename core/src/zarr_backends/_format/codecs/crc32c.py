"""The codec ``crc32c``: four bytes more, which tell damaged bytes from whole ones.

Source: crc32c codec specification; RFC 3720 appendix B.4.
"""

from __future__ import annotations

import google_crc32c

from zarr_backends._format.codecs.base import Configuration, checked_configuration, corrupt
from zarr_backends.contract import Buffer

__all__ = ["Crc32cCodec"]

_NBYTES = 4
"""Bytes of the checksum, little-endian, at the end."""


class Crc32cCodec:
    """Appends the checksum, and checks it."""

    def __init__(self, configuration: Configuration) -> None:
        """Take no option."""
        checked_configuration("crc32c", configuration)

    def fixed_nbytes(self, decoded: int) -> int | None:
        """Return four bytes more."""
        return decoded + _NBYTES

    def max_nbytes(self, decoded: int) -> int:
        """Return four bytes more."""
        return decoded + _NBYTES

    def encode(self, data: Buffer) -> bytes:
        """Return the bytes and their checksum."""
        return b"".join((data, _checksum(data)))

    def decode(self, data: Buffer, limit: int, *, exact: bool) -> memoryview:
        """Return the bytes without their checksum, as a view."""
        view = memoryview(data)
        nbytes = len(view) - _NBYTES
        if nbytes < 0 or nbytes > limit or (exact and nbytes != limit):
            corrupt(f"{len(view)} bytes with a checksum were read, {limit + _NBYTES} are expected")
        if _checksum(view[:nbytes]) != view[nbytes:]:
            corrupt("the crc32c checksum does not fit the bytes: they are damaged")
        return view[:nbytes]


def _checksum(data: Buffer) -> bytes:
    """Return the checksum as it is stored."""
    # The library takes no other buffer than bytes; bytes() of bytes copies nothing.
    return int(google_crc32c.value(bytes(data))).to_bytes(_NBYTES, "little")
