"""Locks on the very files that they protect: no update is lost, no lock file is left.

Every change of a key goes through one `InodeLock`:

1. Where the key's file exists it is opened and locked (``flock``). Then its path must still
   name the locked file; it does not when somebody replaced it meanwhile, and then the next
   one is taken.
2. The change is published: by renaming a temporary file over the locked one.
3. Where the key's file does not exist there is nothing to lock. The temporary file is then
   published with ``link``, which fails when somebody else was first; that change starts again.

So whoever replaces a file holds its lock, and whoever creates one knows that there was none:
the changes of a key happen one after the other, between threads, processes and, where the
file system passes locks on, machines. Reading takes no lock.

NFS passes ``flock`` on to its server, only for files open for writing, and replaces a file
that is open on the same machine in two steps; other machines may miss it between the two.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from types import TracebackType
from typing import ClassVar, Self

__all__ = ["InodeLock", "WritableInodeLock"]


_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class InodeLock:
    """The right to change one key, from construction to the end of the ``with`` block."""

    __slots__ = ("_fd", "path")

    access: ClassVar[int] = os.O_RDONLY
    """How a file is opened in order to lock it."""

    def __init__(self, path: str) -> None:
        """Wait for the lock of the file that a path names, if there is one.

        Args:
            path: Absolute path; its last segment is no link.

        Raises:
            OSError: The file cannot be opened or locked.
        """
        self.path = path
        self._fd = -1
        while not self.exists:
            try:
                fd = os.open(path, self.access | _FLAGS)
            except FileNotFoundError:
                break
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                if _is_named(fd, path):
                    self._fd = fd
            finally:
                if not self.exists:
                    _release(fd)

    @property
    def exists(self) -> bool:
        """Whether the file exists; if it does, nobody else changes it now."""
        return self._fd >= 0

    def publish(self, temporary: str) -> bool:
        """Give a finished temporary file the path's name instead of its own.

        Returns:
            False where the file did not exist and somebody else has just created it.

        Raises:
            OSError: The system refused, and nothing has changed.
        """
        if self.exists:
            os.rename(temporary, self.path)
            return True
        try:
            os.link(temporary, self.path)
        except FileExistsError:
            return False
        with suppress(OSError):  # the value is in place, whatever becomes of its other name
            os.unlink(temporary)
        return True

    def remove(self) -> None:
        """Remove the file.

        Raises:
            OSError: The system refused.
        """
        with suppress(FileNotFoundError):
            os.unlink(self.path)

    def __enter__(self) -> Self:
        """Return the lock itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Unlock."""
        if self.exists:
            fd, self._fd = self._fd, -1
            _release(fd)


class WritableInodeLock(InodeLock):
    """The same for NFS, which locks exclusively only what is open for writing."""

    __slots__ = ()

    access = os.O_RDWR


def _is_named(fd: int, path: str) -> bool:
    """Whether a path still names an open file."""
    try:
        named = os.lstat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(fd))


def _release(fd: int) -> None:
    """Unlock and close."""
    try:
        # Closing alone would not unlock if the process was forked while the lock was held.
        fcntl.flock(fd, fcntl.LOCK_UN)
    finally:
        os.close(fd)
