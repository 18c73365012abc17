"""Turning an archive and the changes beside it into the next archive."""

from __future__ import annotations

from zarr_backends._storage.zip_changes import Changes
from zarr_backends._storage.zip_members import MemberReader
from zarr_backends._storage.zip_rewrite import NextArchive, copy_members
from zarr_backends._storage.zip_side_file import SideFile
from zarr_backends._storage.zip_snapshot import Snapshot, signature_of

__all__ = ["publish"]

_DEAD_SHARE = 8
"""A side file becomes the archive without copying if at most one byte in so many belongs
to members that were replaced or deleted before they were ever flushed."""


def publish(changes: Changes, base: Snapshot, path: str, *, durable: bool) -> Snapshot | None:
    """Replace an archive by its next version; the caller holds its lock.

    Args:
        changes: What is to be changed; their side file is used up.
        base: The archive as it is now.
        path: The archive.
        durable: Whether to wait until the device holds everything.

    Returns:
        The new archive; None, with nothing changed, where there was no archive and somebody
        else has just made one.

    Raises:
        ConflictError: A member was changed by somebody else too.
        CorruptStorageError: The archive is shorter than its directory says.
        OSError: It could not be done; the archive and the changes are as they were.
    """
    changes.check(base.directory)
    side = changes.side
    fits = side is not None and side.dead_nbytes * _DEAD_SHARE <= side.nbytes
    target = side if side is not None and fits and base.signature is None else SideFile(path)
    placed = False
    try:
        archive = NextArchive(target)
        if base.reader is not None:
            archive.copy_archive(base.reader, base.directory, changes.by_name)
        members = changes.members()
        if side is not None and side is not target:
            members = copy_members(side.file, target, members)
        archive.add_members(members)
        directory = archive.finish(base.directory.comment)
        placed = target.place(path, replace=base.signature is not None, durable=durable)
    finally:
        if not placed:
            _undo(target, side)
    if not placed:
        return None
    if side is not target:
        changes.remove()
    reader = MemberReader(target.file, directory.members_stop)
    return Snapshot(directory, signature_of(target.file.stat()), reader)


def _undo(target: SideFile, side: SideFile | None) -> None:
    """Remove what was built; a side file only loses the directory at its end."""
    if target is side:
        target.file.truncate(target.nbytes)
    else:
        target.remove()
