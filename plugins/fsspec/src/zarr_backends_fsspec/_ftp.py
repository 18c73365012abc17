"""FTP by ftplib, on the connections of fsspec: one for each thread.

What fsspec's methods make of replies is too coarse: to them, whatever is not sent is missing.
A value is written under a temporary name and renamed, which replaces in one step on servers
that rename by POSIX's rename.
"""

# ruff: noqa: S321 - that FTP is insecure is for its users to weigh
from __future__ import annotations

import ftplib
import io
import re
from contextlib import suppress
from typing import Any

from zarr_backends_fsspec._files import Folder, in_folder, parent_of
from zarr_backends_fsspec._temporary import temporary_beside
from zarr_backends_fsspec._threaded import ThreadedFiles

__all__ = ["FtpFiles"]

_BLOCK_NBYTES = 2**16

_TRIES = 5
"""Times that a folder is made which others keep removing."""

_NO_SUCH = re.compile(r"no such|not found|(does not|doesn't) exist|not a directory", re.IGNORECASE)
"""What servers say where there is nothing."""

_UNKNOWN = ("500", "501", "502", "504")
"""Replies to commands that a server has not got."""


class FtpFiles(ThreadedFiles):
    """The files of an FTP server."""

    def is_alive(self, error: Exception) -> bool:
        """Whether the connection can still be used: the server refused, and said so."""
        return isinstance(error, ftplib.error_perm | FileNotFoundError)

    def end_client(self, fs: Any) -> None:
        """Close the connection."""
        fs.ftp.close()

    async def read(self, path: str) -> bytes | None:
        """Return the bytes of a file; None where there is none."""
        return await self.do(_read, path, 0, None)

    async def read_range(self, path: str, start: int, stop: int | None) -> bytes | None:
        """Return a part of a file; None where there is none."""
        return await self.do(_read, path, start, stop)

    async def write(self, path: str, data: bytes) -> None:
        """Replace a file."""
        await self.do(_write, path, data)

    async def delete(self, path: str) -> None:
        """Delete a file; one that is absent is no error."""
        await self.do(_delete, path)

    async def size(self, path: str) -> int | None:
        """Return the number of bytes of a file, None where there is none."""
        return await self.do(_size, path)

    async def list_page(self, page: Folder) -> tuple[list[str], list[Any]]:
        """List a folder."""
        paths, folders = in_folder(page, await self.do(_entries, page.path))
        return paths, list(folders)

    async def remove_folder(self, path: str) -> None:
        """Remove a folder if it is empty."""
        await self.do(_remove_folder, path)


def _read(fs: Any, path: str, start: int, stop: int | None) -> bytes | None:
    """Return a part of a file, None where there is none."""
    if start < 0:
        size = _size(fs, path)
        if size is None:
            return None
        start = max(0, size + start)
    if stop is not None and stop <= start:
        return None if _size(fs, path) is None else b""
    try:
        return _retrieved(fs.ftp, path, start, None if stop is None else stop - start)
    except ftplib.error_perm as error:
        # Some servers refuse to begin behind the end.
        size = _size(fs, path) if start else None
        if size is not None and start >= size:
            return b""
        if _is_absent(fs, path, error):
            return None
        raise


def _retrieved(ftp: ftplib.FTP, path: str, start: int, nbytes: int | None) -> bytes:
    """Return what is sent of a file; the transfer is broken off after some bytes."""
    ftp.voidcmd("TYPE I")
    data = bytearray()
    with ftp.transfercmd(f"RETR {path}", start or None) as connection:
        while nbytes is None or len(data) < nbytes:
            block = connection.recv(_BLOCK_NBYTES)
            if not block:
                break
            data += block
    if nbytes is None or len(data) < nbytes:
        ftp.voidresp()
        return bytes(data)
    with suppress(ftplib.error_temp):  # 426: "transfer aborted", as it was to be
        ftp.voidresp()
    return bytes(data[:nbytes])


def _write(fs: Any, path: str, data: bytes) -> None:
    """Write a temporary file, and give it its name."""
    temporary = temporary_beside(path)
    for attempt in range(_TRIES):
        try:
            fs.ftp.storbinary(f"STOR {temporary}", io.BytesIO(data), blocksize=_BLOCK_NBYTES)
            break
        except ftplib.error_perm as error:
            if attempt == _TRIES - 1 or not _is_absent(fs, parent_of(path), error):
                raise
            _make_folder(fs, parent_of(path))
    try:
        _renamed(fs, temporary, path)
    except ftplib.error_perm:
        _delete(fs, temporary)
        raise


def _renamed(fs: Any, temporary: str, path: str) -> None:
    """Give a file its name, also where there is an empty folder of that name."""
    try:
        fs.ftp.rename(temporary, path)
    except ftplib.error_perm:
        if not _removed_tree(fs, path):
            raise
        fs.ftp.rename(temporary, path)


def _removed_tree(fs: Any, path: str) -> bool:
    """Remove a folder with nothing but folders in it; return whether that was done."""
    for entry, is_folder in _entries(fs, path):
        if not is_folder or not _removed_tree(fs, entry):
            return False
    try:
        fs.ftp.rmd(path)
    except ftplib.error_perm:
        return False
    return True


def _make_folder(fs: Any, path: str) -> None:
    """Make a folder and those that it is in; whether it is there shows when it is used."""
    parts = path.strip("/").split("/")
    for i in range(1, len(parts) + 1):
        try:
            fs.ftp.mkd("/" + "/".join(parts[:i]))
        except ftplib.error_perm:
            continue


def _delete(fs: Any, path: str) -> None:
    """Delete a file; one that is absent is no error."""
    try:
        fs.ftp.delete(path)
    except ftplib.error_perm as error:
        if not _is_absent(fs, path, error):
            raise


def _remove_folder(fs: Any, path: str) -> None:
    """Remove a folder if it is empty."""
    try:
        fs.ftp.rmd(path)
    except ftplib.error_perm:
        return


def _size(fs: Any, path: str) -> int | None:
    """Return the number of bytes of a file, None where there is none."""
    try:
        fs.ftp.voidcmd("TYPE I")
        return int(fs.ftp.size(path) or 0)
    except ftplib.error_perm as error:
        if _is_absent(fs, path, error):
            return None
        raise


def _entries(fs: Any, path: str) -> list[tuple[str, bool]]:
    """Return paths in a folder and whether each is a folder."""
    try:
        facts = list(fs.ftp.mlsd(path, ["type"]))
    except ftplib.error_perm as error:
        if str(error)[:3] in _UNKNOWN and "directory" not in str(error).lower():
            fs.invalidate_cache()
            return [(entry["name"], entry["type"] == "directory") for entry in fs.ls(path)]
        if _is_absent(fs, path, error):
            return []
        raise
    base = path.rstrip("/")
    return [
        (f"{base}/{name}", fact["type"].lower() == "dir")
        for name, fact in facts
        if fact.get("type", "").lower() in ("file", "dir")
    ]


def _is_absent(fs: Any, path: str, refusal: ftplib.error_perm) -> bool:
    """Whether a refusal (550) means that there is no such file, which it need not mean.

    Where its text does not say so the folder above is asked, and so on until one is there: a
    file is absent if a folder that can be listed has no such entry.

    Returns:
        Whether it is; False where nobody can tell.
    """
    text = str(refusal)
    if not text.startswith(("550", "553", *_UNKNOWN)) or path in ("", "/"):
        return False
    if _NO_SUCH.search(text):
        return True
    try:
        kinds = {name: fact.get("type", "") for name, fact in fs.ftp.mlsd(parent_of(path))}
    except ftplib.error_perm as error:
        return _is_absent(fs, parent_of(path), error)
    kind = kinds.get(path.rpartition("/")[2], "")
    return kind.lower() not in ("file", "unknown")
