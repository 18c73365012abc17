"""Connections on which everything together has to be done by a point in time.

The time-outs of httpx are for each piece that is sent or received, so that a server which
drips would never run into one. Here every step of a call takes what is left for the call.
Only the system's look-up of a host name cannot be interrupted.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore

__all__ = ["DeadlineBackend", "within"]

_PIECE = 65_536
"""Bytes that are sent in one step."""


class _Deadline(threading.local):
    """When the call of this thread has to be over."""

    at: float = float("inf")


_deadline = _Deadline()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let what is inside take so long, and no longer than what it is inside of.

    Args:
        seconds: Time for everything together.

    Yields:
        Nothing.
    """
    before = _deadline.at
    _deadline.at = min(before, time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.at = before


class DeadlineBackend(httpcore.NetworkBackend):
    """Makes connections that keep to the deadline of whoever uses them."""

    def __init__(self) -> None:
        """Prepare; nothing is connected."""
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of a host that answers.

        Returns:
            A connection that keeps to deadlines.

        Raises:
            ConnectError: No address does.
        """
        failure: httpcore.ConnectError | None = None
        for address in _addresses(host, port):
            left = _left(timeout, httpcore.ConnectTimeout)
            try:
                stream = self._inner.connect_tcp(address, port, left, local_address, socket_options)
            except httpcore.ConnectError as error:
                failure = error
            else:
                return _DeadlineStream(stream)
        raise failure or httpcore.ConnectError(f"{host} has no address")

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class _DeadlineStream(httpcore.NetworkStream):
    """A connection."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        view = memoryview(buffer)
        for start in range(0, len(view), _PIECE):
            piece: Any = view[start : start + _PIECE]
            self._inner.write(piece, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(timeout: float | None, over: type[Exception]) -> float:
    """Return how long a step may take.

    Raises:
        Exception: There is no time left; of the class `over`.
    """
    left = min(_deadline.at - time.monotonic(), float("inf") if timeout is None else timeout)
    if left <= 0:
        message = "the time for this call is over"
        raise over(message)
    return min(left, threading.TIMEOUT_MAX)


def _addresses(host: str, port: int) -> list[str]:
    """Return the addresses of a host.

    Raises:
        ConnectError: It has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
