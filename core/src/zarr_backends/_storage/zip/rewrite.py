"""Building the next version of an archive beside the old one.

Members are copied as they are, headers included, whoever wrote them and however they are
compressed. Neighbours that all stay are copied in one go, which the kernel does without
our help; so replacing a few chunks of a large archive costs a few system calls and the
copying of its bytes. Bytes that belong to no member are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np

from zarr_backends._storage.files.raw_file import RawFile
from zarr_backends._storage.zip.directory import Directory
from zarr_backends._storage.zip.extents import Offsets, bounds_of, leading_nbytes, runs
from zarr_backends._storage.zip.members import MemberReader
from zarr_backends._storage.zip.new_records import central_record, end_records, moved_record
from zarr_backends._storage.zip.records import Member, record_nbytes
from zarr_backends._storage.zip.side_file import SideFile, extent_of
from zarr_backends.errors import CorruptStorageError

__all__ = ["NextArchive", "copy_members"]


class NextArchive:
    """Collects members in a file and closes them off with a directory."""

    def __init__(self, target: SideFile) -> None:
        """Build in `target`, after what it holds."""
        self._target = target
        self._records: list[bytes] = []
        self._records_nbytes = 0
        self._positions: dict[str, int] = {}
        self._folders: list[int] = []
        self._starts: list[int] = []
        self._stops: list[int] = []

    def copy_archive(
        self, source: MemberReader, directory: Directory, without: Collection[str]
    ) -> None:
        """Copy an archive, except the members of the names in `without`.

        Raises:
            CorruptStorageError: The archive is shorter than its directory says.
            OSError: Reading or writing failed.
        """
        names: list[str | None] = [name for name in directory.positions if name not in without]
        positions = [directory.positions[name] for name in names if name is not None]
        names += [None] * len(directory.folders)
        positions += directory.folders
        records = directory.records
        _copy(source.file, self._target, *_one(0, leading_nbytes(source, directory)))
        starts, stops = bounds_of(source, directory, positions)
        offsets = _copy(source.file, self._target, starts, stops)
        for name, position, offset in zip(names, positions, offsets.tolist(), strict=True):
            record = records[position : position + record_nbytes(records, position)]
            self._add(name, moved_record(record, offset))
        self._occupied(offsets, offsets + (stops - starts))

    def add_members(self, members: Mapping[str, Member]) -> None:
        """Add members of ours that lie in the target already.

        Args:
            members: Where they are, by name.
        """
        for name, member in members.items():
            self._add(name, central_record(member, member.offset))
        self._occupied(*_bounds(members.values()))

    def finish(self, comment: bytes = b"") -> Directory:
        """Return the directory, written after the members.

        Raises:
            OSError: Writing failed.
        """
        target = self._target
        records = b"".join(self._records)
        end = end_records(len(self._records), len(records), target.nbytes, comment)
        target.file.truncate(target.file.write_at(target.nbytes, records, end))
        starts, stops = np.array(self._starts, np.uint64), np.array(self._stops, np.uint64)
        order = np.argsort(starts)
        bounds = starts[order], stops[order], target.nbytes
        return Directory(records, self._positions, self._folders, *bounds, 0, comment)

    def _add(self, name: str | None, record: bytes) -> None:
        """Append a central record, that of a folder where there is no name."""
        if name is None:
            self._folders.append(self._records_nbytes)
        else:
            self._positions[name] = self._records_nbytes
        self._records.append(record)
        self._records_nbytes += len(record)

    def _occupied(self, starts: Offsets, stops: Offsets) -> None:
        """Remember where members are."""
        self._starts += starts.tolist()
        self._stops += stops.tolist()


def copy_members(
    source: RawFile, target: SideFile, members: Mapping[str, Member]
) -> dict[str, Member]:
    """Return members of ours, copied to the end of a side file, as they are there.

    Raises:
        CorruptStorageError: The source is shorter than it was.
        OSError: Reading or writing failed.
    """
    offsets = _copy(source, target, *_bounds(members.values())).tolist()
    return {
        name: _moved(member, offset)
        for (name, member), offset in zip(members.items(), offsets, strict=True)
    }


def _moved(member: Member, offset: int) -> Member:
    """Return a member of ours at another place."""
    header_nbytes = (member.data_offset or 0) - member.offset
    return member._replace(offset=offset, data_offset=offset + header_nbytes)


def _bounds(members: Iterable[Member]) -> tuple[Offsets, Offsets]:
    """Return where members of ours start and end."""
    pairs = np.array([extent_of(member) for member in members], np.uint64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _one(start: int, stop: int) -> tuple[Offsets, Offsets]:
    """Return one range."""
    return np.array([start], np.uint64), np.array([stop], np.uint64)


def _copy(source: RawFile, target: SideFile, starts: Offsets, stops: Offsets) -> Offsets:
    """Append ranges of a file to another in the order in which they are there.

    Returns:
        Where each is in the target, shape of `starts`.

    Raises:
        CorruptStorageError: The file is shorter.
        OSError: Reading or writing failed.
    """
    order = np.argsort(starts, kind="stable")
    sizes = (stops - starts)[order]
    offsets = np.empty_like(starts)
    offsets[order] = np.cumsum(sizes) - sizes + np.uint64(target.nbytes)
    for start, stop in runs(starts[order], stops[order]):
        copied = source.copy_to(target.file, start, stop - start, target.nbytes)
        if copied != stop - start:
            message = f"{source.path!r} ends in the middle of its members"
            raise CorruptStorageError(message, backend="zip")
        target.nbytes += copied
    return offsets
