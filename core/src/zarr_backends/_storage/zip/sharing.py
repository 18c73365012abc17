"""One archive object for all instances of a process that are on the same file.

So an instance sees what another one wrote and did not flush yet. When the last instance
of an archive is gone without having been closed, what is pending is flushed and a warning
says so, as for a file that nobody closed.

Only instances that are gone altogether take an archive out of the table, and nobody can be
waiting for the lock of such an archive. So the lock here may be held while it is flushed,
and it may be taken by the garbage collector in the middle of anything.
"""

from __future__ import annotations

import os
import warnings
from threading import RLock

from zarr_backends._storage.zip.archive import ZipArchive

__all__ = ["close_archive", "leave_archive", "share_archive"]

_archives: dict[str, ZipArchive] = {}
_lock = RLock()


def share_archive(path: str, user: int) -> ZipArchive:
    """Return the archive at a path and count its user, until `leave_archive`.

    Args:
        path: Absolute path with all links resolved.
        user: A number that no other user has.
    """
    key = os.path.normcase(path)
    with _lock:
        archive = _archives.get(key) or ZipArchive(path)
        archive.users[user] = True
        # Between the lines above the garbage collector may have taken it out.
        _archives[key] = archive
    return archive


def close_archive(archive: ZipArchive, user: int) -> None:
    """Flush an archive, and close its file unless others have it open.

    Raises:
        BackendError: What is pending could not be flushed and stays pending.
        OSError: The same, for reasons of the system.
    """
    archive.flush()
    archive.users[user] = False
    if not any(list(archive.users.values())):
        archive.release()


def leave_archive(archive: ZipArchive, user: int) -> None:
    """Take back a user that is gone; the last one flushes what was forgotten."""
    with _lock:
        archive.users.pop(user, None)
        if archive.users:
            return
        _archives.pop(os.path.normcase(archive.path), None)
        if archive.pending:
            _rescue(archive)
        archive.release()


def _rescue(archive: ZipArchive) -> None:
    """Flush what nobody closed, and say so."""
    pending = archive.pending
    names = ", ".join(pending[:3]) + ", ..." * (len(pending) > 3)  # noqa: PLR2004  # enough
    what = f"{len(pending)} changes ({names:.240}) of {archive.path!r}"
    try:
        archive.flush()
    except Exception as error:  # noqa: BLE001  # nobody is left to catch it
        message = f"{what} are lost: {error}"
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    else:
        message = f"unclosed archive: {what} were flushed late; call close() or use `with`"
        warnings.warn(message, ResourceWarning, stacklevel=2)


def _forget_parent() -> None:
    """Start afresh in a forked child: what is pending belongs to the parent."""
    global _lock  # noqa: PLW0603  # another thread of the parent may have held it
    _lock = RLock()
    for archive in _archives.values():
        archive.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
