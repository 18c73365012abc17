"""The central directory of an archive, read once and kept as it is.

The records stay the bytes that they are in the file; beside them there is the position of
each by name. So an index costs little more memory than the directory has bytes, and what
others wrote into their records survives when the archive is written anew.

A directory is refused as a whole where a name is unsafe or there twice, or where members
overlap. A member that cannot be read, because it is encrypted or damaged, is found out
when it is read.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zarr_backends._storage.files.raw_file import RawFile
from zarr_backends._storage.zip.end import DirectoryPlace, find_directory
from zarr_backends._storage.zip.names import decode_name
from zarr_backends._storage.zip.records import (
    CENTRAL,
    LOCAL,
    MAX_16,
    Member,
    record_nbytes,
    unpack_member,
)
from zarr_backends.errors import CorruptStorageError

__all__ = ["Directory", "Fingerprint", "read_directory"]

_WINDOW_NBYTES = 2**20
"""Bytes of the directory that are read at a time: more than the longest record has, and
little, because the size that an archive claims for it may be a lie."""


class Fingerprint(NamedTuple):
    """What two versions of a member are told apart by."""

    crc: int
    nbytes: int


def _no_offsets() -> NDArray[np.uint64]:
    return np.zeros(0, np.uint64)


@dataclass(frozen=True)
class Directory:
    """The members of one version of an archive; the default is an archive without any."""

    records: bytes = b""
    """All central records, as in the file."""
    positions: dict[str, int] = field(default_factory=dict)
    """Where in `records` the record of each member starts, by name; of several members of
    one name, the last."""
    folders: Sequence[int] = ()
    """Where the records of folders start; they hold no data and are no keys."""
    starts: NDArray[np.uint64] = field(default_factory=_no_offsets)
    """Offsets in the file of all local headers, sorted."""
    stops: NDArray[np.uint64] = field(default_factory=_no_offsets)
    """Offsets in the file before which none of these members ends."""
    members_stop: int = 0
    """Offset in the file of the byte after the last member."""
    shift: int = 0
    """Bytes before the archive, which the offsets in `records` do not count."""
    comment: bytes = b""
    """Comment of the archive."""

    def member(self, name: str) -> Member | None:
        """Return what is known about a member, None where there is none of this name."""
        position = self.positions.get(name)
        return None if position is None else self.member_at(position)

    def member_at(self, position: int) -> Member:
        """Return what the record at a position says."""
        return unpack_member(self.records, position, self.shift)

    def fingerprint(self, name: str) -> Fingerprint | None:
        """Return what tells this version of a member from others; None for an absent one."""
        member = self.member(name)
        return None if member is None else Fingerprint(member.crc, member.nbytes)

    @cached_property
    def names(self) -> list[str]:
        """Names of all members but folders, sorted."""
        return sorted(self.positions)

    def names_from(self, prefix: str) -> list[str]:
        """Return the names that start with `prefix`, sorted."""
        start = bisect_left(self.names, prefix)
        length = len(prefix)
        stop = bisect_right(self.names, prefix, start, key=lambda name: name[:length])
        return self.names[start:stop]


def read_directory(file: RawFile, *, last_wins: bool = False) -> Directory:
    """Return the central directory of an archive.

    Args:
        file: The archive.
        last_wins: Whether the last of several members of one name is taken; otherwise such
            an archive is refused.

    Raises:
        CorruptStorageError: The file is no whole zip archive, or one that is not safe.
        OSError: Reading failed.
    """
    try:
        place = find_directory(file, file.stat().st_size)
        records, positions = _read_records(file, place)
        return _indexed(records, positions, place, last_wins=last_wins)
    except CorruptStorageError as error:
        message = f"{file.path!r} is no archive that can be used: {error}"
        raise CorruptStorageError(message, backend="zip") from error


def _read_records(file: RawFile, place: DirectoryPlace) -> tuple[bytes, array[int]]:
    """Return the records as they are, and where each starts.

    Raises:
        CorruptStorageError: The directory is not a row of as many whole records as it says.
    """
    positions = array("Q")
    pieces = []
    done = 0
    while done < place.nbytes:
        wanted = min(_WINDOW_NBYTES, place.nbytes - done)
        window = bytes(file.read_at(place.start + done, wanted))
        used = _whole_records(window, done, positions)
        if not used:
            message = "its directory is damaged"
            raise CorruptStorageError(message)
        pieces.append(window[:used])
        done += used
    # Programs that know no ZIP64 count modulo 65536.
    if len(positions) not in (place.members, place.members + (len(positions) & ~MAX_16)):
        message = f"its directory has {len(positions)} records instead of {place.members}"
        raise CorruptStorageError(message)
    return b"".join(pieces), positions


def _whole_records(window: bytes, offset: int, positions: array[int]) -> int:
    """Find the whole records at the start of `window` and return their length together."""
    position = 0
    while position + CENTRAL.size <= len(window):
        if not window.startswith(b"PK\1\2", position):
            return 0
        stop = position + record_nbytes(window, position)
        if stop > len(window):
            break
        positions.append(offset + position)
        position = stop
    return position


def _indexed(
    records: bytes, all_positions: array[int], place: DirectoryPlace, *, last_wins: bool
) -> Directory:
    """Return the index of the records, each of them checked.

    Raises:
        CorruptStorageError: A name is unsafe or there twice, or members overlap or lie
            outside the file.
    """
    positions: dict[str, int] = {}
    folders, starts, stops = array("Q"), array("Q"), array("Q")
    for position in all_positions:
        member = unpack_member(records, position, place.shift)
        name = decode_name(member.name, member.flags)
        stop = member.offset + LOCAL.size + len(member.name) + member.stored_nbytes
        if stop > place.start:
            message = f"member {name!r:.80} lies outside the archive"
            raise CorruptStorageError(message)
        starts.append(member.offset)
        stops.append(stop)
        if name.endswith("/"):
            folders.append(position)
            continue
        if name in positions and not last_wins:
            message = (
                f"it has two members {name!r:.80}. Programs disagree about which one counts; pass "
                "duplicates='last' to take the last, as zarr-python does"
            )
            raise CorruptStorageError(message)
        positions[name] = position
    bounds = _apart(starts, stops)
    return Directory(records, positions, folders, *bounds, place.start, place.shift, place.comment)


def _apart(starts: array[int], stops: array[int]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the bounds of all members in the order of the file.

    Raises:
        CorruptStorageError: Two members share bytes, as in an archive built to explode.
    """
    first = np.array(starts, np.uint64)
    last = np.array(stops, np.uint64)
    order = np.argsort(first, kind="stable")
    first, last = first[order], last[order]
    if np.any(first[1:] < last[:-1]):
        message = "members overlap"
        raise CorruptStorageError(message)
    return first, last
