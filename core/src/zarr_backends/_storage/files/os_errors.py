"""Errors of the operating system in our words: one table for everything kept in files."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import NamedTuple

from zarr_backends.errors import (
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    PermissionDeniedError,
    StorageFullError,
    ZarrBackendsError,
)

__all__ = ["translated"]


class _Meaning(NamedTuple):
    """What an error number says to a user."""

    error: type[ZarrBackendsError]
    remedy: str


_NO_RIGHTS = _Meaning(PermissionDeniedError, "check owner and rights of the file and its folders")
_READ_ONLY = _Meaning(PermissionDeniedError, "the file system is mounted read-only")
_LINK = _Meaning(PermissionDeniedError, "a symbolic link leads in a circle or just appeared")
_FULL = _Meaning(StorageFullError, "make room; what was stored before is unchanged")
_NO_FILE_NAME = _Meaning(ConfigurationError, "use a shorter key or a root with a shorter path")
_IN_THE_WAY = _Meaning(
    ConfigurationError, "in a file tree, no key can be both a value and the start of other keys"
)
_SLOW = _Meaning(BackendTimeoutError, "the network file system does not answer")
_OTHER = _Meaning(BackendError, "see the error of the system above")

_MEANINGS: Mapping[int, _Meaning] = {
    errno.EACCES: _NO_RIGHTS,
    errno.EPERM: _NO_RIGHTS,
    errno.EROFS: _READ_ONLY,
    errno.ELOOP: _LINK,
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.ENAMETOOLONG: _NO_FILE_NAME,
    errno.EISDIR: _IN_THE_WAY,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EEXIST: _IN_THE_WAY,
    errno.ENOTEMPTY: _IN_THE_WAY,
    errno.ETIMEDOUT: _SLOW,
}

_TRANSIENT = frozenset({errno.EAGAIN, errno.EBUSY, errno.EMFILE, errno.ENFILE, errno.ESTALE})
"""Conditions that pass by themselves, beside those whose class says so."""


def translated(error: OSError, *, backend: str, key: str) -> ZarrBackendsError:
    """Return our error for one of the operating system, to be raised from it.

    Args:
        error: What the system raised; one of ours is returned as it is.
        backend: Backend id.
        key: Store key (or prefix) that was worked on.
    """
    if isinstance(error, ZarrBackendsError):
        return error
    meaning = _MEANINGS.get(error.errno or 0, _OTHER)
    where = f"key {key!r:.200}: " if key else ""
    message = f"{where}{error}; {meaning.remedy}"
    transient = True if error.errno in _TRANSIENT else None
    return meaning.error(message, backend=backend, key=key, transient=transient)
