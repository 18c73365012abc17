"""A key-value server over HTTP for the backends that need one, in this process.

=======  ==================  =========================================================
method   target              answer
=======  ==================  =========================================================
GET      /v/KEY              200 or 206 (``Range``) with the value and its ``ETag``, 404, 416
HEAD     /v/KEY              the same without the value
PUT      /v/KEY              204, or 412 where ``If-Match`` or ``If-None-Match: *`` fail
DELETE   /v/KEY              204, also where there is nothing; 412
GET      /list?prefix=...    200, JSON: a page of keys after ``after``, and whether it is the last
=======  ==================  =========================================================

Every request needs ``Authorization: Bearer TOKEN``, else the answer is 401. What a request
has to say about a value comes whole or not at all: a broken request changes nothing.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from bisect import bisect_right
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["NetworkServer"]

PAGE = 100
"""Keys in one answer of a listing."""

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class _Entry(NamedTuple):
    """A value and its version."""

    value: bytes
    etag: str


class NetworkServer:
    """The server; it listens from construction until `close`, or in a ``with`` block.

    >>> with NetworkServer() as server:
    ...     server.url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(self) -> None:
        """Listen on a free port of the loopback."""
        self.token = secrets.token_hex(16)
        self.lock = threading.Lock()
        self.entries: dict[str, _Entry] = {}
        self._versions = count(1)
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.store = self
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.05,), name="NetworkServer", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def page(self, prefix: str, after: str) -> dict[str, Any]:
        """Return some keys with a prefix, in order, after one that was returned before."""
        with self.lock:
            keys = sorted(key for key in self.entries if key.startswith(prefix))
        start = bisect_right(keys, after) if after else 0
        return {"keys": keys[start : start + PAGE], "last": start + PAGE >= len(keys)}

    def replace(self, key: str, value: bytes | None) -> str:
        """Set or delete a value, with the lock held; return the new version."""
        if value is None:
            self.entries.pop(key, None)
            return ""
        etag = f'"{next(self._versions)}"'
        self.entries[key] = _Entry(value, etag)
        return etag

    def close(self) -> None:
        """Stop; a second call does nothing."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        """Return the server itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()


class _Server(ThreadingHTTPServer):
    """An HTTP server that knows its store."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    store: NetworkServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that vanish are what it is for."""


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60
    server: _Server

    def log_message(self, *_: Any) -> None:
        """Write no log."""

    def do_GET(self) -> None:
        """Answer with a value, or a page of keys."""
        url = urlsplit(self.path)
        if not self._is_allowed():
            return
        if url.path == "/list":
            query = {name: values[0] for name, values in _query_of(url.query).items()}
            page = self.server.store.page(query.get("prefix", ""), query.get("after", ""))
            self._answer(HTTPStatus.OK, json.dumps(page).encode())
            return
        entry = self.server.store.entries.get(self._key())
        if entry is None:
            self._answer(HTTPStatus.NOT_FOUND)
            return
        self._answer_value(entry)

    do_HEAD = do_GET  # noqa: N815  # named by the base class

    def do_PUT(self) -> None:
        """Take a value."""
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
        elif self._is_allowed():
            self._replace(body)

    def do_DELETE(self) -> None:
        """Forget a value."""
        if self._is_allowed():
            self._replace(None)

    def _replace(self, value: bytes | None) -> None:
        """Change a value if the conditions of the request hold."""
        store, key = self.server.store, self._key()
        with store.lock:
            entry = store.entries.get(key)
            wanted, etag = self.headers.get("If-Match"), entry.etag if entry else None
            holds = wanted in (None, etag) and not (self.headers.get("If-None-Match") and entry)
            new = store.replace(key, value) if holds else ""
        status = HTTPStatus.NO_CONTENT if holds else HTTPStatus.PRECONDITION_FAILED
        self._answer(status, etag=new)

    def _answer_value(self, entry: _Entry) -> None:
        """Answer with a value or the range of it that was asked for."""
        match = _RANGE.fullmatch(self.headers.get("Range", ""))
        if match is None:
            self._answer(HTTPStatus.OK, entry.value, entry.etag)
            return
        nbytes = len(entry.value)
        start = int(match[1]) if match[1] else max(0, nbytes - int(match[2]))
        stop = int(match[2]) + 1 if match[1] and match[2] else nbytes
        if start >= nbytes:
            self._answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, etag=entry.etag)
            return
        self._answer(HTTPStatus.PARTIAL_CONTENT, entry.value[start:stop], entry.etag)

    def _is_allowed(self) -> bool:
        """Whether the request has the token; answered if not."""
        allowed = self.headers.get("Authorization") == f"Bearer {self.server.store.token}"
        if not allowed:
            self._answer(HTTPStatus.UNAUTHORIZED)
        return allowed

    def _key(self) -> str:
        """Return the key that the request is about."""
        path = urlsplit(self.path).path
        return unquote(path.removeprefix("/v/"), errors="surrogatepass")

    def _answer(self, status: HTTPStatus, body: bytes = b"", etag: str = "") -> None:
        """Send an answer in one piece."""
        self.send_response(status)
        if etag:
            self.send_header("ETag", etag)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _query_of(text: str) -> dict[str, list[str]]:
    """Return the parameters of a query."""
    return parse_qs(text, keep_blank_values=True, errors="surrogatepass")
