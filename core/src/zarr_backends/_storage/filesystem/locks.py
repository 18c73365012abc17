"""Which kind of lock a file system can give.

The answer is found by trying it once, because it depends on the file system and its mount
options and must be the same for everybody who writes there.
"""

from __future__ import annotations

import errno
import os
import sys
from types import TracebackType
from typing import Protocol, Self

from zarr_backends._storage.files.temp_files import TemporaryFile, new_path
from zarr_backends._storage.filesystem.stripe_locks import StripeLock

if sys.platform != "win32":
    from zarr_backends._storage.filesystem.inode_locks import InodeLock, WritableInodeLock

__all__ = ["KeyLock", "lock_kind_of"]


class KeyLock(Protocol):
    """The right to change the file of one key, from construction on, as a context."""

    path: str
    """Absolute path of the file."""

    def __init__(self, path: str) -> None:
        """Wait for the lock."""

    @property
    def exists(self) -> bool:
        """Whether the file exists; if it does, nobody else changes it now."""
        ...

    def publish(self, temporary: str) -> bool:
        """Rename a temporary file to the key's name; False where somebody else was first."""
        ...

    def remove(self) -> None:
        """Remove the file."""
        ...

    def __enter__(self) -> Self:
        """Return the lock itself."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> bool | None:
        """Unlock."""
        ...


_UNSUPPORTED = frozenset(
    {
        errno.EACCES,  # what Android says to hard links
        errno.EINVAL,
        errno.EMLINK,
        errno.ENOLCK,
        errno.ENOSYS,
        errno.ENOTSUP,
        errno.EOPNOTSUPP,
        errno.EPERM,
    }
)
"""What systems say to calls that they do not have."""


if sys.platform == "win32":

    def lock_kind_of(folder: str) -> type[KeyLock]:  # noqa: ARG001  # as below
        """Return the kind of lock to use."""
        return StripeLock

else:

    def lock_kind_of(folder: str) -> type[KeyLock]:
        """Return the kind of lock to use in and below a folder that exists.

        Raises:
            OSError: The folder cannot be written.
        """
        if not hasattr(os, "link"):  # as on Android
            return StripeLock
        with TemporaryFile(folder, memoryview(b"")) as trial:
            try:
                return _kind_by_trial(trial.path, new_path(folder))
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
                return StripeLock

    def _kind_by_trial(trial: str, other: str) -> type[KeyLock]:
        """Link and lock a file.

        Returns:
            The kind of lock that worked.

        Raises:
            OSError: None does.
        """
        os.link(trial, other)
        os.unlink(other)
        try:
            with InodeLock(trial):
                return InodeLock
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
        with WritableInodeLock(trial):
            return WritableInodeLock
