"""Turning an archive and the changes beside it into the next archive."""

from __future__ import annotations

from collections.abc import Callable

from zarr_backends._storage.zip.changes import Changes
from zarr_backends._storage.zip.directory import Directory
from zarr_backends._storage.zip.locks import same_file
from zarr_backends._storage.zip.members import MemberReader
from zarr_backends._storage.zip.rewrite import NextArchive, copy_members
from zarr_backends._storage.zip.side_file import SideFile
from zarr_backends._storage.zip.snapshot import Snapshot, signature_of

__all__ = ["publish"]

_DEAD_SHARE = 8
"""A side file becomes the archive without copying if at most one byte in so many belongs
to members that were replaced or deleted before they were ever flushed."""


def publish(
    changes: Changes,
    base: Snapshot,
    path: str,
    adopt: Callable[[Snapshot], None],
    *,
    durable: bool,
) -> None:
    """Replace an archive by its next version; the caller holds its lock.

    Nothing is changed where there was no archive and somebody else has just made one.

    Args:
        changes: What is to be changed; their side file is used up.
        base: The archive as it is now.
        path: The archive.
        adopt: Called with the new archive as soon as it is in place, also when an exception
            (of a signal handler, say) comes between.
        durable: Whether to wait until the device holds everything.

    Raises:
        ConflictError: A member was changed by somebody else too.
        CorruptStorageError: The archive is shorter than its directory says.
        OSError: It could not be done; the archive and the changes are as they were.
    """
    changes.check(base.directory)
    side = changes.side
    target = side if side is not None and _may_become_archive(side, base) else SideFile(path)
    directory = None
    try:
        directory = _build(target, changes, base)
        if durable:
            target.sync()
        target.place(path, replace=base.signature is not None)
    finally:
        placed = directory is not None and same_file(target.file, path)
        if directory is not None and placed:
            reader = MemberReader(target.file, directory.members_stop)
            adopt(Snapshot(directory, signature_of(target.file.stat()), reader))
            target.settle(path)
        elif target is not side:
            target.remove()
    if placed and side is not target:
        changes.remove()
    if placed and durable:
        target.sync_name()


def _build(target: SideFile, changes: Changes, base: Snapshot) -> Directory:
    """Return the directory of the next archive, which is then whole in `target`.

    Raises:
        CorruptStorageError: The archive is shorter than its directory says.
        OSError: Reading or writing failed.
    """
    archive = NextArchive(target)
    if base.reader is not None:
        archive.copy_archive(base.reader, base.directory, changes.by_name)
    members = changes.members()
    if changes.side is not None and changes.side is not target:
        members = copy_members(changes.side.file, target, members)
    archive.add_members(members)
    return archive.finish(base.directory.comment)


def _may_become_archive(side: SideFile, base: Snapshot) -> bool:
    """Whether a side file can be the archive as it is, with a directory at its end."""
    compact = side.dead_nbytes * _DEAD_SHARE <= side.nbytes
    # Programs that tidy up folders may have removed its name; its bytes are still ours.
    return base.signature is None and compact and same_file(side.file, side.path)
