"""Files that many threads read and write at positions, through one descriptor.

A `RawFile` is closed when nobody refers to it any more, so that a thread that still reads
an old version of a file is never handed another file under the same descriptor number.
"""

from __future__ import annotations

import os
from threading import Lock

__all__ = ["RawFile"]

_FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)

_PIECE_NBYTES = 2**20
"""Bytes that are moved at a time where the kernel does not copy by itself."""

_CALL_NBYTES = 2**30
"""Bytes asked of one system call: Linux moves less than 2 GiB whatever is asked."""

_seeking = Lock()
"""Held between seek and read where the platform cannot read at a position."""


class RawFile:
    """One open file; every method takes its positions in bytes from the start."""

    def __init__(self, path: str, flags: int = os.O_RDONLY) -> None:
        """Open a file.

        Args:
            path: Absolute path.
            flags: Those of ``os.open``.

        Raises:
            OSError: As ``os.open``.
        """
        self.path = path
        self._fd = -1
        self._fd = os.open(path, flags | _FLAGS, 0o666)

    def fileno(self) -> int:
        """Return the descriptor, for calls that need one."""
        return self._fd

    def stat(self) -> os.stat_result:
        """Return what the system says about the open file."""
        return os.fstat(self._fd)

    def read_at(self, offset: int, nbytes: int) -> bytes | bytearray:
        """Return up to `nbytes` bytes; fewer only where the file ends before."""
        if nbytes <= _CALL_NBYTES:
            data = _read(self._fd, nbytes, offset)
            if len(data) == nbytes or not data:
                return data
        return self._read_pieces(offset, nbytes)

    def _read_pieces(self, offset: int, nbytes: int) -> bytearray:
        """Read by several calls, into memory that grows no further than the file."""
        data = bytearray()
        while len(data) < nbytes:
            wanted = min(_CALL_NBYTES, nbytes - len(data))
            piece = _read(self._fd, wanted, offset + len(data))
            if not piece:
                break
            data += piece
        return data

    def write_at(self, offset: int, *parts: bytes | memoryview) -> int:
        """Write `parts` one after the other and return where they end."""
        for part in parts:
            view = memoryview(part)
            while view.nbytes:
                written = _write(self._fd, view[:_CALL_NBYTES], offset)
                view = view[written:]
                offset += written
        return offset

    def copy_to(self, target: RawFile, offset: int, nbytes: int, target_offset: int) -> int:
        """Copy a range into another file, in the kernel where it can.

        Returns:
            Number of bytes copied, fewer than `nbytes` only where this file ends before.

        Raises:
            OSError: Reading or writing failed.
        """
        done = _copy_in_kernel(self._fd, target.fileno(), offset, nbytes, target_offset)
        while done < nbytes:
            piece = _read(self._fd, min(_PIECE_NBYTES, nbytes - done), offset + done)
            if not piece:
                break
            target.write_at(target_offset + done, piece)
            done += len(piece)
        return done

    def truncate(self, nbytes: int) -> None:
        """Cut the file."""
        os.ftruncate(self._fd, nbytes)

    def sync(self) -> None:
        """Wait until the device holds what was written."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Close now; a second call does nothing. Nobody may be reading."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        """Close with the last reference."""
        self.close()


def _copy_in_kernel(source: int, target: int, offset: int, nbytes: int, to: int) -> int:
    """Copy as much as the kernel does without our help; 0 where it does nothing."""
    copy = getattr(os, "copy_file_range", None)
    done = 0
    while copy is not None and done < nbytes:
        wanted = min(_CALL_NBYTES, nbytes - done)
        try:
            copied = copy(source, target, wanted, offset + done, to + done)
        except OSError:
            # Other file systems, kernels and network mounts refuse in a dozen ways. What is
            # really wrong shows again when the rest is copied by reading and writing.
            break
        if not copied:
            break
        done += copied
    return done


def _seek_and_read(fd: int, nbytes: int, offset: int) -> bytes:
    """Read at a position where the platform has no call for it."""
    with _seeking:
        os.lseek(fd, offset, os.SEEK_SET)
        return os.read(fd, nbytes)


def _seek_and_write(fd: int, data: memoryview, offset: int) -> int:
    """Write at a position where the platform has no call for it."""
    with _seeking:
        os.lseek(fd, offset, os.SEEK_SET)
        return os.write(fd, data)


_read = getattr(os, "pread", _seek_and_read)
_write = getattr(os, "pwrite", _seek_and_write)
