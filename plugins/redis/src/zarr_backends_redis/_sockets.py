"""Connections of redis-py over sockets that keep the deadline of the call that uses them.

A socket's own time-out begins anew with every byte that arrives; here it never reaches
beyond the deadline. Names are looked up in a thread of their own, as nothing else ends that.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from typing import Any

from redis.connection import Connection, SSLConnection

from zarr_backends_redis._deadlines import current_deadline

__all__ = ["PlainConnection", "TlsConnection"]


class PlainConnection(Connection):
    """A connection without encryption."""

    def _connect(self) -> Any:
        """Return a socket."""
        return _LimitedSocket(_connected(self.host, self.port))


class TlsConnection(SSLConnection):
    """A connection with TLS."""

    def _connect(self) -> Any:
        """Return a socket after the handshake."""
        plain = _connected(self.host, self.port)
        try:
            return _LimitedSocket(self._wrap_socket_with_ssl(plain))  # type: ignore[no-untyped-call]  # the library's
        except BaseException:
            plain.close()
            raise


class _LimitedSocket:
    """A socket whose calls end with the current deadline.

    Args:
        wrapped: What does the work.
    """

    def __init__(self, wrapped: socket.socket) -> None:
        """Take the socket over."""
        self._socket = wrapped
        self._timeout_s = wrapped.gettimeout()

    def settimeout(self, value: float | None) -> None:
        """Set what is waited at most at a time, in seconds."""
        self._timeout_s = value

    def sendall(self, data: Any) -> None:
        """Send everything."""
        self._limit()
        self._socket.sendall(data)

    def recv(self, nbytes: int) -> bytes:
        """Return what has arrived, after waiting for some."""
        self._limit()
        return self._socket.recv(nbytes)

    def recv_into(self, buffer: Any) -> int:
        """Take what has arrived, after waiting for some."""
        self._limit()
        return self._socket.recv_into(buffer)

    def _limit(self) -> None:
        """Let the next call wait no longer than it may."""
        deadline = current_deadline()
        limits = [] if deadline is None else [_left_s()]
        if self._timeout_s is not None:
            limits.append(self._timeout_s)
        self._socket.settimeout(min(limits, default=None))

    def __getattr__(self, name: str) -> Any:
        """Pass everything else on."""
        return getattr(self._socket, name)


def _connected(host: str, port: int) -> socket.socket:
    """Return a connected socket, of the first address of a host that answers.

    Raises:
        OSError: None does.
    """
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in _addresses(host, port):
        one = socket.socket(family, kind, protocol)
        try:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            one.settimeout(_left_s())
            one.connect(address)
            one.settimeout(_left_s())
        except OSError as error:
            one.close()
            failure = error
        except BaseException:
            one.close()
            raise
        else:
            return one
    raise failure


def _addresses(host: str, port: int) -> list[Any]:
    """Return the addresses of a host, as ``getaddrinfo`` does.

    Raises:
        OSError: It is not known.
        TimeoutError: Looking it up takes too long.
    """
    found: list[Any] = []

    def look_up() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
        except OSError as error:
            found.append(error)

    if _is_number(host):
        look_up()
    else:
        thread = threading.Thread(target=look_up, name="zarr-backends-redis-lookup", daemon=True)
        thread.start()
        thread.join(_left_s())
    if not found:
        message = f"looking up {host} took too long"
        raise TimeoutError(message)
    if isinstance(found[0], OSError):
        raise found[0]
    return list(found[0])


def _left_s() -> float:
    """Return the seconds that are left.

    Raises:
        TimeoutError: None are.
    """
    deadline = current_deadline()
    left_s = 1.0 if deadline is None else deadline.remaining_s
    if left_s == 0:
        message = "the time of the call is over"
        raise TimeoutError(message)
    return left_s


def _is_number(host: str) -> bool:
    """Whether a host is an address already."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
