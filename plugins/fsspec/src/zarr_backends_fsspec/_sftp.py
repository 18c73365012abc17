"""SFTP by sshfs: values are written under a temporary name and renamed by POSIX's rename.

sshfs gives the connection and its channels; what is done on them is asked of asyncssh, since
sshfs reads whole files whatever range is asked for, and makes folders at every write.
"""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from asyncssh import (
    DisconnectError,
    SFTPConnectionLost,
    SFTPError,
    SFTPFailure,
    SFTPNoConnection,
    SFTPNoSuchFile,
    SFTPNoSuchPath,
    SFTPNotADirectory,
    SFTPOpUnsupported,
)

from zarr_backends_fsspec._files import AsyncFiles, Folder, in_folder, parent_of
from zarr_backends_fsspec._temporary import temporary_beside

__all__ = ["SftpFiles"]

T = TypeVar("T")

_ABSENT = (SFTPNoSuchFile, SFTPNoSuchPath, SFTPNotADirectory)

_LOST = (SFTPNoConnection, SFTPConnectionLost, DisconnectError, ConnectionError, EOFError)
"""Errors after which a connection stays dead."""

_TRIES = 5
"""Times that a folder is made which others keep removing."""


class SftpFiles(AsyncFiles):
    """The files of an SFTP server, over one connection with several channels."""

    async def do(self, operation: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Do something with a channel; once more on a new connection if the old one is dead."""
        old = self._fs
        if old is not None:
            try:
                return await self._done(old, operation, args)
            except _LOST:
                pass
        try:
            new = await self.fs()
        except asyncio.CancelledError:
            self._opening = None  # it may hang: the next request connects anew
            raise
        return await self._done(new, operation, args)

    async def _done(self, fs: Any, operation: Callable[..., Awaitable[T]], args: Any) -> T:
        """Do something with a channel of a connection, and forget one that is dead or hangs."""
        try:
            async with fs._pool.get() as channel:  # noqa: SLF001  # what sshfs's own methods use
                return await operation(channel, *args)
        except (*_LOST, asyncio.CancelledError):
            if self._fs is fs:
                self._fs = None
            fs.client.abort()
            raise

    async def read(self, path: str) -> bytes | None:
        """Return the bytes of a file; None where there is none."""
        return await self.do(_read, path, 0, None)

    async def read_range(self, path: str, start: int, stop: int | None) -> bytes | None:
        """Return a part of a file; None where there is none."""
        return await self.do(_read, path, start, stop)

    async def size(self, path: str) -> int | None:
        """Return the number of bytes of a file, None where there is none."""
        return await self.do(_size, path)

    async def write(self, path: str, data: bytes) -> None:
        """Replace a file in one step."""
        await self.do(_write, path, data)

    async def delete(self, path: str) -> None:
        """Delete a file; one that is absent is no error."""
        await self.do(_delete, path)

    async def list_page(self, page: Folder) -> tuple[list[str], list[Any]]:
        """List a folder."""
        paths, folders = in_folder(page, await self.do(_entries, page.path))
        return paths, list(folders)

    async def remove_folder(self, path: str) -> None:
        """Remove a folder if it is empty."""

        async def remove(channel: Any) -> None:
            with suppress(SFTPFailure, *_ABSENT):
                await channel.rmdir(path)

        await self.do(remove)

    async def close(self) -> None:
        """Close the connection."""
        fs, self._fs = self._fs, None
        if fs is not None:
            fs.client.close()


async def _read(channel: Any, path: str, start: int, stop: int | None) -> bytes | None:
    """Read a part of a file through one handle, which stays with its version."""
    try:
        async with channel.open(path, "rb") as file:
            if start == 0 and stop is None:
                return bytes(await file.read())
            size = (await file.stat()).size
            first, last, _ = slice(start, stop).indices(size)
            return bytes(await file.read(last - first, first)) if last > first else b""
    except _ABSENT:
        return None
    except SFTPFailure:
        # A folder can be opened on some servers and read on none.
        if await _size(channel, path) is None:
            return None
        raise


async def _size(channel: Any, path: str) -> int | None:
    """Return the size of a file, None where there is none."""
    try:
        attributes = await channel.stat(path)
    except _ABSENT:
        return None
    return None if stat.S_ISDIR(attributes.permissions) else int(attributes.size)


async def _write(channel: Any, path: str, data: bytes) -> None:
    """Write a temporary file and give it its name."""
    temporary = temporary_beside(path)
    try:
        for attempt in range(_TRIES):
            try:
                async with channel.open(temporary, "wb") as file:
                    await file.write(data)
                break
            except _ABSENT:
                if attempt == _TRIES - 1:
                    raise
                await channel.makedirs(parent_of(path), exist_ok=True)
        await _renamed(channel, temporary, path)
    except SFTPError as error:
        if not isinstance(error, _LOST):
            await _delete(channel, temporary)
        raise


async def _renamed(channel: Any, temporary: str, path: str) -> None:
    """Give a file its name, also where there is an empty folder of that name."""
    try:
        await _replace(channel, temporary, path)
    except SFTPFailure:
        if not await _removed_tree(channel, path):
            raise
        await _replace(channel, temporary, path)


async def _replace(channel: Any, temporary: str, path: str) -> None:
    """Give a file its name, replacing the file that has it."""
    try:
        await channel.posix_rename(temporary, path)
    except SFTPOpUnsupported:
        # Without OpenSSH's extension nothing replaces a file in one step.
        await _delete(channel, path)
        await channel.rename(temporary, path)


async def _removed_tree(channel: Any, path: str) -> bool:
    """Remove a folder with nothing but folders in it; return whether that was done."""
    try:
        for entry, is_folder in await _entries(channel, path):
            if not is_folder or not await _removed_tree(channel, entry):
                return False
        await channel.rmdir(path)
    except (SFTPFailure, *_ABSENT):
        return False
    return True


async def _delete(channel: Any, path: str) -> None:
    """Delete a file; one that is absent is no error."""
    try:
        await channel.unlink(path)
    except _ABSENT:
        return
    except SFTPFailure:
        if await _size(channel, path) is not None:
            raise


async def _entries(channel: Any, path: str) -> list[tuple[str, bool]]:
    """Return paths in a folder and whether each is a folder; links count as what they lead to."""
    try:
        names = await channel.readdir(path)
    except _ABSENT:
        return []
    found = []
    for name in names:
        if name.filename in (".", ".."):
            continue
        entry, mode = f"{path.rstrip('/')}/{name.filename}", name.attrs.permissions or 0
        if stat.S_ISLNK(mode):
            is_folder = await _size(channel, entry) is None
        else:
            is_folder = stat.S_ISDIR(mode)
        found.append((entry, is_folder))
    return found
