"""Checksums of 32 bits beside the data: ``crc32c``, and ``crc32`` and ``adler32`` of v2.

Source: crc32c codec specification 1; RFC 3720, appendix B.4. The other two, and which end
they stand at, are numcodecs'.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import google_crc32c
import numpy as np

from zarr_backends._format.codecs.base import Extent
from zarr_backends._format.codecs.options import Options
from zarr_backends.contract import Buffer
from zarr_backends.errors import ChunkCorruptionError

__all__ = ["ChecksumCodec"]

_NBYTES = 4
"""Bytes of a checksum, the least significant one first."""


def _crc32c(data: Buffer) -> int:
    """Return the CRC-32C of some bytes."""
    # The library takes bytes and NumPy arrays, but no memoryview.
    checksum: int = google_crc32c.value(np.frombuffer(data, np.uint8))
    return checksum


_FUNCTIONS: dict[str, tuple[Callable[[Any], int], str]] = {
    "crc32c": (_crc32c, "end"),
    "crc32": (zlib.crc32, "start"),
    "adler32": (zlib.adler32, "start"),
}
"""What computes each checksum, and where it stands unless the document says otherwise."""


class ChecksumCodec:
    """Bytes to bytes: puts a checksum before or after them, and compares it."""

    def __init__(self, name: str, decoded: Extent, *, at_end: bool) -> None:
        """Prepare for data of some extent; `name` is that of the checksum."""
        self.encoded = decoded.plus(_NBYTES)
        self._name = name
        self._function = _FUNCTIONS[name][0]
        self._at_end = at_end

    @classmethod
    def build(cls, options: Options, decoded: Extent) -> ChecksumCodec:
        """Build a codec that is called ``crc32c``, or by a prefix and one of the names."""
        name = options.name.removeprefix("v2:").removeprefix("numcodecs.")
        default = _FUNCTIONS[name][1]
        location = default
        if options.name != "crc32c" and (given := options.take("location")) is not None:
            location = given
        if location not in ("start", "end"):
            options.refuse("location", location, "'start' or 'end'")
        return cls(name, decoded, at_end=location == "end")

    def encode(self, data: Buffer) -> bytes:
        """Return the data with their checksum."""
        checksum = self._function(data).to_bytes(_NBYTES, "little")
        return b"".join((data, checksum) if self._at_end else (checksum, data))

    def decode(self, data: Buffer) -> memoryview:
        """Return a view of the data without the checksum.

        Raises:
            ChunkCorruptionError: The checksum is that of other data.
        """
        view = memoryview(data)
        self.encoded.check(len(view), self._name)
        if len(view) < _NBYTES:
            message = f"{self._name}: {len(view)} bytes are too few for a checksum"
            raise ChunkCorruptionError(message)
        split = len(view) - _NBYTES if self._at_end else _NBYTES
        first, second = view[:split], view[split:]
        payload, checksum = (first, second) if self._at_end else (second, first)
        computed, stored = self._function(payload), int.from_bytes(checksum, "little")
        if computed != stored:
            message = (
                f"{self._name}: the stored checksum is {stored:#010x}, that of the data is "
                f"{computed:#010x}; they were damaged after they had been written"
            )
            raise ChunkCorruptionError(message)
        return payload
