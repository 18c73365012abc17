"""Finding the central directory: the records at the end of an archive.

1. The end record is the last one whose comment reaches exactly to the end of the file.
2. Just before it may stand a ZIP64 locator, and just before that the ZIP64 end record.
3. The directory ends where these records start. Where that is later than the records say,
   the difference is data before the archive (a self-extracting program, say).

Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.14 to 4.3.16.
"""

from __future__ import annotations

from typing import NamedTuple

from zarr_backends._storage.files.raw_file import RawFile
from zarr_backends._storage.zip.records import END, END64, LOCATOR64, MAX_16, MAX_32
from zarr_backends.errors import CorruptStorageError

__all__ = ["DirectoryPlace", "find_directory"]

_END64_NBYTES = END64.size + LOCATOR64.size


class DirectoryPlace(NamedTuple):
    """Where the central directory is."""

    start: int
    """First byte of the directory in the file; members end before it."""
    nbytes: int
    """Length of the directory."""
    members: int
    """Number of records, which may be modulo 65536."""
    shift: int
    """Bytes before the archive, which the offsets in it do not count."""
    comment: bytes
    """Comment of the archive."""


class _Numbers(NamedTuple):
    """What an end record says, ZIP64 or not."""

    disk: int
    directory_disk: int
    members_here: int
    members: int
    nbytes: int
    offset: int


def find_directory(file: RawFile, file_nbytes: int) -> DirectoryPlace:
    """Return where the central directory is.

    Raises:
        CorruptStorageError: The file is no whole zip archive on a single disk.
    """
    tail_start = max(0, file_nbytes - END.size - MAX_16)
    tail = bytes(file.read_at(tail_start, file_nbytes - tail_start))
    position = _end_position(tail)
    if position is None:
        raise CorruptStorageError(_no_end_record(file))
    _, *fields, comment_nbytes = END.unpack_from(tail, position)
    stop = tail_start + position
    comment = tail[len(tail) - comment_nbytes :]
    numbers = _Numbers(*fields)
    long = _zip64_numbers(file, stop, numbers)
    if long is not None:
        numbers, stop = long, stop - _END64_NBYTES
    if numbers.disk or numbers.directory_disk or numbers.members_here != numbers.members:
        message = "it is one part of an archive that was split"
        raise CorruptStorageError(message)
    start = stop - numbers.nbytes
    if start < numbers.offset:
        message = "its directory would start before the file does: the beginning is missing"
        raise CorruptStorageError(message)
    return DirectoryPlace(start, numbers.nbytes, numbers.members, start - numbers.offset, comment)


def _end_position(tail: bytes) -> int | None:
    """Return where the end record starts; None where there is none."""
    position = len(tail)
    while (position := tail.rfind(b"PK\5\6", 0, position)) >= 0:
        if position + END.size <= len(tail):
            comment_nbytes = END.unpack_from(tail, position)[-1]
            if position + END.size + comment_nbytes == len(tail):
                return position
    return None


def _no_end_record(file: RawFile) -> str:
    """Say what a file without an end record probably is."""
    if file.read_at(0, 4) in (b"PK\3\4", b"PK\5\6"):
        return "its end is missing or has something appended: it was truncated or never finished"
    return "it is not a zip archive"


def _zip64_numbers(file: RawFile, stop: int, short: _Numbers) -> _Numbers | None:
    """Return what the ZIP64 end record says, None where there is none.

    Raises:
        CorruptStorageError: It is missing, or contradicts the end record.
    """
    raw = file.read_at(max(0, stop - _END64_NBYTES), min(stop, _END64_NBYTES))
    if raw[-LOCATOR64.size :][:4] != b"PK\6\7":
        return None
    if len(raw) < _END64_NBYTES or raw[:4] != b"PK\6\6":
        message = "its ZIP64 end record is missing"
        raise CorruptStorageError(message)
    long = _Numbers(*END64.unpack_from(raw)[4:])
    for said, number, ones in zip(short, long, (MAX_16,) * 4 + (MAX_32,) * 2, strict=True):
        if said not in (ones, number):
            message = "its two end records contradict each other"
            raise CorruptStorageError(message)
    return long
