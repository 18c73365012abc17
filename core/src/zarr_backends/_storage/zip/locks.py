"""Locks between processes, held on an open file and gone with the process that held them.

On platforms without ``flock``, and on file systems that refuse it, nothing is locked; the
archive is then protected by the comparison that `flush` makes, not against two processes
that flush within the same instant.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from zarr_backends._storage.files.raw_file import RawFile

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # told apart by `is None`

__all__ = ["LockState", "locked", "same_file", "try_lock", "unlock"]

LockState = bool | None
"""Whether a lock was taken; None where locks do not work."""

_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF}


def try_lock(file: RawFile) -> LockState:
    """Lock a file unless somebody holds it."""
    return _flock(file, wait=False)


def unlock(file: RawFile) -> None:
    """Give a lock back, also for child processes that were forked meanwhile."""
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(file.fileno(), fcntl.LOCK_UN)


def same_file(file: RawFile, path: str) -> bool:
    """Whether `path` still leads to the file that is open."""
    try:
        return os.path.samestat(file.stat(), os.stat(path))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def locked(path: str) -> Iterator[bool]:
    """Hold the lock on the file that `path` leads to.

    A file that was replaced while we waited is another one, and so the wait starts again.

    Yields:
        Whether there is such a file; where there is none, nothing is locked.

    Raises:
        OSError: The file cannot be opened for writing.
    """
    while (file := _opened(path)) is not None:
        _flock(file, wait=True)
        if same_file(file, path):
            break
        unlock(file)
    try:
        yield file is not None
    finally:
        if file is not None:
            unlock(file)


def _opened(path: str) -> RawFile | None:
    """Open a file for locking; NFS wants it writable for that."""
    try:
        return RawFile(path, os.O_RDWR)
    except FileNotFoundError:
        return None


def _flock(file: RawFile, *, wait: bool) -> LockState:
    """Return whether a file was locked.

    Raises:
        OSError: The system failed in another way than by not knowing locks.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return None
        raise
    return True
