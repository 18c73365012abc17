"""Files read whole or in parts, each from one version of it."""

from __future__ import annotations

import os
from io import FileIO
from types import TracebackType
from typing import Self

from zarr_backends._storage.files.os_errors import translated
from zarr_backends._storage.files.raw_file import RawFile
from zarr_backends.contract import Buffer

__all__ = ["FileSnapshot", "read_file"]

_BACKEND = "filesystem"

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
        if nbytes < _ONE_CALL_NBYTES:
            # One byte more than there should be: as it does not come, this is the end.
            data = os.read(fd, nbytes + 1)
            if len(data) == nbytes:
                return data
        os.lseek(fd, 0, os.SEEK_SET)
        with FileIO(fd, closefd=False) as file:
            return file.readall()
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
