"""Blocking file systems: each thread has one of its own, and a new one when that is dead.

Some of their clients are not safe for several threads, most never connect again, and none
can be interrupted: a call that passes its deadline is left behind with its thread.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Generic, TypeVar

from zarr_backends_fsspec._files import Files, Folder, in_folder, parent_of
from zarr_backends_fsspec._temporary import temporary_beside
from zarr_backends_fsspec._threads import Worker

__all__ = ["SyncFiles", "ThreadedFiles"]

T = TypeVar("T")

_TRIES = 5
"""Times that a folder is made which others keep removing."""

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR})
"""Errors that say that there is no file. Not every client raises Python's classes for them."""


class _Desk(Generic[T]):
    """A thread, and the file system that it alone uses."""

    def __init__(self) -> None:
        self.worker = Worker()
        self.fs: T | None = None


class ThreadedFiles(Files):
    """The files of a blocking client, of which each thread has an instance.

    Args:
        make: Makes the client, in the thread that is going to use it.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        """Prepare; nothing is made."""
        self._make = make
        self._idle: list[_Desk[Any]] = []

    def is_alive(self, error: Exception) -> bool:
        """Whether a client can still be used after an error: the server has answered."""
        return isinstance(error, FileNotFoundError | PermissionError | FileExistsError)

    def end_client(self, fs: Any) -> None:
        """Close a client, which may be dead."""

    async def do(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function with a client before the other arguments, in that client's thread.

        A client that was used before may be dead without knowing: the call is made once
        more with a new one.

        Returns:
            What the function returns.
        """
        desk = self._idle.pop() if self._idle else _Desk[Any]()
        try:
            result = await desk.worker.call(lambda: self._made(desk, function, args))
        except Exception:
            self._idle.append(desk)
            raise
        except BaseException:  # cancelled: the thread may hang
            desk.worker.end(partial(self._drop, desk))
            raise
        self._idle.append(desk)
        return result

    async def close(self) -> None:
        """Let all threads end, and their clients with them."""
        desks, self._idle = self._idle, []
        for desk in desks:
            desk.worker.end(partial(self._drop, desk))

    def _made(self, desk: _Desk[Any], function: Callable[..., T], args: Sequence[Any]) -> T:
        """Make a call in the thread of a desk."""
        if desk.fs is not None:
            try:
                return function(desk.fs, *args)
            except Exception as error:
                if self.is_alive(error):
                    raise
                self._drop(desk)
        desk.fs = self._make()
        try:
            return function(desk.fs, *args)
        except Exception as error:
            if not self.is_alive(error):
                self._drop(desk)
            raise

    def _drop(self, desk: _Desk[Any]) -> None:
        """Close the client of a desk."""
        fs, desk.fs = desk.fs, None
        if fs is not None:
            with suppress(Exception):  # it is dead, and was to be closed
                self.end_client(fs)


class SyncFiles(ThreadedFiles):
    """The files of any blocking file system of fsspec, by fsspec's own methods.

    Args:
        make: Makes the file system.
        renames: Whether moving a file replaces another one in one step; then files are
            written under a temporary name first.
    """

    def __init__(self, make: Callable[[], Any], *, renames: bool = False) -> None:
        """Prepare; nothing is made."""
        super().__init__(make)
        self._renames = renames

    async def read(self, path: str) -> bytes | None:
        """Return the bytes of a file; None where there is none."""

        def read(fs: Any) -> bytes | None:
            try:
                return bytes(fs.cat_file(path))
            except OSError as error:
                if not _is_absent(error):
                    raise
                return None

        return await self.do(read)

    async def read_range(self, path: str, start: int, stop: int | None) -> bytes | None:
        """Return a part of a file; None where there is none."""

        def read(fs: Any) -> bytes | None:
            size = _size(fs, path)
            if size is None:
                return None
            first, last, _ = slice(start, stop).indices(size)
            if last <= first:
                return b""
            data = bytes(fs.cat_file(path, start=first, end=last))
            return data if len(data) == last - first else data[first:last]

        return await self.do(read)

    async def write(self, path: str, data: bytes) -> None:
        """Replace a file, and make its folders."""
        await self.do(self._write, path, data)

    async def delete(self, path: str) -> None:
        """Delete a file; one that is absent is no error."""

        def delete(fs: Any) -> None:
            try:
                fs.rm_file(path)
            except OSError as error:
                if not _is_absent(error):
                    raise

        await self.do(delete)

    async def size(self, path: str) -> int | None:
        """Return the number of bytes of a file, None where there is none."""
        return await self.do(_size, path)

    async def list_page(self, page: Folder) -> tuple[list[str], list[Any]]:
        """List a folder."""
        paths, folders = in_folder(page, await self.do(_entries, page.path))
        return paths, list(folders)

    async def remove_folder(self, path: str) -> None:
        """Remove a folder if it is empty."""

        def remove(fs: Any) -> None:
            try:
                if not fs.ls(path, detail=False):
                    fs.rmdir(path)
            except (OSError, NotImplementedError):
                return

        await self.do(remove)

    def _write(self, fs: Any, path: str, data: bytes) -> None:
        """Write a file under another name where that helps, and make folders if needed."""
        target = temporary_beside(path) if self._renames else path
        for attempt in range(_TRIES):
            try:
                fs.pipe_file(target, data)
                break
            except OSError as error:
                if attempt == _TRIES - 1 or not _is_absent(error):
                    raise
                fs.makedirs(parent_of(path), exist_ok=True)
        if self._renames:
            if fs.isdir(path):
                _removed_tree(fs, path)  # else the file would be moved into it
            fs.mv(target, path)


def _removed_tree(fs: Any, path: str) -> None:
    """Remove a folder with nothing but folders in it.

    Raises:
        IsADirectoryError: There is more in it.
    """
    for entry in fs.ls(path, detail=True):
        if entry["type"] != "directory":
            message = f"a folder has the name of the key, and is not empty: {path}"
            raise IsADirectoryError(message)
        _removed_tree(fs, entry["name"])
    fs.rmdir(path)


def _entries(fs: Any, path: str) -> list[tuple[str, bool]]:
    """Return paths in a folder and whether each is a folder.

    Raises:
        OSError: The folder is there, and cannot be listed.
    """
    for attempt in range(_TRIES):
        try:
            fs.invalidate_cache()
            entries = fs.ls(path, detail=True)
        except OSError as error:
            if not _is_absent(error):
                raise
            if not fs.isdir(path):
                return []
            if attempt == _TRIES - 1:  # or else something in it went while it was listed
                raise
        else:
            return [(e["name"], e["type"] == "directory") for e in entries if e["name"] != path]
    return []


def _size(fs: Any, path: str) -> int | None:
    """Return the number of bytes of a file, None where there is none."""
    try:
        fs.invalidate_cache()
        info = fs.info(path)
    except OSError as error:
        if not _is_absent(error):
            raise
        return None
    return None if info["type"] == "directory" else int(info["size"])


def _is_absent(error: OSError) -> bool:
    """Whether an error says that there is no such file."""
    kinds = FileNotFoundError | IsADirectoryError | NotADirectoryError
    return isinstance(error, kinds) or error.errno in _ABSENT
