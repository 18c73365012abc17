"""Writing the binary records of zip archives, without any I/O.

Records of others are kept as they are; only the place of the local header is changed when
a member moves.

Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
"""

from __future__ import annotations

import struct

from zarr_backends._storage.zip.records import (
    CENTRAL,
    END,
    END64,
    LOCAL,
    LOCATOR64,
    MAX_16,
    MAX_32,
    ZIP64_EXTRA,
    Member,
    extra_fields,
    unpack_member,
)

__all__ = ["central_record", "end_records", "local_header", "moved_record"]

_VERSION = 20
_VERSION_ZIP64 = 45
_MADE_BY = 3 << 8 | _VERSION_ZIP64
"""Unix, so that the permissions below are understood."""

_PERMISSIONS = 0o100644 << 16
"""A regular file that its owner may write."""

_OFFSET_FIELD = 42
"""Where a central record says where the local header is."""

_DATE = 1 << 5 | 1
"""1980-01-01: the same for every member, so that equal content gives equal bytes."""


def local_header(name: bytes, flags: int, nbytes: int, crc: int) -> bytes:
    """Return what stands before the data of a stored member."""
    size, extra, version = nbytes, b"", _VERSION
    if nbytes >= MAX_32:
        extra = _extra_field(ZIP64_EXTRA, nbytes, nbytes)
        size, version = MAX_32, _VERSION_ZIP64
    lengths = len(name), len(extra)
    header = LOCAL.pack(b"PK\3\4", version, flags, 0, 0, _DATE, crc, size, size, *lengths)
    return header + name + extra


def central_record(member: Member, offset: int) -> bytes:
    """Return the central record of a stored member of ours whose header is at `offset`."""
    nbytes = member.nbytes
    extra = _extra_field(ZIP64_EXTRA, *(n for n in (nbytes, nbytes, offset) if n >= MAX_32))
    version = _VERSION_ZIP64 if extra else _VERSION
    size = min(nbytes, MAX_32)
    head = (_MADE_BY, version, member.flags, 0, 0, _DATE, member.crc, size, size)
    tail = (len(member.name), len(extra), 0, 0, 0, _PERMISSIONS, min(offset, MAX_32))
    return CENTRAL.pack(b"PK\1\2", *head, *tail) + member.name + extra


def moved_record(record: bytes, offset: int) -> bytes:
    """Return the central record of anybody's member with its header at `offset`."""
    (old,) = struct.unpack_from("<I", record, _OFFSET_FIELD)
    if old < MAX_32 and offset < MAX_32:
        return record[:_OFFSET_FIELD] + struct.pack("<I", offset) + record[CENTRAL.size :]
    return _rebuilt_record(record, offset)


def _rebuilt_record(record: bytes, offset: int) -> bytes:
    """Return a central record with a ZIP64 field that says what it must now say."""
    member = unpack_member(record, 0)
    fields = list(CENTRAL.unpack_from(record))
    name_stop = CENTRAL.size + fields[10]
    extra_stop = name_stop + fields[11]
    sizes = ((fields[9], member.nbytes), (fields[8], member.stored_nbytes))
    numbers = [number for field, number in sizes if field == MAX_32]
    if offset >= MAX_32:
        numbers.append(offset)
    extra = _extra_field(ZIP64_EXTRA, *numbers)
    for kind, body in extra_fields(record[name_stop:extra_stop]):
        if kind != ZIP64_EXTRA:
            extra += struct.pack("<2H", kind, len(body)) + body
    fields[2] = max(fields[2], _VERSION_ZIP64 if numbers else 0)
    fields[11] = len(extra)
    fields[16] = min(offset, MAX_32)
    return CENTRAL.pack(*fields) + record[CENTRAL.size : name_stop] + extra + record[extra_stop:]


def _extra_field(kind: int, *numbers: int) -> bytes:
    """Return an extra field of 64-bit numbers, nothing where there are none."""
    count = len(numbers)
    return struct.pack(f"<2H{count}Q", kind, 8 * count, *numbers) if numbers else b""


def end_records(count: int, nbytes: int, offset: int, comment: bytes = b"") -> bytes:
    """Return what follows a central directory.

    Args:
        count: Records in the directory.
        nbytes: Length of the directory.
        offset: Where it starts in the file.
        comment: Comment of the archive.
    """
    end64 = b""
    if count >= MAX_16 or nbytes >= MAX_32 or offset >= MAX_32:
        versions = _MADE_BY, _VERSION_ZIP64
        numbers = count, count, nbytes, offset
        end64 = END64.pack(b"PK\6\6", END64.size - 12, *versions, 0, 0, *numbers)
        end64 += LOCATOR64.pack(b"PK\6\7", 0, offset + nbytes, 1)
    count = min(count, MAX_16)
    place = min(nbytes, MAX_32), min(offset, MAX_32)
    return end64 + END.pack(b"PK\5\6", 0, 0, count, count, *place, len(comment)) + comment
