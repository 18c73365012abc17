"""Requests to one server: each ends in time, and whatever goes wrong is an error of ours."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple
from weakref import finalize

import httpx

from zarr_backends import BackendError, NetworkError
from zarr_backends_http._deadlines import within
from zarr_backends_http._errors import BACKEND_ID, error_of_answer, translated
from zarr_backends_http._options import Settings, tls_of
from zarr_backends_http._protocol import LINES_TYPE, PROTOCOL_HEADER, PROTOCOL_VERSION
from zarr_backends_http._transport import Transport

__all__ = ["NO_HEADERS", "Connection", "Reply"]

NO_HEADERS: Mapping[str, str] = MappingProxyType({})

_PIECE = 262_144
"""Bytes of a body that are handed over at a time."""

_STEP = 65_536
"""Bytes of a listing that may take as long as a request does."""

_SEVERAL = 300
"""Statuses from here on are no success."""


class Reply(NamedTuple):
    """An answer of the server."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def is_missing(self) -> bool:
        """Whether the server says that it has no such thing."""
        return self.status == HTTPStatus.NOT_FOUND


class Connection:
    """A server and the pool of connections to it; one pool a process."""

    def __init__(self, settings: Settings) -> None:
        """Prepare; the first request connects."""
        self.settings = settings
        self.place = settings.base_url
        self._host = httpx.URL(settings.base_url).netloc.decode("ascii")
        self._lock = threading.Lock()
        self._opened: tuple[int, httpx.Client, finalize[..., Any]] | None = None

    def exchange(  # noqa: PLR0913  # by name
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        body: memoryview | None = None,
        allowed: tuple[int, ...] = (204,),
        key: str | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """Make a request.

        Args:
            method: Method.
            path: Path below the base url, quoted.
            headers: Headers beside those of every request.
            body: What to send.
            allowed: Statuses that are no errors.
            key: What the request is about, for errors.
            timeout_s: Seconds for everything together, if less than usual.

        Returns:
            The answer, whole, with one of the statuses that are allowed.

        Raises:
            BackendTimeoutError: It takes too long.
            NetworkError: The connection is refused or lost.
            ZarrBackendsError: What the server's status and problem document stand for.
        """
        limit = min(timeout_s or self.settings.timeout_s, self.settings.timeout_s)
        request = self._request(method, path, headers, body)
        with translated(self.place, limit), within(limit):
            response = self._client().send(request, stream=True)
            try:
                whole = b"".join(response.iter_raw())
            finally:
                response.close()
        if response.status_code not in allowed:
            failure = error_of_answer(self.place, response.status_code, whole, key)
            raise failure
        self._check(response, whole if method != "HEAD" else None)
        return Reply(response.status_code, response.headers, whole)

    def json(self, path: str, **options: Any) -> Any:
        """Return the JSON document at a path.

        Raises:
            BackendError: It is none.
        """
        reply = self.exchange("GET", path, allowed=(200,), **options)
        try:
            return json.loads(reply.body)
        except (ValueError, RecursionError) as error:
            failure = self._no_server("what came back is no JSON")
            raise failure from error

    def lines(self, path: str) -> Iterator[Any]:
        """Yield the values of a listing while it comes in.

        Every 64 KiB of it may take as long as a request does; the caller's time counts not.

        Args:
            path: Path below the base url, quoted.

        Raises:
            ZarrBackendsError: The listing breaks off, or what `exchange` raises.
        """
        request = self._request("GET", path, {"accept": LINES_TYPE}, None)
        limit = self.settings.timeout_s
        with translated(self.place, limit), within(limit):
            response = self._client().send(request, stream=True)
            if response.status_code != HTTPStatus.OK:
                body = response.read()
                response.close()
        if response.status_code != HTTPStatus.OK:
            failure = error_of_answer(self.place, response.status_code, body, None)
            raise failure
        try:
            self._check(response, None)
            if not response.headers.get("content-type", "").startswith(LINES_TYPE):
                failure = self._no_server("what came back is no listing")
                raise failure
            yield from self._values(response, limit)
        finally:
            response.close()

    def _values(self, response: httpx.Response, limit: float) -> Iterator[Any]:
        """Yield the values of a listing up to its last line.

        Raises:
            NetworkError: It has no last line.
        """
        rest = b""
        for piece in self._pieces(response, limit):
            complete, newline, rest = (rest + piece).rpartition(b"\n")
            if newline:
                for value in self._parsed(complete):
                    if isinstance(value, dict):
                        self._end(value)
                        return
                    yield value
        message = f"the listing from {self.place} broke off"
        raise NetworkError(message, backend=BACKEND_ID)

    def _pieces(self, response: httpx.Response, limit: float) -> Iterator[bytes]:
        """Yield what comes in, for as long as there is time for it."""
        source, waited, nbytes = response.iter_raw(), 0.0, 0
        while True:
            started = time.monotonic()
            with translated(self.place, limit), within(limit - waited):
                piece = next(source, None)
            if piece is None:
                return
            waited, nbytes = waited + time.monotonic() - started, nbytes + len(piece)
            if nbytes >= _STEP:
                waited, nbytes = 0.0, 0
            yield piece

    def _parsed(self, lines: bytes) -> list[Any]:
        """Return the values of some lines.

        Raises:
            BackendError: They are none.
        """
        try:
            values = json.loads(b"[" + lines.replace(b"\n", b",") + b"]")
        except (ValueError, RecursionError) as error:
            failure = self._no_server("what came back is no listing")
            raise failure from error
        return list(values)

    def _end(self, last: dict[str, Any]) -> None:
        """Look at the last line of a listing.

        Raises:
            ZarrBackendsError: It says that the listing failed.
        """
        if "error" in last:
            problem = last["error"] if isinstance(last["error"], dict) else {}
            status = problem.get("status")
            status = status if isinstance(status, int) else int(HTTPStatus.INTERNAL_SERVER_ERROR)
            failure = error_of_answer(self.place, status, json.dumps(problem).encode(), None)
            raise failure

    def _request(
        self, method: str, path: str, headers: Mapping[str, str], body: memoryview | None
    ) -> httpx.Request:
        """Return a request; the body is not copied."""
        own = {
            "host": self._host,
            "accept-encoding": "identity",
            **self.settings.headers,
            **headers,
        }
        stream: httpx.SyncByteStream | None = None
        if body is not None:
            own["content-length"] = str(body.nbytes)
            stream = _Pieces(body)
        limit = self.settings.timeout_s
        return httpx.Request(
            method,
            self.settings.base_url + path,
            headers=own,
            stream=stream or httpx.ByteStream(b""),
            extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), limit)},
        )

    def _check(self, response: httpx.Response, body: bytes | None) -> None:
        """Refuse the answer of something that is no server of ours, and half a body.

        Raises:
            BackendError: It is not.
            NetworkError: The body is not as long as announced.
        """
        if response.headers.get(PROTOCOL_HEADER) != PROTOCOL_VERSION:
            failure = self._no_server(f"the answer has no header {PROTOCOL_HEADER}")
            raise failure
        if response.headers.get("content-encoding", "identity") != "identity":
            failure = self._no_server("something on the way compresses values")
            raise failure
        length = response.headers.get("content-length")
        ends = length or "transfer-encoding" in response.headers
        ends = ends or response.http_version == "HTTP/2" or response.status_code in (204, 304)
        if body is not None and (not ends or (length and length != str(len(body)))):
            message = f"the answer from {self.place} broke off"
            raise NetworkError(message, backend=BACKEND_ID)

    def _no_server(self, what: str) -> BackendError:
        """Return the error that says that this is no server of ours."""
        message = f"{self.place} is no server of zarr-backends-http: {what}; is base_url right?"
        return BackendError(message, backend=BACKEND_ID)

    def _client(self) -> httpx.Client:
        """Return this process's connections."""
        opened = self._opened
        if opened is None or opened[0] != os.getpid():
            opened = self._open()
        return opened[1]

    def _open(self) -> tuple[int, httpx.Client, finalize[..., Any]]:
        """Make a pool of connections."""
        with self._lock:
            if self._opened is None or self._opened[0] != os.getpid():
                if self._opened is not None:
                    self._opened[2].detach()  # those of a parent are not ours to close
                is_tls = self.settings.base_url.startswith("https:")
                transport = Transport(tls_of(self.settings.verify) if is_tls else None)
                client = httpx.Client(transport=transport, trust_env=False)
                self._opened = os.getpid(), client, finalize(self, transport.close)
            return self._opened

    def close(self) -> None:
        """Close the connections of this process; a later call connects again."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None and opened[0] == os.getpid():
            opened[2]()
        elif opened is not None:
            opened[2].detach()


class _Pieces(httpx.SyncByteStream):
    """A body that is handed over in pieces."""

    def __init__(self, body: memoryview) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, self._body.nbytes, _PIECE):
            yield bytes(self._body[start : start + _PIECE])
