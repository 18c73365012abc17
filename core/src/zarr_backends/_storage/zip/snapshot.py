"""One version of an archive file: its directory, and the file that stays open behind it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NamedTuple

from zarr_backends._storage.files.raw_file import RawFile
from zarr_backends._storage.zip.directory import Directory, read_directory
from zarr_backends._storage.zip.members import MemberReader

__all__ = ["Signature", "Snapshot", "load_snapshot", "signature_of"]


class Signature(NamedTuple):
    """What shows that a file was replaced or rewritten."""

    device: int
    inode: int
    nbytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An archive as it was at one moment; the default is one that does not exist."""

    directory: Directory
    signature: Signature | None = None
    """None where there was no file."""
    reader: MemberReader | None = None
    """None where there was nothing in it."""


def signature_of(found: os.stat_result) -> Signature:
    """Return what is compared of a file's status."""
    return Signature(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def load_snapshot(path: str, before: Snapshot | None, *, last_wins: bool) -> Snapshot:
    """Return an archive as it is now.

    A file without a single byte is taken for an archive that somebody is about to make,
    unless it was an archive `before`.

    Args:
        path: The archive.
        before: What was read last, if anything was.
        last_wins: Whether the last of several members of one name is taken.

    Raises:
        CorruptStorageError: The file is no archive that can be used.
        OSError: Reading failed.
    """
    try:
        file = RawFile(path)
        signature = signature_of(file.stat())
        if signature.nbytes or (before is not None and before.reader is not None):
            directory = read_directory(file, last_wins=last_wins)
            return Snapshot(directory, signature, MemberReader(file, directory.members_stop))
    except FileNotFoundError:
        return Snapshot(Directory())
    return Snapshot(Directory(), signature)
