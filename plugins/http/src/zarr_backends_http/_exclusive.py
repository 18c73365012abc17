"""Connections that carry one request at a time, over HTTP/2 too.

Several threads on one HTTP/2 connection of httpcore now and then send the numbers of their
streams in the wrong order, upon which servers close it; and a call that runs out of time
takes all others on the connection with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpcore

__all__ = ["ExclusivePool"]


class ExclusivePool(httpcore.ConnectionPool):
    """A pool that lends each connection to one request at a time."""

    def create_connection(self, origin: httpcore.Origin) -> httpcore.ConnectionInterface:
        """Return a connection to a server; its first request connects."""
        return _Exclusive(super().create_connection(origin))


class _Exclusive(httpcore.ConnectionInterface):
    """A connection that is available while nobody has it."""

    def __init__(self, inner: httpcore.ConnectionInterface) -> None:
        self._inner = inner
        self._in_use = threading.Lock()

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        if not self._in_use.acquire(blocking=False):
            # Two were sent here before either had begun: the pool finds another for this one.
            raise httpcore.ConnectionNotAvailable
        try:
            answer = self._inner.handle_request(request)
        except BaseException:
            self._in_use.release()
            raise
        body = _Body(answer.stream, self._in_use.release)
        return httpcore.Response(
            answer.status, headers=answer.headers, content=body, extensions=answer.extensions
        )

    def can_handle_request(self, origin: httpcore.Origin) -> bool:
        return self._inner.can_handle_request(origin)

    def is_available(self) -> bool:
        return not self._in_use.locked() and self._inner.is_available()

    def has_expired(self) -> bool:
        return self._inner.has_expired()

    def is_idle(self) -> bool:
        return not self._in_use.locked() and self._inner.is_idle()

    def is_closed(self) -> bool:
        return self._inner.is_closed()

    def info(self) -> str:
        return self._inner.info()

    def close(self) -> None:
        self._inner.close()


class _Body:
    """The body of an answer; its end is the end of the request."""

    def __init__(self, inner: Any, release: Callable[[], None]) -> None:
        self._inner = inner
        self._release: Callable[[], None] | None = release

    def __iter__(self) -> Iterator[bytes]:
        yield from self._inner

    def close(self) -> None:
        release, self._release = self._release, None
        try:
            self._inner.close()
        finally:
            if release is not None:
                release()
