"""An HTTP server on loopback that answers every request with the status it is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Self

from zarr_backends_compliance.services._loop_thread import LoopThread

__all__ = ["HttpFaults", "start"]

HOST = "127.0.0.1"

HEAD_NBYTES = 64 * 1024
"""Longest head of a request, in bytes; a connection with a longer one is closed."""

BACKLOG = 512
"""Connections that may wait to be accepted."""

_BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}


class HttpFaults:
    """A server on a free port whose answer never depends on the question.

    It listens from construction until `close`; as a context manager it closes itself. What
    it answers may be changed at any time. A request's body is read and thrown away, and
    connections are kept alive, so that clients see the status and no other failure.

    Args:
        status: HTTP status of every answer.
        headers: Headers of every answer, such as ``{"Retry-After": "0"}``.
        body: Body of every answer.
        replies: Statuses of the first answers; the last one stays.

    >>> from urllib.request import urlopen
    >>> with HttpFaults(200, body=b"fine") as http:
    ...     urlopen(http.url + "/any/path").read(), http.nrequests
    (b'fine', 1)
    """

    status: int
    """HTTP status of the answers while `replies` is empty."""

    headers: dict[str, str]
    """Headers of the answers, beside ``Content-Length``."""

    body: bytes
    """Body of the answers."""

    replies: list[int]
    """Statuses of the next answers, used up from the front; the last one stays."""

    def __init__(
        self,
        status: int = 500,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        replies: Iterable[int] = (),
    ) -> None:
        """Listen; see the class."""
        self.status = status
        self.headers = dict(headers or {})
        self.body = body
        self.replies = list(replies)
        self._requests: list[str] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._thread = LoopThread("HttpFaults")
        self._server = self._thread.run(
            asyncio.start_server(self._serve, HOST, 0, limit=HEAD_NBYTES, backlog=BACKLOG)
        )
        self._port: int = self._server.sockets[0].getsockname()[1]

    def __enter__(self) -> Self:
        """Return the server itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the server."""
        self.close()

    def __repr__(self) -> str:
        """Return where it listens, and what it answers."""
        return f"<HttpFaults {self.url}: {self.replies or self.status}>"

    @property
    def host(self) -> str:
        """Address that the server listens on."""
        return HOST

    @property
    def port(self) -> int:
        """Port that the server listens on."""
        return self._port

    @property
    def url(self) -> str:
        """URL of the server, without a slash at its end."""
        return f"http://{HOST}:{self._port}"

    @property
    def requests(self) -> list[str]:
        """Method and target of each request so far, such as ``"GET /a?b=1"``; a copy."""
        return list(self._requests)

    @property
    def nrequests(self) -> int:
        """How many requests have come."""
        return len(self._requests)

    def close(self) -> None:
        """Close the listener and all connections; a second call does nothing."""
        if self._thread.running:
            self._thread.run(self._close())
            self._thread.close()

    # --- In the loop's thread -----------------------------------------------------------

    async def _close(self) -> None:
        self._server.close()
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.ensure_future(self._converse(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)
        connection.add_done_callback(lambda _: writer.transport.abort())

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after the other until the client has had enough."""
        with contextlib.suppress(OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            alive = True
            while alive:
                method, alive = await self._read_request(reader, writer)
                writer.write(self._answer(method, alive=alive))
                await writer.drain()
            writer.close()
            await writer.wait_closed()

    async def _read_request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, bool]:
        """Read a request to its end.

        Returns:
            Its method, and whether the client wants to go on.
        """
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request, *lines = head.split("\r\n")
        method, target, _ = request.split(" ", 2)
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip().lower() for name, _, value in pairs}
        if headers.get("expect") == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await _skip_body(reader, headers)
        self._requests.append(f"{method} {target}")
        return method, headers.get("connection") != "close"

    def _answer(self, method: str, *, alive: bool) -> bytes:
        status = self._next_status()
        body = b"" if status in _BODILESS else self.body
        headers = {"Content-Length": str(len(body)), **self.headers}
        if status in _BODILESS:
            del headers["Content-Length"]
        if not alive:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {status} {_phrase(status)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return head if method == "HEAD" else head + body

    def _next_status(self) -> int:
        if len(self.replies) > 1:
            return self.replies.pop(0)
        return self.replies[0] if self.replies else self.status


def start(
    status: int = 500,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    replies: Iterable[int] = (),
) -> HttpFaults:
    """Return a server; the same as `HttpFaults`, by the name that all services have."""
    return HttpFaults(status, headers, body, replies)


async def _skip_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> None:
    """Read the body of a request, plain or in chunks, and throw it away.

    Source: RFC 9112, sections 6.2 and 7.1.
    """
    if headers.get("transfer-encoding") != "chunked":
        await _skip(reader, int(headers.get("content-length", "0")))
        return
    nbytes = -1
    while nbytes != 0:
        nbytes = int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16)
        await _skip(reader, nbytes)
        await reader.readuntil(b"\r\n")


async def _skip(reader: asyncio.StreamReader, nbytes: int) -> None:
    """Read some bytes in pieces, so that no request is ever held as a whole."""
    while nbytes > 0:
        piece = await reader.read(min(nbytes, HEAD_NBYTES))
        if not piece:
            raise EOFError
        nbytes -= len(piece)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
