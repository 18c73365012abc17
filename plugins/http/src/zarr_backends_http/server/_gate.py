"""What every request passes: the key, read-only service, counting, logging, the last errors."""

from __future__ import annotations

import hmac
import logging
import re
import time
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zarr_backends_http._protocol import PROTOCOL_HEADER, PROTOCOL_VERSION
from zarr_backends_http.server._metrics import Metrics
from zarr_backends_http.server._problems import ProblemError, response_of

__all__ = ["Gate"]

_LOG = logging.getLogger("zarr_backends_http.access")

_OPEN = frozenset({"/health", "/openapi.json"})
"""Paths that need no key: they tell nothing of what is stored."""

_ARRAY = re.compile(r"/arrays/[^/]+(?:/([a-z]+))?(/.)?")
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_WRITES = frozenset({"DELETE", "PATCH", "PUT"})

_HEADERS = [
    (PROTOCOL_HEADER.lower().encode(), PROTOCOL_VERSION.encode()),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]
"""Headers of every answer. Nothing on the way may keep one: values change."""


class Gate:
    """An application round another."""

    def __init__(
        self, app: ASGIApp, *, api_key: str | None, read_only: bool, metrics: Metrics
    ) -> None:
        """Take the application, and what is asked of a request before it gets there."""
        self._app = app
        self._key = None if api_key is None else f"Bearer {api_key}".encode()
        self._read_only = read_only
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Routes see the path as it was sent, so that %2F is no slash.
        raw = scope.get("raw_path") or scope["path"].encode()
        scope["path"] = raw.partition(b"?")[0].decode("latin-1")
        call = _Call(scope, receive, send)
        started = time.perf_counter()
        self._metrics.in_flight += 1
        try:
            await self._answer(scope, call)
        finally:
            self._metrics.in_flight -= 1
            self._record(scope, call, time.perf_counter() - started)

    async def _answer(self, scope: Scope, call: _Call) -> None:
        """Answer a request, with a problem document where nothing else can be."""
        try:
            self._check(scope)
            await self._app(scope, call.receive, call.send)
        except Exception as error:  # noqa: BLE001  # a request never ends the server
            if call.status == 0:
                await response_of(error)(scope, call.receive, call.send)
            else:
                _LOG.warning("an answer broke off: %s", type(error).__name__)

    def _check(self, scope: Scope) -> None:
        """Refuse requests that have not the key, and those that would change something.

        Raises:
            ProblemError: It is refused.
        """
        if self._key is not None and scope["path"] not in _OPEN:
            given = Headers(scope=scope).get("authorization", "").encode("latin-1")
            scheme, _, token = given.partition(b" ")
            if not hmac.compare_digest(scheme.title() + b" " + token.strip(), self._key):
                text = "the request has no key, or a wrong one"
                raise ProblemError(text, "unauthorized", 401, {"WWW-Authenticate": "Bearer"})
        if self._read_only and scope["method"] in _WRITES:
            text = "this server changes nothing"
            raise ProblemError(text, "read-only", 403)

    def _record(self, scope: Scope, call: _Call, seconds: float) -> None:
        """Count and log a request; its path is percent-encoded and holds no secret."""
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = _route_of(scope["path"])
        self._metrics.count(
            method, route, call.status, seconds=seconds, received=call.received, sent=call.sent
        )
        _LOG.info(
            "%s %.500s %d, %d bytes in, %d out, %.1f ms",
            *(method, scope["path"], call.status, call.received, call.sent, seconds * 1000),
        )


class _Call:
    """One request on its way, and what is counted of it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.is_head = scope["method"] == "HEAD"
        self.status = 0
        self.received = self.sent = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self.received += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers: list[Any] = [*message.get("headers", ()), *_HEADERS]
            message = {**message, "headers": headers}
        elif not self.is_head:
            self.sent += len(message.get("body", b""))
        await self._send(message)


def _route_of(path: str) -> str:
    """Return the kind of a path, of which there are few."""
    if path in ("/health", "/metrics", "/openapi.json"):
        return path
    match = _ARRAY.match(path)
    if match is None:
        return "other"
    kind = match[1] if match[1] in ("chunks", "keys", "metadata", "names", "read") else ""
    return "/arrays/{array_id}" + (f"/{kind}" if kind else "") + ("/{name}" if match[2] else "")
