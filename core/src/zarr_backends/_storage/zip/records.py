"""The binary records of zip archives, and how they are read; without any I/O.

::

    local header, name, extra, data [, data descriptor]    once a member
    central record, name, extra, comment                   once a member, in the directory
    [ZIP64 end record, ZIP64 locator,] end record, comment

Numbers are little-endian. One that does not fit its field is all ones there and follows
in the ZIP64 extra field.

Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from zarr_backends.errors import CorruptStorageError

__all__ = [
    "CENTRAL",
    "END",
    "END64",
    "LOCAL",
    "LOCATOR64",
    "MAX_16",
    "MAX_32",
    "ZIP64_EXTRA",
    "Member",
    "extra_fields",
    "record_nbytes",
    "unpack_member",
]

CENTRAL = struct.Struct("<4s6H3I5H2I")
"""Signature; version made by and needed, flags, method, time, date; CRC, stored and full
size; lengths of name, extra and comment, disk, internal attributes; external attributes
and offset of the local header."""

LOCAL = struct.Struct("<4s5H3I2H")
"""Signature; version needed, flags, method, time, date; CRC, stored and full size; lengths
of name and extra."""

END = struct.Struct("<4s4H2IH")
"""Signature; this disk, disk of the directory, records there and in all; bytes and offset
of the directory; length of the comment."""

END64 = struct.Struct("<4sQ2H2I4Q")
"""Signature; bytes that follow; versions; then as in `END`."""

LOCATOR64 = struct.Struct("<4sIQI")
"""Signature; disk and offset of the ZIP64 end record; number of disks."""

MAX_16 = 0xFFFF
"""A 16-bit field of all ones: the number is larger, see the ZIP64 records."""

MAX_32 = 0xFFFFFFFF
"""A 32-bit field of all ones: the number is larger, see the ZIP64 extra field."""

ZIP64_EXTRA = 1
"""Id of the extra field that holds what does not fit 32 bits (APPNOTE 4.5.3)."""


class Member(NamedTuple):
    """One member, as the central directory describes it."""

    name: bytes
    """As stored."""
    offset: int
    """Where the local header starts in the file."""
    stored_nbytes: int
    """Length of the data in the archive."""
    nbytes: int
    """Length of the value."""
    crc: int
    """CRC-32 of the value."""
    method: int = 0
    """Compression method; 0 is none."""
    flags: int = 0
    """General purpose bits."""
    data_offset: int | None = None
    """Where the data starts, for members of our own; others say so in their local header."""

    @property
    def key(self) -> str:
        """The name, for messages."""
        return self.name.decode(errors="replace")


def record_nbytes(records: bytes, position: int) -> int:
    """Return the length of the central record at `position`."""
    lengths: tuple[int, int, int] = struct.unpack_from("<3H", records, position + 28)
    return CENTRAL.size + sum(lengths)


def unpack_member(records: bytes, position: int, shift: int = 0) -> Member:
    """Return the member that a central record describes.

    Args:
        records: The central directory.
        position: Where in it the record starts; it is known to be whole.
        shift: Bytes before the archive that offsets do not count.

    Raises:
        CorruptStorageError: A number that should be in the ZIP64 field is not.
    """
    fields = CENTRAL.unpack_from(records, position)
    flags, method, crc, stored, nbytes = fields[3], fields[4], *fields[7:10]
    name_stop = position + CENTRAL.size + fields[10]
    offset = fields[16]
    name = records[position + CENTRAL.size : name_stop]
    if MAX_32 in (stored, nbytes, offset):
        extra = records[name_stop : name_stop + fields[11]]
        nbytes, stored, offset = _zip64_numbers(extra, (nbytes, stored, offset), name)
    return Member(name, offset + shift, stored, nbytes, crc, method, flags)


def _zip64_numbers(extra: bytes, numbers: tuple[int, int, int], name: bytes) -> list[int]:
    """Return full size, stored size and offset, taken from the extra field where all ones.

    Raises:
        CorruptStorageError: The field is missing or too short.
    """
    bodies = [body for kind, body in extra_fields(extra) if kind == ZIP64_EXTRA]
    body = bodies[0] if bodies else b""
    saturated = numbers.count(MAX_32)
    if len(body) < 8 * saturated:
        message = f"member {name!r:.80} lacks its ZIP64 sizes"
        raise CorruptStorageError(message)
    long = iter(struct.unpack_from(f"<{saturated}Q", body))
    return [next(long) if number == MAX_32 else number for number in numbers]


def extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield id and body of every extra field; a ragged end is left out."""
    position = 0
    while position + 4 <= len(extra):
        kind, nbytes = struct.unpack_from("<2H", extra, position)
        position += 4 + nbytes
        if position > len(extra):
            return
        yield kind, extra[position - nbytes : position]
