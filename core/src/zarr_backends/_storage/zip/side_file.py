"""Files beside an archive: members that wait for the next flush, and the next archive.

They are called ``.{archive}.{random}.zb-tmp`` and locked as long as their process lives.
One that is not locked was left behind by a process that was killed; the next process that
writes to the archive removes it. Members lie in it as they do in an archive, so that the
file becomes one by a directory at its end.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from zlib import crc32

from zarr_backends._storage.files.raw_file import RawFile
from zarr_backends._storage.files.temp_files import sync_folder
from zarr_backends._storage.zip.locks import same_file, try_lock, unlock
from zarr_backends._storage.zip.members import MemberReader
from zarr_backends._storage.zip.new_records import local_header
from zarr_backends._storage.zip.records import Member

__all__ = ["SideFile", "extent_of", "remove_stale"]

_MAX_STEM_NBYTES = 200
"""Bytes of the longest archive name that a side file's name repeats."""


class SideFile:
    """One file beside an archive; its owner serialises the calls."""

    def __init__(self, archive_path: str) -> None:
        """Create the file, locked, with the permissions of the archive.

        Raises:
            OSError: The folder cannot be written to.
        """
        self._folder = os.path.dirname(archive_path)
        self._new_folders = _make_folders(self._folder)
        while True:
            self.path = f"{_start(archive_path)}{secrets.token_hex(8)}.zb-tmp"
            self.file = RawFile(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            # Between these two lines another process may take it for a stale one.
            if try_lock(self.file) is not False and same_file(self.file, self.path):
                break
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(archive_path, self.path)
        self.reader = MemberReader(self.file)
        self.nbytes = 0
        self.dead_nbytes = 0

    def append(self, name: bytes, flags: int, value: memoryview, crc: int) -> Member:
        """Return a stored member that was written at the end.

        Raises:
            OSError: Writing failed; what was written before is whole.
        """
        header = local_header(name, flags, value.nbytes, crc)
        stop = self.file.write_at(self.nbytes, header, value)
        offset, self.nbytes = self.nbytes, stop
        sizes = value.nbytes, value.nbytes
        return Member(name, offset, *sizes, crc, 0, flags, offset + len(header))

    def forget(self, member: Member) -> None:
        """Count the bytes of a member that was replaced or deleted."""
        start, stop = extent_of(member)
        self.dead_nbytes += stop - start

    def place(self, path: str, *, replace: bool) -> None:
        """Give the file the name of the archive; it stays locked until `settle`.

        Args:
            path: The archive.
            replace: Whether an archive is there that is to be replaced; otherwise nothing
                is done where there is one.

        Raises:
            OSError: It could not be done; an old archive is as it was.
        """
        if replace:
            os.replace(self.path, path)
        else:
            _rename_to_new(self.path, path)

    def settle(self, path: str) -> None:
        """Let others replace the file, which is the archive at `path` now."""
        self.file.path = path
        unlock(self.file)

    def sync(self) -> None:
        """Wait until the device holds the file.

        Raises:
            OSError: The device failed.
        """
        self.file.sync()

    def sync_name(self) -> None:
        """Wait until the device holds the name of the file and the folders made for it.

        Raises:
            OSError: The device failed.
        """
        for folder in (self._folder, *self._new_folders):
            sync_folder(folder)

    def remove(self) -> None:
        """Remove the file; it stays readable for those who still refer to it."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        unlock(self.file)


def extent_of(member: Member) -> tuple[int, int]:
    """Return where a member of ours starts and ends in its file."""
    return member.offset, (member.data_offset or 0) + member.stored_nbytes


def remove_stale(archive_path: str) -> None:
    """Remove the files that killed processes left beside an archive."""
    folder, start = os.path.split(_start(archive_path))
    ours = re.compile(rf"{re.escape(start)}[0-9a-f]{{16}}\.zb-tmp")
    try:
        names = [entry.name for entry in os.scandir(folder) if ours.fullmatch(entry.name)]
    except FileNotFoundError:
        return
    for stale in names:
        # What cannot be opened or removed is somebody else's, and no reason not to write.
        with contextlib.suppress(OSError):
            _remove_unlocked(os.path.join(folder, stale))


def _remove_unlocked(path: str) -> None:
    """Remove a file that nobody has locked."""
    file = RawFile(path, os.O_RDWR)
    if try_lock(file):
        if same_file(file, path):
            os.unlink(path)
        unlock(file)


def _rename_to_new(source: str, target: str) -> None:
    """Rename a file unless the new name is taken."""
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links: the best that is left
        if not os.path.exists(target):
            os.replace(source, target)
    else:
        os.unlink(source)


def _start(archive_path: str) -> str:
    """Return what the paths of all side files of an archive start with."""
    folder, name = os.path.split(archive_path)
    raw = os.fsencode(name)
    # The whole name must still be one that file systems take.
    stem = name if len(raw) <= _MAX_STEM_NBYTES else f"{crc32(raw):08x}"
    return os.path.join(folder, f".{stem}.")


def _make_folders(folder: str) -> list[str]:
    """Return the folders in which one was created, after a folder is there with all above it.

    Raises:
        OSError: It cannot be done.
    """
    changed = []
    missing = folder
    while not os.path.isdir(missing) and missing != os.path.dirname(missing):
        missing = os.path.dirname(missing)
        changed.append(missing)
    os.makedirs(folder, exist_ok=True)
    return changed
