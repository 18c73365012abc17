"""Files read whole, in groups or in parts, each from one version of it."""

from __future__ import annotations

import os
import stat
from io import FileIO
from types import TracebackType
from typing import Self

from zarr_backends._storage.files.os_errors import translated
from zarr_backends._storage.files.raw_file import RawFile
from zarr_backends._storage.filesystem.safe_paths import check_key, locate
from zarr_backends.contract import Buffer

__all__ = ["CAN_REFUSE_LINKS", "FileGroup", "FileSnapshot", "read_file"]

_BACKEND = "filesystem"

CAN_REFUSE_LINKS = hasattr(os, "O_NOFOLLOW")
"""Whether the system opens a file only if it is no link, so that nobody has to look before."""

_READ = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # never wait for the other end of a pipe
    | getattr(os, "O_BINARY", 0)
)

_ONE_CALL_NBYTES = 2**30
"""Bytes up to which one system call reads a file: Linux stops below 2 GiB."""


def read_file(path: str, nbytes: int) -> bytes | None:
    """Return the bytes of a file; None where it is gone.

    Args:
        path: Absolute path.
        nbytes: Expected size; any other is read as well, only slower.

    Raises:
        OSError: It is there and cannot be read.
    """
    try:
        fd = os.open(path, _READ)
    except FileNotFoundError:
        return None
    try:
        return _content(fd, nbytes)
    finally:
        os.close(fd)


def _content(fd: int, nbytes: int) -> bytes:
    """Return all bytes of an open file of the expected size, or of any other."""
    if nbytes < _ONE_CALL_NBYTES:
        # One byte more than there should be: as it does not come, this is the end.
        data = os.read(fd, nbytes + 1)
        if len(data) == nbytes:
            return data
    os.lseek(fd, 0, os.SEEK_SET)
    with FileIO(fd, closefd=False) as file:
        return file.readall()


class FileGroup:
    """Files that one call reads; a folder that several share is looked at once for all.

    Chunks that are read together are neighbours in few folders. Each system call gives the
    interpreter's lock away and has to wait for it, so with small chunks and several threads
    most of the time would go into looking at the same folders. The next call, which makes a
    new group, looks at them anew.
    """

    def __init__(self, base: str) -> None:
        """Take the root, an absolute path with a separator at its end."""
        self._base = base
        self._folders: dict[str, str | None] = {"": base}

    def read(self, key: str) -> bytes | None:
        """Return the bytes of a file; None where there is none.

        Raises:
            ConfigurationError: `key` cannot be a file.
            OSError: It is a link, or something is wrong; reading it alone says what.
        """
        check_key(key)
        folder, _, name = key.rpartition("/")
        try:
            path = self._folders[folder]
        except KeyError:
            path = self._folders[folder] = self._look_at(folder)
        return None if path is None else _read_regular(path + name)

    def _look_at(self, folder: str) -> str | None:
        """Return the path of a folder with a separator at its end, None where none is."""
        path, status = locate(self._base, folder)
        if status is None or not stat.S_ISDIR(status.st_mode):
            return None
        return path + os.sep


def _read_regular(path: str) -> bytes | None:
    """Return the bytes of what must not be a link; None where it is no file."""
    try:
        fd = os.open(path, _READ)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(fd)
        return _content(fd, status.st_size) if stat.S_ISREG(status.st_mode) else None
    finally:
        os.close(fd)


class FileSnapshot:
    """One version of a file, as a context; stays readable when the file is replaced."""

    def __init__(self, path: str, key: str) -> None:
        """Open the file.

        Args:
            path: Absolute path.
            key: Store key, for messages.

        Raises:
            OSError: The file cannot be opened.
        """
        self._file = RawFile(path, _READ)
        self._key = key
        self.nbytes = self._file.stat().st_size

    def read(self, start: int, stop: int) -> Buffer:
        """Return ``value[start:stop]`` for ``0 <= start <= stop <= nbytes``.

        Raises:
            BackendError: The device failed.
        """
        try:
            return self._file.read_at(start, stop - start)
        except OSError as error:
            failure = translated(error, backend=_BACKEND, key=self._key)
            raise failure from error

    def __enter__(self) -> Self:
        """Return the snapshot itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._file.close()
