"""Folders as prefixes of keys: listed lazily, of any size and depth, and tidied up.

A folder's files are yielded on the way; their names are kept until it is done, and those of
its subfolders until they are. Folders that vanish meanwhile are no errors. Links are followed
as far as they stay inside the root, but not to a folder that they are themselves in.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

from zarr_backends._storage.files.temp_files import is_temporary, remove_if_stale
from zarr_backends._storage.filesystem.safe_paths import (
    follow,
    is_inside,
    is_link,
    is_storable,
    locate,
)
from zarr_backends.errors import PermissionDeniedError

__all__ = ["list_files", "list_names", "remove_empty_folders", "remove_if_empty"]

_REPETITIONS = 8
"""How often a folder that goes on changing is read again."""

_TICK_NS = 20_000_000
"""Nanoseconds in which a change may leave the time of a folder as it was."""


class _Folder(NamedTuple):
    """A folder on the way through a tree."""

    path: str
    """With a separator at its end."""
    prefix: str
    """What the keys of its files start with."""
    jumps: tuple[str, ...] = ()
    """Real paths of the folders whose links were followed to come here."""

    def child(self, name: str) -> _Folder:
        """Return a plain folder in this one."""
        return _Folder(f"{self.path}{name}{os.sep}", f"{self.prefix}{name}/", self.jumps)


def list_files(base: str, prefix: str) -> Iterator[str]:
    """Yield the key of every file that starts with a prefix, once each.

    Args:
        base: Absolute path of the root with a separator at its end.
        prefix: Any string.

    Raises:
        ConfigurationError: The folders in `prefix` cannot be part of a key.
        OSError: A folder is there and cannot be read.
    """
    for folder, name in _walk(base, prefix):
        if name is not None:
            yield folder.prefix + name


def list_names(base: str, prefix: str) -> Iterator[str]:
    """Yield what follows a prefix in the names of one folder, files and folders mixed.

    A folder counts even where it holds no file.

    Args:
        base: Absolute path of the root with a separator at its end.
        prefix: Usually empty or with a slash at its end.

    Raises:
        ConfigurationError: The folders in `prefix` cannot be part of a key.
        OSError: The folder is there and cannot be read.
    """
    folder, beginning = _start(base, prefix)
    if folder is None:
        return
    for entry in _scan(folder, beginning):
        if _kind(base, folder, entry) is not None:
            yield entry.name[len(beginning) :]


def remove_empty_folders(base: str, prefix: str) -> None:
    """Remove the folders of a prefix that hold nothing, as far as the system lets us.

    Args:
        base: Absolute path of the root with a separator at its end; it stays.
        prefix: Any string.

    Raises:
        OSError: A folder is there and cannot be read.
    """
    folders = [
        folder.path for folder, name in _walk(base, prefix) if name is None and not folder.jumps
    ]
    for path in reversed(folders):
        remove_if_empty(base, path[: -len(os.sep)])


def remove_if_empty(base: str, folder: str) -> None:
    """Remove a folder below the root if it is empty, and those above it that it empties."""
    with suppress(OSError):
        while folder.startswith(base) and folder != base:
            os.rmdir(folder)
            folder = os.path.dirname(folder)


def _walk(base: str, prefix: str) -> Iterator[tuple[_Folder, str | None]]:
    """Yield each folder with None, and then with the name of each of its files."""
    start, beginning = _start(base, prefix)
    way: list[Iterator[_Folder]] = [iter(() if start is None else (start,))]
    while way:
        folder = next(way[-1], None)
        if folder is None:
            way.pop()
            continue
        yield folder, None
        names: list[str] = []
        linked: list[_Folder] = []
        for entry in _scan(folder, beginning):
            kind = _kind(base, folder, entry)
            if kind == "file":
                yield folder, entry.name
            elif kind == "folder":
                names.append(entry.name)
            elif isinstance(kind, _Folder):
                linked.append(kind)
        way.append(chain(linked, map(folder.child, names)))
        beginning = ""


def _start(base: str, prefix: str) -> tuple[_Folder | None, str]:
    """Return the folder that holds every key of a prefix, and how names in it start."""
    parents, slash, beginning = prefix.rpartition("/")
    if not slash:
        return _Folder(base, ""), beginning
    path, status = locate(base, parents)
    if status is None or not stat.S_ISDIR(status.st_mode):
        return None, beginning
    return _Folder(path + os.sep, parents + slash), beginning


def _scan(folder: _Folder, beginning: str) -> Iterator[os.DirEntry[str]]:
    """Yield the entries of a folder that can be keys, each once, and clear away stale files.

    POSIX leaves open whether readdir gives an entry that is renamed while it reads, and tmpfs
    gives a file that is replaced twice or not at all. So names are remembered, and a folder that
    changed meanwhile is read again for what was passed over.
    """
    seen: set[str] = set()
    with suppress(FileNotFoundError, NotADirectoryError):
        before = os.stat(folder.path).st_mtime_ns
        yield from _unseen(folder, beginning, seen)
        for repetition in range(_REPETITIONS):
            after = os.stat(folder.path).st_mtime_ns
            # Clocks of older kernels stand still for a moment: two changes look like one.
            is_recent = not repetition and time.time_ns() - after < _TICK_NS
            if after == before and not is_recent:
                return
            before = after
            yield from list(_unseen(folder, beginning, seen))


def _unseen(folder: _Folder, beginning: str, seen: set[str]) -> Iterator[os.DirEntry[str]]:
    """Yield the entries whose names have not been seen, and remember these."""
    with os.scandir(folder.path) as entries:
        for entry in entries:
            if is_temporary(entry.name):
                remove_if_stale(entry)
            elif (
                entry.name not in seen
                and entry.name.startswith(beginning)
                and is_storable(entry.name)
            ):
                seen.add(entry.name)
                yield entry


def _kind(base: str, folder: _Folder, entry: os.DirEntry[str]) -> str | _Folder | None:
    """Return "file", "folder", or the folder that a link leads to; None for all else."""
    if entry.is_symlink() or (os.name == "nt" and is_link(entry.stat(follow_symlinks=False))):
        return _linked(base, folder, entry)
    if entry.is_file(follow_symlinks=False):
        return "file"
    return "folder" if entry.is_dir(follow_symlinks=False) else None


def _linked(base: str, folder: _Folder, entry: os.DirEntry[str]) -> str | _Folder | None:
    """Return what a link leads to, as `_kind` does; None where it must not be followed."""
    key = folder.prefix + entry.name
    try:
        path, status = follow(base, entry.path, key)
    except PermissionDeniedError:
        return None
    if status is None:
        return None
    if stat.S_ISREG(status.st_mode):
        return "file"
    jumps = (*folder.jumps, os.path.realpath(folder.path))
    if not stat.S_ISDIR(status.st_mode) or any(is_inside(jump, path) for jump in jumps):
        return None
    return _Folder(path + os.sep, key + "/", jumps)
