"""Errors of LMDB and of the operating system in our words: one table."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Mapping
from typing import NamedTuple

import lmdb

from zarr_backends import (
    BackendError,
    ConfigurationError,
    CorruptStorageError,
    PermissionDeniedError,
    StorageFullError,
    ZarrBackendsError,
)

__all__ = ["is_full", "number_of", "translated"]

_LITTLE_NBYTES = 2**20
"""Free bytes below which a file system counts as full."""


class _Meaning(NamedTuple):
    """What an error says to a user."""

    error: type[ZarrBackendsError]
    remedy: str
    transient: bool | None = None


_FULL = _Meaning(
    StorageFullError,
    "no room is left there; what was stored before is unchanged. Delete tables, or make the "
    "file system larger (mount -o remount,size=... /dev/shm; docker run --shm-size=...)",
)
_DAMAGED = _Meaning(CorruptStorageError, "the table is damaged; delete its folder")
_NO_RIGHTS = _Meaning(PermissionDeniedError, "check owner and rights of the folder")
_MANY = _Meaning(BackendError, "too many tables are open; close some", transient=True)
_OTHER = _Meaning(BackendError, "see the error above")

_OF_LMDB: Mapping[type[Exception], _Meaning] = {
    lmdb.MapFullError: _FULL,
    lmdb.TxnFullError: _Meaning(StorageFullError, "one transaction changes too much; split it"),
    lmdb.BadValsizeError: _Meaning(ConfigurationError, "a value has less than 4 GiB"),
    lmdb.ReadersFullError: _Meaning(
        BackendError, "all places of readers are taken; end some snapshots", transient=True
    ),
    lmdb.CorruptedError: _DAMAGED,
    lmdb.InvalidError: _DAMAGED,
    lmdb.PageNotFoundError: _DAMAGED,
    lmdb.PanicError: _DAMAGED,
    lmdb.VersionMismatchError: _DAMAGED,
    lmdb.ReadonlyError: _NO_RIGHTS,
}

_OF_SYSTEM: Mapping[int, _Meaning] = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EACCES: _NO_RIGHTS,
    errno.EPERM: _NO_RIGHTS,
    errno.EROFS: _NO_RIGHTS,
    errno.EMFILE: _MANY,
    errno.ENFILE: _MANY,
    errno.ENOMEM: _Meaning(BackendError, "no address space is left: give a smaller map_size"),
}


def translated(error: lmdb.Error | OSError, *, path: str, key: str | None = None) -> Exception:
    """Return our error for one of LMDB or of the system, to be raised from it.

    Args:
        error: What was raised; one of ours is returned as it is.
        path: Folder of the table.
        key: Store key that was worked on.
    """
    if isinstance(error, ZarrBackendsError):
        return error
    number = number_of(error)
    meaning = _OF_LMDB.get(type(error)) or _OF_SYSTEM.get(number, _OTHER)
    if meaning is _OTHER and number == errno.EIO and is_full(path):
        meaning = _FULL  # which is how LMDB says that less was written than it wanted
    message = f"table at {path}: {error}; {meaning.remedy}"
    return meaning.error(message, backend="shared_memory", key=key, transient=meaning.transient)


def number_of(error: lmdb.Error | OSError) -> int:
    """Return the number of the system's error that is in one of LMDB; 0 for none."""
    number = error.errno if isinstance(error, OSError) else getattr(error, "code", None)
    if number is not None:
        return int(number)
    said = str(error).rpartition(": ")[2]  # all that older versions of lmdb tell
    return next((n for n in (*_OF_SYSTEM, errno.EIO) if os.strerror(n) == said), 0)


def is_full(path: str) -> bool:
    """Whether the file system of a folder has next to no room, or files may not be larger."""
    if resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY:
        return True
    try:
        status = os.statvfs(path)
    except OSError:
        return False
    return status.f_bavail * status.f_frsize < _LITTLE_NBYTES
