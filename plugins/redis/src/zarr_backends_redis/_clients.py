"""The connections of this process: one pool for every server, shared by all instances.

Instances with the same settings share a `Clients`; the last one that closes it ends its
connections. A forked child begins with none.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from redis.backoff import NoBackoff
from redis.connection import ConnectionPool
from redis.exceptions import ResponseError
from redis.retry import Retry

from zarr_backends import BackendTimeoutError
from zarr_backends_redis._deadlines import Deadline
from zarr_backends_redis._errors import BACKEND_ID
from zarr_backends_redis._options import Login, Settings
from zarr_backends_redis._sockets import PlainConnection, TlsConnection
from zarr_backends_redis._urls import Address

__all__ = ["Clients", "Command", "leased"]

Command: TypeAlias = tuple[Any, ...]
"""Name and arguments: ``bytes``, ``memoryview``, ``str`` or numbers."""

_NPENDING = 100_000
"""Connections that a pool may hold; what limits them is `Settings.max_concurrency`."""


class Clients:
    """Connections with the same settings.

    Args:
        settings: What servers are reached with.
    """

    def __init__(self, settings: Settings) -> None:
        """Connect to nothing yet."""
        self._settings = settings
        self._places = threading.BoundedSemaphore(settings.max_concurrency)
        self._pools: dict[Address, ConnectionPool] = {}
        self._lock = threading.Lock()

    def exchange(
        self, address: Address, commands: Sequence[Command], deadline: Deadline
    ) -> list[Any]:
        """Send commands in one go and return the replies, errors among them.

        Args:
            address: Of a server.
            commands: What is sent.
            deadline: Of the call, which is the current one.

        Returns:
            One reply for each command.

        Raises:
            BackendTimeoutError: All connections are busy until the end.
        """
        if not self._places.acquire(timeout=deadline.remaining_s):
            count = self._settings.max_concurrency
            message = f"all {count} connections were busy for {deadline.timeout_s:g} s"
            raise BackendTimeoutError(message, backend=BACKEND_ID)
        try:
            return _exchanged(self._pool(address), commands)
        finally:
            self._places.release()

    def ask_sentinel(self, address: Address, *command: str) -> Any:
        """Send one command to a sentinel, on a connection of its own; return the reply."""
        pool = self._new_pool(address, self._settings.sentinel_login, db=0)
        try:
            (reply,) = _exchanged(pool, [command])
        finally:
            pool.disconnect()
        if isinstance(reply, Exception):
            raise reply
        return reply

    def close(self) -> None:
        """End connections that are idle; those in use end when they are let go."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.disconnect(inuse_connections=False)

    def _pool(self, address: Address) -> ConnectionPool:
        """Return the connections to a server."""
        pool = self._pools.get(address)
        if pool is None:
            with self._lock:
                pool = self._pools.get(address)
                if pool is None:
                    settings = self._settings
                    pool = self._new_pool(address, settings.login, settings.place.db)
                    self._pools[address] = pool
        return pool

    def _new_pool(self, address: Address, login: Login, db: int) -> ConnectionPool:
        """Return connections to a server; the library's own retries are off."""
        settings = self._settings
        options: dict[str, Any] = {}
        if settings.place.tls:
            options = {
                "ssl_ca_certs": settings.ca_certificates,
                "ssl_certfile": settings.client_certificate,
                "ssl_keyfile": settings.client_key,
                "ssl_check_hostname": True,
            }
        return ConnectionPool(
            connection_class=TlsConnection if settings.place.tls else PlainConnection,
            max_connections=_NPENDING,
            host=address[0],
            port=address[1],
            db=db,
            username=login.username,
            password=login.password,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=settings.timeout_s,
            socket_connect_timeout=settings.timeout_s,
            **options,
        )


def _exchanged(pool: ConnectionPool, commands: Sequence[Command]) -> list[Any]:
    """Send commands on a connection of a pool and return the replies, errors among them."""
    connection: Any = pool.get_connection()
    try:
        connection.send_packed_command(connection.pack_commands(commands))
        return [_reply_of(connection) for _ in commands]
    except BaseException:
        # A reply that nobody waits for would be taken for that of the next command.
        connection.disconnect()
        raise
    finally:
        pool.release(connection)


def _reply_of(connection: Any) -> Any:
    """Return the next reply."""
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


class _Shared:
    """Connections, and how many hold them."""

    def __init__(self, clients: Clients) -> None:
        self.clients = clients
        self.nholders = 0


_shared: dict[Settings, _Shared] = {}
# Reentrant, because a finalizer may run in a thread that holds it.
_lock = threading.RLock()


def _forget() -> None:
    """Begin anew in a forked child; the connections are the parent's."""
    global _lock  # noqa: PLW0603  # it may have been held by a thread of the parent
    _lock = threading.RLock()
    _shared.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def leased(settings: Settings, holder: object) -> tuple[Clients, Callable[[], object]]:
    """Return shared connections, and what gives them back.

    Args:
        settings: What servers are reached with.
        holder: Whose end gives them back as well.
    """
    with _lock:
        shared = _shared.setdefault(settings, _Shared(Clients(settings)))
        shared.nholders += 1
    return shared.clients, weakref.finalize(holder, _give_back, settings, shared, os.getpid())


def _give_back(settings: Settings, shared: _Shared, pid: int) -> None:
    """Count one holder less; the last one closes."""
    if pid != os.getpid():
        return
    with _lock:
        shared.nholders -= 1
        is_last = not shared.nholders
        if is_last and _shared.get(settings) is shared:
            del _shared[settings]
    if is_last:
        shared.clients.close()
