"""What a backend needs of a file system, as coroutines; and that over fsspec's own methods.

Paths are whole, as the library takes them, without a slash at the end. A backend for one
service subclasses `AsyncFiles`, or `ObjectFiles` where the service knows no folders, and
overrides what it can do better.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from zarr_backends_fsspec._temporary import is_temporary
from zarr_backends_fsspec._threads import in_new_thread

__all__ = ["AsyncFiles", "Files", "Folder", "Version", "in_folder", "parent_of"]


class Version(NamedTuple):
    """The bytes of a file, and what tells this version of it from others."""

    data: bytes
    token: Any
    """Such as an ETag or a generation number."""


class Folder(NamedTuple):
    """A page of a listing: what is in one folder."""

    path: str
    prefix: str
    """Only what begins so is listed."""
    is_deep: bool
    """Whether folders in it are listed as well, or only named, with a slash at the end."""


class Files(ABC):
    """The files of one file system. Methods raise whatever the library raises.

    Each coroutine is one request: it is given up at the deadline, by cancelling it.
    """

    batch_nfiles: ClassVar[int] = 1
    """Files that one call of `delete_batch` takes."""

    has_folders: ClassVar[bool] = True
    """Whether there are folders, which stay when they are empty."""

    @abstractmethod
    async def read(self, path: str) -> bytes | None:
        """Return the bytes of a file; None only where there definitely is none."""

    @abstractmethod
    async def write(self, path: str, data: bytes) -> None:
        """Replace a file, and make its folders; as atomically as the service can."""

    @abstractmethod
    async def delete(self, path: str) -> None:
        """Delete a file; one that is absent is no error."""

    @abstractmethod
    async def size(self, path: str) -> int | None:
        """Return the number of bytes of a file, None where there is none."""

    @abstractmethod
    async def read_range(self, path: str, start: int, stop: int | None) -> bytes | None:
        """Return ``data[start:stop]``, cut as a slice would be; None where there is no file.

        Args:
            path: Of the file.
            start: First byte; negative counts from the end, and then `stop` is None.
            stop: Byte after the last one, None for the end.
        """

    @abstractmethod
    async def list_page(self, page: Any) -> tuple[list[str], list[Any]]:
        """Return the paths on a page of a listing, and the pages that it leads to."""

    def first_page(self, prefix: str, *, is_deep: bool = True) -> Any:
        """Return the page at which the listing of paths that begin with `prefix` begins.

        Args:
            prefix: Of paths; a folder, with or without the slash, or the beginning of a name.
            is_deep: Whether to list what is in folders too; otherwise a folder is given
                itself, with a slash at its end.
        """
        return Folder(prefix.rpartition("/")[0] or "/", prefix, is_deep)

    async def delete_batch(self, paths: Sequence[str]) -> None:
        """Delete up to `batch_nfiles` files."""
        for path in paths:
            await self.delete(path)

    async def remove_folder(self, path: str) -> None:  # noqa: B027  # there may be none
        """Remove a folder if it is empty; whatever is the matter with it is no error."""

    async def close(self) -> None:  # noqa: B027  # there may be none
        """Close the connections; the next request opens new ones."""


class AsyncFiles(Files):
    """The files of an asynchronous file system of fsspec.

    Args:
        make: Makes the file system, without its caches of instances and listings. It may
            block: it is called in a thread.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        """Prepare; nothing is made."""
        self._make = make
        self._fs: Any = None
        self._opening: asyncio.Task[Any] | None = None

    async def opened(self) -> Any:
        """Make the file system, and whatever else takes its time at first."""
        return await in_new_thread(self._make)

    async def fs(self) -> Any:
        """Return the file system, opened at the first call.

        That goes on when the request that began it is given up: the next one finds it done.
        """
        if self._fs is None:
            if self._opening is None:
                self._opening = asyncio.ensure_future(self.opened())
                self._opening.add_done_callback(self._was_opened)
            return await asyncio.shield(self._opening)
        return self._fs

    def _was_opened(self, opening: asyncio.Task[Any]) -> None:
        """Keep what was opened; after an error the next call tries again."""
        # Asked for also where nobody waits any more, or else asyncio complains.
        failed = opening.cancelled() or opening.exception() is not None
        if self._opening is opening:
            self._opening = None
            if not failed:
                self._fs = opening.result()

    async def read(self, path: str) -> bytes | None:
        """Return the bytes of a file; None where there is none."""
        fs = await self.fs()
        try:
            return bytes(await fs._cat_file(path))  # noqa: SLF001  # what fsspec calls the coroutine
        except (FileNotFoundError, IsADirectoryError):
            return None

    async def read_range(self, path: str, start: int, stop: int | None) -> bytes | None:
        """Return a part of a file, also where the file system ignores what was asked for."""
        size = await self.size(path)
        if size is None:
            return None
        first, last, _ = slice(start, stop).indices(size)
        if last <= first:
            return b""
        fs = await self.fs()
        data = bytes(await fs._cat_file(path, start=first, end=last))  # noqa: SLF001
        return data if len(data) == last - first else data[first:last]

    async def write(self, path: str, data: bytes) -> None:
        """Replace a file, by one request where the file system has it so."""
        fs = await self.fs()
        await fs._pipe_file(path, data)  # noqa: SLF001

    async def delete(self, path: str) -> None:
        """Delete a file; one that is absent is no error."""
        fs = await self.fs()
        try:
            await fs._rm_file(path)  # noqa: SLF001
        except FileNotFoundError:
            return

    async def size(self, path: str) -> int | None:
        """Return the number of bytes of a file, None where there is none.

        Raises:
            OSError: The server does not say.
        """
        fs = await self.fs()
        try:
            fs.invalidate_cache()
            info = await fs._info(path)  # noqa: SLF001
        except FileNotFoundError:
            return None
        if info.get("type") == "directory":
            return None
        if info.get("size") is None:
            message = "the server does not tell the size of files"
            raise OSError(message)
        return int(info["size"])

    async def list_page(self, page: Any) -> tuple[list[str], list[Any]]:
        """List a folder."""
        fs = await self.fs()
        try:
            fs.invalidate_cache()
            entries = await fs._ls(page.path, detail=True)  # noqa: SLF001
        except (FileNotFoundError, NotADirectoryError):
            return [], []
        return in_folder(page, [(e["name"], e["type"] == "directory") for e in entries])

    async def close(self) -> None:
        """Forget the file system, whose finalizer closes what it has open."""
        self._fs = None


def in_folder(page: Folder, entries: Sequence[tuple[str, bool]]) -> tuple[list[str], list[Folder]]:
    """Sort what is in a folder.

    Args:
        page: What is listed.
        entries: Path of each entry, and whether it is a folder.

    Returns:
        The paths that were asked for, and further folders to list.
    """
    paths, folders = [], []
    for entry, is_folder in entries:
        path = entry.rstrip("/")
        below = f"{path}/"
        if not is_folder:
            if path.startswith(page.prefix) and not is_temporary(path):
                paths.append(path)
        elif not page.is_deep:
            paths.append(below)
        elif below.startswith(page.prefix) or page.prefix.startswith(below):
            folders.append(Folder(path, page.prefix, is_deep=True))
    return paths, folders


def parent_of(path: str) -> str:
    """Return the folder of a path, "/" for one at the top."""
    return path.rpartition("/")[0] or "/"
