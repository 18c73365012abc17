"""Locks for systems that lack what `inode_locks` needs: hard links and ``flock``.

A path is hashed to one of a fixed number of stripes. Threads exclude each other by a mutex
per stripe, processes by locking one byte per stripe of one file in the user's folder for
temporary files. So updates are safe between the processes of one user on one machine, and
nothing is left in the tree. The file system itself is asked for no more than a rename.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from types import TracebackType
from typing import Self

from zarr_backends.errors import PermissionDeniedError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["StripeLock"]

_STRIPES = 256
"""Number of stripes: far more than threads, so that two keys seldom share one."""

_mutexes = [Lock() for _ in range(_STRIPES)]
"""Exclude the threads of this process."""

_positioning = Lock()
"""Held between seek and lock, where locking takes the byte at the file's position."""

_descriptors: list[int] = []
"""The open lock file, once it is needed."""

_LOCK_FILE_FLAGS = (
    os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
)

_MIN_WAIT_S, _MAX_WAIT_S = 0.0001, 0.01
"""Seconds before a byte that another process holds is tried again; the pause doubles."""

_SHARING_TRIES = 50 if os.name == "nt" else 1
"""Times that a file is replaced or removed while a reader (or a virus scanner) has it open:
Windows refuses that, for about half a second in all. Elsewhere nothing is refused."""


class StripeLock:
    """The right to change one key, from construction to the end of the ``with`` block."""

    __slots__ = ("_stripe", "path")

    def __init__(self, path: str) -> None:
        """Wait for the lock of a path.

        Args:
            path: Absolute path; its last segment is no link.

        Raises:
            OSError: The lock file cannot be used.
        """
        self.path = path
        self._stripe = zlib.crc32(os.fsencode(_canonical(path))) % _STRIPES
        _mutexes[self._stripe].acquire()
        try:
            wait_s = _MIN_WAIT_S
            while not _try_lock(_lock_file(), self._stripe):
                time.sleep(wait_s)
                wait_s = min(_MAX_WAIT_S, 2 * wait_s)
        except BaseException:
            _mutexes[self._stripe].release()
            raise

    @property
    def exists(self) -> bool:
        """Whether the file exists now."""
        return os.path.lexists(self.path)

    def publish(self, temporary: str) -> bool:
        """Give a finished temporary file the path's name instead of its own.

        Returns:
            True: nobody can have been first.

        Raises:
            OSError: The system refused, and nothing has changed.
        """
        _insist(lambda: os.replace(temporary, self.path))
        return True

    def remove(self) -> None:
        """Remove the file.

        Raises:
            OSError: The system refused.
        """
        with suppress(FileNotFoundError):
            _insist(lambda: os.unlink(self.path))

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
        try:
            _unlock(_lock_file(), self._stripe)
        finally:
            _mutexes[self._stripe].release()


def _canonical(path: str) -> str:
    """Return the same spelling of a path for everybody who means it."""
    folder, name = os.path.split(path)
    return os.path.normcase(os.path.join(os.path.realpath(folder), name))


def _insist(action: Callable[[], None]) -> None:
    """Do something that others may prevent for a moment.

    Raises:
        PermissionError: It did not work in the end.
    """
    for _ in range(_SHARING_TRIES - 1):
        try:
            action()
        except PermissionError:
            time.sleep(_MAX_WAIT_S)
        else:
            return
    action()


def _lock_file() -> int:
    """Return the descriptor of the lock file, which this process keeps open.

    Closing any descriptor of it would give up every lock that the process holds.

    Raises:
        PermissionDeniedError: Somebody else has put a file in its place.
    """
    with _positioning:
        if not _descriptors:
            user = os.getuid() if hasattr(os, "getuid") else "user"
            path = os.path.join(tempfile.gettempdir(), f"zarr-backends-{user}.lock")
            fd = os.open(path, _LOCK_FILE_FLAGS, 0o600)
            if os.fstat(fd).st_uid not in (user, 0):
                os.close(fd)
                message = f"{path} belongs to somebody else; set TMPDIR to a folder of your own"
                raise PermissionDeniedError(message, backend="filesystem")
            _descriptors.append(fd)
        return _descriptors[0]


if sys.platform == "win32":

    def _try_lock(fd: int, byte: int) -> bool:
        """Lock one byte unless another process holds it."""
        with _positioning:
            os.lseek(fd, byte, os.SEEK_SET)
            try:
                msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
            except PermissionError:
                return False
            return True

    def _unlock(fd: int, byte: int) -> None:
        """Unlock one byte."""
        with _positioning:
            os.lseek(fd, byte, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

else:

    def _try_lock(fd: int, byte: int) -> bool:
        """Lock one byte unless another process holds it."""
        try:
            # Waiting in the kernel would see a deadlock where two processes wait for each
            # other's byte in different threads.
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _unlock(fd: int, byte: int) -> None:
        """Unlock one byte."""
        fcntl.lockf(fd, fcntl.LOCK_UN, 1, byte)

    def _renew() -> None:
        """Forget, in a forked child, locks that threads of its parent held."""
        global _positioning  # noqa: PLW0603  # as every module of locks must
        _mutexes[:] = [Lock() for _ in range(_STRIPES)]
        _positioning = Lock()

    os.register_at_fork(after_in_child=_renew)
