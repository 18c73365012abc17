"""Keys as paths of files below a root folder that no key and no link leaves.

1. A key is refused where a segment of it could mean something else than a name.
2. The segments are walked down from the root, each is looked at without following it. Most
   are plain folders, which costs one microsecond each and needs no cache that could be wrong.
3. A symbolic link is followed to its real place, and refused where that is not below the
   real root. What is opened afterwards is the real place, with `O_NOFOLLOW`.

Whoever can rename folders inside the tree at the very moment of an access can still win a
race; against trees that hold prepared links the check is complete.
"""

from __future__ import annotations

import os
import re
import stat
import sys

from zarr_backends._storage.files.temp_files import is_temporary
from zarr_backends.errors import ConfigurationError, PermissionDeniedError

__all__ = ["check_key", "follow", "is_inside", "is_link", "is_storable", "locate"]

_WINDOWS = os.name == "nt"

_BACKEND = "filesystem"

_PLAIN = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}/)*[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
"""Keys that need no closer look on POSIX: nearly all there are."""

_JUNCTION = 0xA0000003
"""Reparse tag of a junction (``IO_REPARSE_TAG_MOUNT_POINT``, which only Windows has a name for)."""

_MAX_NAME_NBYTES = 255
"""Bytes of the longest file name; the same on all common file systems."""

_NOT_ON_WINDOWS = re.compile(
    r'[\x00-\x1f<>:"|?*\\]|[. ]$|^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\.|$)',
    re.IGNORECASE,
)
"""Separators, drives, streams, wildcards, devices, and ends that Windows silently drops."""


def check_key(key: str) -> None:
    """Refuse a key that is no relative path of ordinary file names.

    Raises:
        ConfigurationError: The message says what is wrong with it.
    """
    if isinstance(key, str) and _PLAIN.fullmatch(key) and not _WINDOWS:
        return
    fault = _fault_of(key)
    if fault:
        message = f"key {key!r:.80} cannot be a file: {fault}"
        raise ConfigurationError(message, backend=_BACKEND, key=key)


def is_storable(name: str) -> bool:
    """Whether a file name can be a segment of a key."""
    return (name.isascii() and name[0] != "." and not _WINDOWS) or not _fault_of_name(name)


def locate(base: str, key: str) -> tuple[str, os.stat_result | None]:
    """Return the path of a key's file and its status, None where nothing is there.

    Args:
        base: Absolute path of the root folder with a separator at its end. It may be a
            link itself, and need not exist.
        key: Store key.

    Returns:
        A path whose last segment is no link, and what ``os.lstat`` says about it. The path
        may lie at the real place of a folder of `key`.

    Raises:
        ConfigurationError: `key` cannot be a file.
        PermissionDeniedError: `key` leads out of the root over a link.
        OSError: The system refused to look.
    """
    check_key(key)
    names = key.split("/")
    folder = path = base
    status = None
    for depth, name in enumerate(names, start=1):
        path = folder + name
        status = _status(path)
        if status is not None and is_link(status):
            path, status = follow(base, path, key)
        if status is None:
            return os.sep.join([path, *names[depth:]]), None
        folder = path + os.sep
    return path, status


def is_link(status: os.stat_result) -> bool:
    """Whether a status is that of a symbolic link, or of a junction of Windows."""
    return stat.S_ISLNK(status.st_mode) or getattr(status, "st_reparse_tag", 0) == _JUNCTION


def is_inside(path: str, folder: str) -> bool:
    """Whether a real path is `folder`, which is real as well, or lies below it."""
    path, folder = os.path.normcase(path), os.path.normcase(folder).rstrip(os.sep)
    return path == folder or path.startswith(folder + os.sep)


def follow(base: str, link: str, key: str) -> tuple[str, os.stat_result | None]:
    """Return the real place that a link leads to and its status, None where nothing is.

    Args:
        base: Absolute path of the root with a separator at its end.
        link: Path of the link.
        key: Store key, for messages.

    Raises:
        PermissionDeniedError: It is outside the root, or the link leads in a circle.
    """
    path = os.path.realpath(link)
    if not is_inside(path, os.path.realpath(base)):
        message = (
            f"key {key!r:.200} is refused: the link {link!r} leads out of {base!r}; "
            "replace the link by what it points to, or open the place it points to"
        )
        raise PermissionDeniedError(message, backend=_BACKEND, key=key)
    status = _status(path)
    if status is not None and is_link(status):
        message = f"key {key!r:.200} is refused: the link {link!r} leads in a circle"
        raise PermissionDeniedError(message, backend=_BACKEND, key=key)
    return path, status


def _status(path: str) -> os.stat_result | None:
    """Return the status of what is at a path, not following a link."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _fault_of(key: str) -> str:
    """Return what is wrong with a key, "" where nothing is."""
    if not isinstance(key, str):
        return f"it must be a string, not {type(key).__name__}"
    return next(filter(None, map(_fault_of_name, key.split("/"))), "")


def _fault_of_name(name: str) -> str:
    """Return what is wrong with one segment of a key, "" where nothing is."""
    if name in ("", ".", ".."):
        return "it has an empty, '.' or '..' segment, or a slash at one end"
    if "\0" in name or (_WINDOWS and _NOT_ON_WINDOWS.search(name)):
        return f"the system gives {name!r:.80} another meaning"
    if is_temporary(name):
        return "names that start with '.' and end with '.zb-tmp' are those of unfinished files"
    try:
        nbytes = len(name.encode(sys.getfilesystemencoding()))
    except UnicodeEncodeError:
        return "it holds characters that file names cannot have"
    if nbytes > _MAX_NAME_NBYTES:
        return f"a segment has {nbytes} bytes, file names have up to {_MAX_NAME_NBYTES}"
    return ""
