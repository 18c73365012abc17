"""Where the members of an archive start and end in its file, so that they can be copied.

The directory says where a local header starts and how long the data is, not how long the
header is and whether a data descriptor follows. What lies between the least that a member
can take and the next member is copied along where it is short; where it is long, the local
header is read to tell the member's own bytes from a gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from zarr_backends._storage.zip.directory import Directory
from zarr_backends._storage.zip.members import MemberReader
from zarr_backends._storage.zip.records import Member
from zarr_backends.errors import CorruptStorageError

__all__ = ["Offsets", "bounds_of", "leading_nbytes", "runs"]

Offsets = NDArray[np.uint64]
"""Positions in a file, shape ``(members,)``."""

_SLACK_NBYTES = 64
"""Bytes that are copied unseen: an extra field or two, or a data descriptor."""

_DESCRIPTOR_FLAG = 1 << 3
_DESCRIPTOR_NBYTES = 24
"""Length of the longest data descriptor: signature, CRC and two 64-bit sizes."""


def bounds_of(
    source: MemberReader, directory: Directory, positions: Sequence[int]
) -> tuple[Offsets, Offsets]:
    """Return where members start and end, headers and descriptors included.

    Args:
        source: The archive.
        directory: Its directory.
        positions: Where in the directory the records of the members are.

    Raises:
        OSError: A local header cannot be read.
    """
    starts = np.fromiter(
        (directory.member_at(p).offset for p in positions), np.uint64, len(positions)
    )
    places = np.searchsorted(directory.starts, starts)
    following = np.append(directory.starts[1:], np.uint64(directory.members_stop))[places]
    least = directory.stops[places]
    ends = np.where(following - least <= _SLACK_NBYTES, following, least)
    for i in np.flatnonzero(ends != following).tolist():
        limit = int(following[i])
        ends[i] = min(limit, _end_of(source, directory.member_at(positions[i]), limit))
    return starts, ends


def _end_of(source: MemberReader, member: Member, following: int) -> int:
    """Return where a member ends by its local header, `following` where that is damaged."""
    try:
        end = source.read_data_offset(member) + member.stored_nbytes
    except CorruptStorageError:
        return following
    return end + _DESCRIPTOR_NBYTES if member.flags & _DESCRIPTOR_FLAG else end


def leading_nbytes(source: MemberReader, directory: Directory) -> int:
    """Return the length of what stands before the first member and belongs to nobody.

    A self-extracting archive starts with a program, which is kept. A gap that a deleted
    member left starts with the header of that member.
    """
    stop = int(directory.starts[0]) if len(directory.starts) else directory.members_stop
    return 0 if source.file.read_at(0, 4) == b"PK\3\4" else stop


def runs(starts: Offsets, stops: Offsets) -> Iterator[tuple[int, int]]:
    """Yield sorted ranges with those joined that follow each other without a gap."""
    if len(starts):
        gaps = np.flatnonzero(starts[1:] != stops[:-1])
        firsts = starts[np.concatenate([[0], gaps + 1])].tolist()
        lasts = stops[np.concatenate([gaps, [len(stops) - 1]])].tolist()
        yield from zip(firsts, lasts, strict=True)
