"""Files that are being written, under names that no key can have.

A value is written to ``.{16 hex digits}.zb-tmp`` in the folder where it will be, and then
gets its own name in one step. A writer that is killed leaves such a file behind; it is
never shown as a key, and listings remove it when it is an hour old.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

__all__ = ["TemporaryFile", "is_temporary", "new_path", "remove_if_stale", "sync_folder"]

_SUFFIX = ".zb-tmp"

_STALE_AFTER_S = 3600.0
"""Seconds without a write after which nobody is writing a temporary file any more."""

_CALL_NBYTES = 2**30
"""Bytes given to one system call: Linux writes less than 2 GiB whatever is asked."""

_CREATE = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_BINARY", 0)
)

_TRIES = 20
"""Times that a folder is created which others keep removing."""


class TemporaryFile:
    """A value that is on its way to its place, as a context; afterwards the file is gone."""

    __slots__ = ("_unfinished", "path")

    def __init__(self, folder: str, value: memoryview, *, sync: bool = False) -> None:
        """Write the file; folders are created as needed.

        Args:
            folder: Absolute path of the folder, without a separator at its end.
            value: Flat view of bytes.
            sync: Wait until the device holds the bytes and the new folders.

        Raises:
            OSError: It could not be written; no file is left.
        """
        self._unfinished = True
        self.path, fd = _create(folder, sync=sync)
        try:
            try:
                while value.nbytes:
                    value = value[os.write(fd, value[:_CALL_NBYTES]) :]
                if sync:
                    os.fsync(fd)
            finally:
                os.close(fd)  # network file systems tell here that the disk is full
        except BaseException:
            self._remove()
            raise

    def keep(self) -> None:
        """Take note that the file has got its own name, and this one is gone."""
        self._unfinished = False

    def __enter__(self) -> Self:
        """Return the file itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the file unless it has got its own name."""
        if self._unfinished:
            self._remove()

    def _remove(self) -> None:
        """Remove the file if that can be done."""
        with suppress(OSError):
            os.unlink(self.path)


def is_temporary(name: str) -> bool:
    """Whether a file name is that of a temporary file, in any case of letters."""
    return name[:1] == "." and name.lower().endswith(_SUFFIX)


def new_path(folder: str) -> str:
    """Return the path of a temporary file that does not exist."""
    return f"{folder}{os.sep}.{os.urandom(8).hex()}{_SUFFIX}"


def remove_if_stale(entry: os.DirEntry[str]) -> None:
    """Remove what a killed writer left behind; a tree that is read-only stays as it is."""
    with suppress(OSError):
        if time.time() - entry.stat(follow_symlinks=False).st_mtime > _STALE_AFTER_S:
            os.unlink(entry.path)


def sync_folder(folder: str) -> None:
    """Wait until the device holds the names in a folder, where the system can do that.

    Raises:
        OSError: The device failed.
    """
    if sys.platform == "win32":
        return
    fd = os.open(folder or os.sep, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(fd)


def _create(folder: str, *, sync: bool) -> tuple[str, int]:
    """Create an empty temporary file; return its path and descriptor."""
    for _ in range(_TRIES):
        path = new_path(folder)
        try:
            return path, os.open(path, _CREATE, 0o666)
        except FileNotFoundError:
            _make_folders(folder, sync=sync)
    path = new_path(folder)
    return path, os.open(path, _CREATE, 0o666)


def _make_folders(folder: str, *, sync: bool) -> None:
    """Create a folder and those above it, however many."""
    missing = []
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for path in reversed(missing):
        # Gone again: the next try creates it. There already: by whoever was faster.
        with suppress(FileExistsError, FileNotFoundError):
            os.mkdir(path)
            if sync:
                sync_folder(os.path.dirname(path))
