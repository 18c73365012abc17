"""WebDAV by the HTTP client of webdav4: GET, PUT, MOVE, DELETE, MKCOL and PROPFIND.

webdav4's own methods ask several times for what one request tells, and paths with reserved
characters are ambiguous to them. A value is written under a temporary name and moved: the
protocol lets a server delete what a move replaces first, so that a reader may find nothing
for an instant. Whoever finds nothing therefore looks again.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from webdav4.multistatus import (  # type: ignore[import-untyped]  # has no types
    parse_multistatus_response,
)

from zarr_backends_fsspec._errors import StatusError
from zarr_backends_fsspec._files import Folder, in_folder, parent_of
from zarr_backends_fsspec._temporary import temporary_beside
from zarr_backends_fsspec._threaded import ThreadedFiles

__all__ = ["WebdavFiles"]

_LOOKS_S = (0.0, 0.002, 0.02)
"""Seconds before each look at a file that does not seem to be there, and before each request
that a server had failed to answer: many fail when a file goes while they look at it."""

_TRIES = 5
"""Times that a folder is made which others keep removing."""

_PROPERTIES = (
    b'<?xml version="1.0"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/>'
    b"</prop></propfind>"
)

_ABSENT = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)

_NO_FILE = (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED)
"""What servers answer to a GET of a folder, among other things."""

_THERE = (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.CONFLICT, HTTPStatus.MOVED_PERMANENTLY)
"""What servers answer to making a folder that is there."""

_BEYOND = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE


class WebdavFiles(ThreadedFiles):
    """The files of a WebDAV server."""

    def is_alive(self, error: Exception) -> bool:
        """Whether the client can still be used: it makes new connections by itself."""
        return isinstance(error, StatusError)

    def end_client(self, fs: Any) -> None:
        """Close the connections."""
        fs.client.http.close()

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

        def delete(fs: Any) -> None:
            # Of a folder, everything in it would be deleted.
            if _size(fs, path) is not None:
                _delete(fs, path)

        await self.do(delete)

    async def size(self, path: str) -> int | None:
        """Return the number of bytes of a file, None where there is none."""
        return await self.do(_size, path)

    async def list_page(self, page: Folder) -> tuple[list[str], list[Any]]:
        """List a folder."""
        paths, folders = in_folder(page, await self.do(_entries, page.path))
        return paths, list(folders)

    async def remove_folder(self, path: str) -> None:
        """Remove a folder if it is empty: DELETE would remove what is in it."""

        def remove(fs: Any) -> None:
            if not _entries(fs, path):
                _asked(fs, "DELETE", path + "/", *_ABSENT)

        await self.do(remove)


def _url(fs: Any, path: str) -> str:
    """Return the url of a path, with every reserved character escaped."""
    return str(fs.client.base_url).rstrip("/") + quote(path)


def _asked(fs: Any, method: str, path: str, *allowed: int, **request: Any) -> Any:
    """Send a request.

    Returns:
        The response: a success or one of the allowed statuses.

    Raises:
        StatusError: Any other status.
    """
    for pause_s in _LOOKS_S:
        time.sleep(pause_s)
        response = fs.client.http.request(method, _url(fs, path), **request)
        if response.is_success or response.status_code in allowed:
            return response
        if response.status_code != HTTPStatus.INTERNAL_SERVER_ERROR:
            break
    raise StatusError(response.status_code, response.reason_phrase)


def _read(fs: Any, path: str, start: int, stop: int | None) -> bytes | None:
    """Return a part of a file, None where there is none."""
    if stop is not None and stop <= max(start, 0):
        return None if _size(fs, path) is None else b""
    headers = {"Accept-Encoding": "identity"}
    if start < 0:
        headers["Range"] = f"bytes={start}"
    elif start or stop is not None:
        headers["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
    response = _found(fs, "GET", path, _BEYOND, *_NO_FILE, headers=headers)
    if response is None:
        return None
    status = response.status_code
    if status in (HTTPStatus.PARTIAL_CONTENT, _BEYOND):
        return b"" if status == _BEYOND else bytes(response.content)
    if status in _NO_FILE and _size(fs, path) is None:
        return None
    if status != HTTPStatus.OK:
        raise StatusError(status, response.reason_phrase)
    return bytes(response.content[start:stop])


def _found(fs: Any, method: str, path: str, *allowed: int, **request: Any) -> Any:
    """Send a request about a file, again where there seems to be none.

    Returns:
        The response; None where there still is no file.
    """
    for pause_s in _LOOKS_S:
        time.sleep(pause_s)
        response = _asked(fs, method, path, *_ABSENT, *allowed, **request)
        if response.status_code not in _ABSENT:
            return response
    return None


def _write(fs: Any, path: str, data: bytes) -> None:
    """Write a temporary file, and move it to its place."""
    temporary = temporary_beside(path)
    missing = (HTTPStatus.CONFLICT, *_ABSENT)
    for attempt in range(_TRIES):
        allowed = missing if attempt < _TRIES - 1 else ()
        if _asked(fs, "PUT", temporary, *allowed, content=data).is_success:
            break
        _make_folder(fs, parent_of(path))
    try:
        _moved(fs, temporary, path)
    except StatusError:
        _delete(fs, temporary)
        raise


def _moved(fs: Any, temporary: str, path: str) -> None:
    """Move a file to its place; others may be moving theirs to the same.

    Raises:
        StatusError: There is a folder that is not empty, or the server fails.
    """
    taken = (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.INTERNAL_SERVER_ERROR)
    overwrite = "F"
    for attempt in range(_TRIES):
        headers = {"Destination": _url(fs, path), "Overwrite": overwrite}
        allowed = (*taken, *_ABSENT) if attempt < _TRIES - 1 else ()
        status = _asked(fs, "MOVE", temporary, *allowed, headers=headers).status_code
        if status not in allowed:
            return
        # A folder would be replaced with all that is in it.
        if overwrite == "F" and _has_file(fs, path):
            raise StatusError(HTTPStatus.CONFLICT, "a folder has this name")
        overwrite = "T"
        time.sleep(_LOOKS_S[1] * attempt)


def _has_file(fs: Any, path: str) -> bool:
    """Whether there is a file in a folder, or in the folders in it."""
    return any(not is_folder or _has_file(fs, entry) for entry, is_folder in _entries(fs, path))


def _make_folder(fs: Any, path: str) -> None:
    """Make a folder and those that it is in; whether it is there shows when it is used."""
    parts = path.strip("/").split("/")
    for i in range(1, len(parts) + 1):
        _asked(fs, "MKCOL", "/" + "/".join(parts[:i]) + "/", *_THERE)


def _delete(fs: Any, path: str) -> None:
    """Delete a file; one that is absent is no error."""
    _asked(fs, "DELETE", path, *_ABSENT)


def _size(fs: Any, path: str) -> int | None:
    """Return the number of bytes of a file, None where there is none."""
    headers = {"Depth": "0", "Content-Type": "application/xml"}
    response = _found(fs, "PROPFIND", path, headers=headers, content=_PROPERTIES)
    if response is None:
        return None
    for found in _multistatus(response).values():
        if not found.properties.collection:
            return int(found.properties.content_length or 0)
    return None


def _entries(fs: Any, path: str) -> list[tuple[str, bool]]:
    """Return paths in a folder and whether each is a folder."""
    headers = {"Depth": "1", "Content-Type": "application/xml"}
    folder = path.rstrip("/") + "/"
    response = _asked(fs, "PROPFIND", folder, *_ABSENT, headers=headers, content=_PROPERTIES)
    if response.status_code in _ABSENT:
        return []
    base = unquote(urlsplit(_url(fs, "")).path)
    found = []
    for entry in _multistatus(response).values():
        name = unquote(urlsplit(entry.href).path)[len(base) :].rstrip("/")
        if name and name != path.rstrip("/"):
            found.append((name, bool(entry.properties.collection)))
    return found


def _multistatus(response: Any) -> dict[str, Any]:
    """Return the parts of a response about several files.

    Raises:
        StatusError: It is none.
    """
    if response.status_code != HTTPStatus.MULTI_STATUS:
        raise StatusError(response.status_code, "instead of 207, which WebDAV answers")
    return dict(parse_multistatus_response(response).responses)
