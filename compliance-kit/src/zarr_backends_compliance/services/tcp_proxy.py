"""A TCP proxy on loopback that refuses, resets, truncates, stalls and slows connections."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import socket
import weakref
from types import TracebackType
from typing import Self

from zarr_backends_compliance.services._loop_thread import LoopThread
from zarr_backends_compliance.services._relay import Counters, Fault, Line, Relay

__all__ = ["Counters", "TcpProxy", "start"]

HOST = "127.0.0.1"

BACKLOG = 512
"""Connections that may wait to be accepted."""


class TcpProxy:
    """Forward a free port of this machine to a server, and fail on demand.

    It listens from construction until `close`; as a context manager it closes itself. All
    methods may be called from any thread, and have taken effect when they return. One of
    `reset`, `truncate` and `stall` is in force at a time, the last that was called; `slow`
    goes together with each of them. `restore` ends them all.

    Args:
        host: Host of the server.
        port: Port of the server. It need not listen yet: a client's connection is reset
            while it does not.

    >>> with TcpProxy("127.0.0.1", 9) as proxy:
    ...     proxy.slow(delay_s=0.02)
    ...     proxy.counters.connections
    0
    """

    def __init__(self, host: str, port: int) -> None:
        """Listen; see the class."""
        self._line = Line((host, port))
        self._listener = _bound(0)
        self._port: int = self._listener.getsockname()[1]
        self._relays: dict[asyncio.Task[None], Relay] = {}
        self._thread = LoopThread(f"TcpProxy {self._port}")
        self._thread.call(self._listen)
        _proxies.add(self)

    def __enter__(self) -> Self:
        """Return the proxy itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the proxy."""
        self.close()

    def __repr__(self) -> str:
        """Return from where it forwards, and where to."""
        host, port = self._line.address
        return f"<TcpProxy {HOST}:{self._port} -> {host}:{port}>"

    @property
    def host(self) -> str:
        """Address that the proxy listens on."""
        return HOST

    @property
    def port(self) -> int:
        """Port that the proxy listens on; the same for its whole life."""
        return self._port

    @property
    def counters(self) -> Counters:
        """What has passed since construction or `reset_counters`; a copy."""
        return dataclasses.replace(self._line.counters)

    def reset_counters(self) -> None:
        """Count from 0 again."""

        def reset() -> None:
            self._line.counters = Counters()

        self._thread.call(reset)

    def close(self) -> None:
        """Close the listener and all connections; a second call does nothing."""
        if self._thread.running:
            self._thread.run(self._refuse())
            self._thread.close()
            self._listener.close()

    # --- Faults -------------------------------------------------------------------------

    def restore(self) -> None:
        """Forward as if nothing had been; stalled replies go on where they stopped."""

        def restore() -> None:
            self._line.set_fault(Fault())
            self._line.delay_s, self._line.nbytes_per_s = 0.0, None
            self._listen()

        self._thread.call(restore)

    def refuse(self) -> None:
        """Close all connections and refuse new ones, until `restore`.

        The port stays ours, so that nobody else can listen on it meanwhile.
        """
        self._thread.run(self._refuse())

    def reset(self, after_nbytes: int = 0) -> None:
        """Reset each connection, old or new, once some bytes of reply have passed.

        Args:
            after_nbytes: How many, counted for each connection from now on. With 0 the
                server receives a request, and nothing of its reply passes.
        """
        self._befall(Fault("reset", after_nbytes))

    def truncate(self, after_nbytes: int = 0) -> None:
        """End each connection in good order once some bytes of reply have passed.

        Args:
            after_nbytes: As for `reset`.
        """
        self._befall(Fault("truncate", after_nbytes))

    def stall(self, after_nbytes: int = 0) -> None:
        """Stop to forward replies once some bytes have passed; connections stay open.

        Args:
            after_nbytes: As for `reset`.
        """
        self._befall(Fault("stall", after_nbytes))

    def slow(self, delay_s: float = 0.0, nbytes_per_s: float | None = None) -> None:
        """Make the line longer or narrower.

        Args:
            delay_s: Seconds added between a request's arrival and its departure to the
                server, so that each round trip takes that much longer. Requests under way
                at the same time, on one connection or many, do not wait for each other.
            nbytes_per_s: Bandwidth of each connection and direction; None for no limit.

        Raises:
            ValueError: The delay is negative, or the bandwidth not positive.
        """
        if delay_s < 0 or (nbytes_per_s is not None and nbytes_per_s <= 0):
            message = f"no line has delay_s={delay_s!r}, nbytes_per_s={nbytes_per_s!r}"
            raise ValueError(message)

        def slow() -> None:
            self._line.delay_s, self._line.nbytes_per_s = delay_s, nbytes_per_s

        self._thread.call(slow)

    def cut(self) -> None:
        """Close all present connections; new ones are welcome."""
        self._thread.run(self._cut())

    # --- In the loop's thread -----------------------------------------------------------

    def _befall(self, fault: Fault) -> None:
        self._thread.call(lambda: self._line.set_fault(fault))

    def _listen(self) -> None:
        self._listener.listen(BACKLOG)
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:  # gone already, or no descriptor is left: the next event asks again
            return
        self._line.counters.connections += 1
        relay = Relay(client, self._line)
        task = asyncio.ensure_future(relay.run())
        self._relays[task] = relay
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        # A task that is cancelled before it began has not closed anything.
        self._relays.pop(task).close()

    async def _cut(self) -> None:
        relays = list(self._relays)
        for relay in relays:
            relay.cancel()
        await asyncio.gather(*relays, return_exceptions=True)

    async def _refuse(self) -> None:
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        # Bound, but not listening: the system refuses who comes.
        self._listener = _bound(self._port)
        await self._cut()

    def _drop(self) -> None:
        """Close the copies that a forked child has: they would keep connections open."""
        self._listener.close()
        for relay in list(self._relays.values()):
            relay.close()


def start(host: str, port: int) -> TcpProxy:
    """Return a proxy; the same as `TcpProxy`, by the name that all services have."""
    return TcpProxy(host, port)


def _bound(port: int) -> socket.socket:
    """Return a socket that has a loopback port, but does not listen yet."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.settimeout(0)
    return listener


_proxies: weakref.WeakSet[TcpProxy] = weakref.WeakSet()


def _drop_in_child() -> None:
    for proxy in tuple(_proxies):
        proxy._drop()  # noqa: SLF001 - one module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drop_in_child)
