"""A backend that is right, over a network: the keys of `NetworkServer`, by HTTP.

The mutants of what can go wrong between a backend and its server differ from it by one
fault each. It makes no retries, since whoever calls can tell by an error's ``transient``
whether one helps. Three things have to be seen to:

* A call ends in time. The time-out of a socket is one for each piece that arrives, so a
  server that drips would never run into it; the socket here has a deadline for the call.
* A connection is for one thread of one process, is dropped after any failure, and the next
  call makes a new one.
* Whatever goes wrong becomes an error of ours at one place, `_exchange`.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, ClassVar, NamedTuple, Self, cast
from urllib.parse import quote, urlsplit

from zarr_backends import (
    BackendError,
    BackendTimeoutError,
    Buffer,
    ConfigurationError,
    ConflictError,
    KeyValueBackend,
    NetworkError,
    PermissionDeniedError,
    StorageFullError,
    Transform,
    contiguous_view,
)

__all__ = ["DeadlineSocket", "NetworkReference", "Reply"]

_ERRORS: Mapping[int, type[BackendError]] = {
    401: PermissionDeniedError,
    403: PermissionDeniedError,
    412: ConflictError,
    413: StorageFullError,
    504: BackendTimeoutError,
    507: StorageFullError,
}
"""What a status stands for; other ones are a `BackendError`."""

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which a retry can help."""

_UPDATES = 1000
"""How often an update begins anew before it gives up."""


class Reply(NamedTuple):
    """An answer of the server."""

    status: int
    body: bytes
    etag: str
    nbytes: int
    """What ``Content-Length`` says."""


class DeadlineSocket(socket.socket):
    """A socket on which everything together has to be done by a point in time."""

    deadline = 0.0

    def recv_into(self, *arguments: Any, **keywords: Any) -> int:
        """Receive, for as long as there is time."""
        self._hurry()
        return super().recv_into(*arguments, **keywords)

    def sendall(self, *arguments: Any, **keywords: Any) -> None:
        """Send, for as long as there is time."""
        self._hurry()
        super().sendall(*arguments, **keywords)

    def _hurry(self) -> None:
        """Set the time-out to what is left."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            message = "the time for this call is over"
            raise TimeoutError(message)
        self.settimeout(left)


class NetworkReference(KeyValueBackend):
    """Keeps values on a `NetworkServer`."""

    backend_id: ClassVar[str] = "network_reference"

    def connect(
        self, *, url: str, prefix: str = "", token: str = "", timeout_s: float = 30.0
    ) -> None:
        """Take the address; the first call connects.

        Args:
            url: Address of the server.
            prefix: What the keys of this place begin with on the server.
            token: What the server knows its clients by.
            timeout_s: Seconds that a request may take, whatever happens.

        Raises:
            ConfigurationError: An option is of a wrong type or impossible.
        """
        for name, value in (("url", url), ("prefix", prefix), ("token", token)):
            if not isinstance(value, str) or not value.isprintable():
                message = f"{name} must be printable text"
                raise ConfigurationError(message, backend=self.backend_id, option=name)
        if not isinstance(timeout_s, int | float) or not 0 < timeout_s < float("inf"):
            message = "timeout_s must be a number of seconds above zero"
            raise ConfigurationError(message, backend=self.backend_id, option="timeout_s")
        self._host = urlsplit(url).netloc.rpartition("@")[2]
        self._prefix = f"{prefix}/" if prefix else ""
        self._token = token
        self._timeout_s = timeout_s
        self._connections: dict[tuple[int, int], HTTPConnection] = {}

    # --- Values ---------------------------------------------------------------------

    def get(self, key: str) -> Buffer | None:
        """Return a value, None where there is none."""
        reply = self._exchange("GET", self._path(key), allowed=(200, 404))
        return None if reply.status == HTTPStatus.NOT_FOUND else reply.body

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return ``value[start:stop]``, cut by the server."""
        if stop is not None and (stop <= start or stop < 0 or start < 0):
            nbytes = self.size(key)
            first, last, _ = slice(start, stop).indices(nbytes or 0)
            return (
                None
                if nbytes is None
                else self.get_range(key, first, last)
                if last > first
                else b""
            )
        spec = f"{start}-{'' if stop is None else stop - 1}" if start >= 0 else str(start)
        reply = self._exchange(
            "GET", self._path(key), {"Range": f"bytes={spec}"}, allowed=(206, 404, 416)
        )
        if reply.status == HTTPStatus.PARTIAL_CONTENT:
            return reply.body
        return None if reply.status == HTTPStatus.NOT_FOUND else b""

    def size(self, key: str) -> int | None:
        """Return the length of a value, None where there is none."""
        reply = self._exchange("HEAD", self._path(key), allowed=(200, 404))
        return None if reply.status == HTTPStatus.NOT_FOUND else reply.nbytes

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value."""
        self._exchange("PUT", self._path(key), body=contiguous_view(value))

    def delete(self, key: str) -> None:
        """Delete a value."""
        self._exchange("DELETE", self._path(key))

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that start with `prefix`, a page at a time."""
        page: dict[str, Any] = {"keys": [""], "last": False}
        while not page["last"]:
            page = self._page(prefix, page["keys"][-1])
            yield from (key.removeprefix(self._prefix) for key in page["keys"])

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists; return whether it was set."""
        return self._try_set(key, contiguous_view(value), {"If-None-Match": "*"})

    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)``; begin anew where another writer was faster.

        Raises:
            ConflictError: Others were faster every time.
        """
        for _ in range(_UPDATES):
            reply = self._exchange("GET", self._path(key), allowed=(200, 404))
            absent = reply.status == HTTPStatus.NOT_FOUND
            value = transform(None if absent else reply.body)
            if value is None and absent:
                return
            condition = {"If-None-Match": "*"} if absent else {"If-Match": reply.etag}
            if self._try_set(key, None if value is None else contiguous_view(value), condition):
                return
        message = f"{key!r} was changed by others {_UPDATES} times in a row"
        raise ConflictError(message, backend=self.backend_id, key=key)

    def _try_set(self, key: str, value: memoryview | None, condition: Mapping[str, str]) -> bool:
        """Set or delete a value on a condition; return whether it was done."""
        method = "DELETE" if value is None else "PUT"
        reply = self._exchange(method, self._path(key), condition, value, allowed=(204, 412))
        return reply.status == HTTPStatus.NO_CONTENT

    def _page(self, prefix: str, after: str) -> dict[str, Any]:
        """Return a page of a listing.

        Raises:
            BackendError: The answer is none.
        """
        query = {"prefix": self._prefix + prefix, "after": after}
        text = "&".join(f"{name}={_quoted(value)}" for name, value in query.items())
        reply = self._exchange("GET", f"/list?{text}", allowed=(200,))
        try:
            page = json.loads(reply.body)
            return {"keys": [str(key) for key in page["keys"]], "last": bool(page["last"])}
        except (ValueError, KeyError, TypeError) as error:
            message = f"{self!r}: the server's listing is none"
            raise BackendError(message, backend=self.backend_id) from error

    def _path(self, key: str) -> str:
        """Return where the server has a key."""
        return f"/v/{_quoted(self._prefix + key)}"

    # --- Requests -------------------------------------------------------------------

    def _exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: memoryview | None = None,
        *,
        allowed: tuple[int, ...] = (204,),
    ) -> Reply:
        """Make a request; whatever goes wrong is an error of ours.

        Returns:
            An answer with one of the statuses that are allowed.

        Raises:
            BackendTimeoutError: It takes too long.
            NetworkError: The connection is refused or lost.
            BackendError: The server answers with a status that was not allowed for.
        """
        try:
            reply = self._request(method, path, headers or {}, body)
        except TimeoutError as error:
            message = f"{self!r} did not answer within {self._timeout_s:g} s"
            raise BackendTimeoutError(message, backend=self.backend_id) from error
        except (OSError, HTTPException) as error:
            message = f"{self!r}: the connection was lost ({type(error).__name__})"
            raise NetworkError(message, backend=self.backend_id) from error
        if reply.status in allowed:
            return reply
        raise self._error_of(reply)

    def _error_of(self, reply: Reply) -> BackendError:
        """Return the error that an answer stands for."""
        message = f"{self!r} answered with status {reply.status}"
        kind = _ERRORS.get(reply.status, BackendError)
        return kind(message, backend=self.backend_id, transient=self._may_pass(reply.status))

    def _may_pass(self, status: int) -> bool:
        """Whether a retry can help after a status."""
        return status in _PASSING or status == HTTPStatus.PRECONDITION_FAILED

    def _request(
        self, method: str, path: str, headers: Mapping[str, str], body: memoryview | None
    ) -> Reply:
        """Make a request on this thread's connection, which ends with any failure."""
        deadline = time.monotonic() + self._timeout_s
        user = os.getpid(), threading.get_ident()
        connection = self._connections.pop(user, None) or self._connected(deadline)
        try:
            cast("DeadlineSocket", connection.sock).deadline = deadline
            connection.request(
                method, path, body, {"Authorization": f"Bearer {self._token}", **headers}
            )
            reply = self._reply_of(connection.getresponse())
        except BaseException:
            connection.close()
            raise
        self._keep(user, connection)
        return reply

    def _keep(self, user: tuple[int, int], connection: HTTPConnection) -> None:
        """Keep a connection for the next request, unless the server has closed it."""
        if connection.sock is not None:
            self._connections[user] = connection

    def _reply_of(self, response: HTTPResponse) -> Reply:
        """Read an answer to its end.

        Returns:
            The answer, whole.

        Raises:
            HTTPException: It is not one of our server.
        """
        body = response.read()
        nbytes = response.getheader("Content-Length", "")
        if not nbytes.isdigit() and response.status != HTTPStatus.NO_CONTENT:
            message = "a head that ends before the length of the body"
            raise HTTPException(message)
        etag = response.getheader("ETag", "")
        return Reply(response.status, body, etag, int(nbytes or 0))

    def _connected(self, deadline: float) -> HTTPConnection:
        """Return a new connection whose socket knows deadlines."""
        connection = HTTPConnection(self._host, timeout=max(0.001, deadline - time.monotonic()))
        connection.connect()
        connection.sock = DeadlineSocket(fileno=connection.sock.detach())
        return connection

    # --- Life -----------------------------------------------------------------------

    def close(self) -> None:
        """Close the connections; a later call connects again."""
        for process, thread in list(self._connections):
            if process == os.getpid():  # those of a parent are not ours to touch
                self._connections.pop((process, thread)).close()

    def __enter__(self) -> Self:
        """Return the instance itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def __repr__(self) -> str:
        """Show the place."""
        return f"<{type(self).__name__} {self._host} prefix={self._prefix.rstrip('/')!r}>"


def _quoted(text: str) -> str:
    """Return text as a part of a url."""
    return quote(text, safe="", errors="surrogatepass")
