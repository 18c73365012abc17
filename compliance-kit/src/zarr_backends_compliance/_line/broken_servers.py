"""Servers that are none: of garbage, of halves of requests, and a switch between two."""

from __future__ import annotations

import random
import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

__all__ = ["GarbageServer", "HalfServer", "Switch"]

_PIECE = 65_536

_RESET = struct.pack("ii", 1, 0)


class _Listener:
    """Something that listens on the loopback; each connection has a thread."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        """Listen on a free port."""
        self._socket = socket.create_server((self.host, 0), backlog=128)
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        """Do what this one does with a connection."""

    def _accept(self) -> None:
        """Take connections until the end."""
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                threading.Thread(target=self._served, args=(client,), daemon=True).start()

    def _served(self, client: socket.socket) -> None:
        """Serve a connection and close it."""
        with client, suppress(OSError):
            self.serve(client)

    def __enter__(self) -> Self:
        """Return the server itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Listen no more."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class GarbageServer(_Listener):
    """Answers whatever it is sent with bytes that mean nothing, and hangs up."""

    def serve(self, client: socket.socket) -> None:
        """Answer once."""
        client.settimeout(5)
        if client.recv(_PIECE):
            client.sendall(random.Random(self.port).randbytes(500) + b"\r\n\r\n")  # noqa: S311  # garbage
            client.shutdown(socket.SHUT_WR)
            while client.recv(_PIECE):
                pass


class HalfServer(_Listener):
    """Passes requests on to a server, up to some bytes, then breaks both connections.

    Args:
        host: Host of the server.
        port: Port of the server.
        nbytes: Bytes of each connection that the server still gets.
    """

    def __init__(self, host: str, port: int, nbytes: int) -> None:
        """Listen; see the class."""
        self._address = (host, port)
        self._nbytes = nbytes
        super().__init__()

    def serve(self, client: socket.socket) -> None:
        """Pass on a part of what comes, and all answers."""
        with socket.create_connection(self._address) as server:
            threading.Thread(target=_pump, args=(server, client), daemon=True).start()
            left = self._nbytes
            while left and (piece := client.recv(min(left, _PIECE))):
                server.sendall(piece)
                left -= len(piece)
            if not left:
                for each in (client, server):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                # Closing alone ends nothing while the other thread waits for the server.
                with suppress(OSError):
                    server.shutdown(socket.SHUT_RDWR)


class Switch(_Listener):
    """Passes requests on to one of several servers, within one connection of the client.

    Args:
        host: Host of the first server.
        port: Its port.
    """

    def __init__(self, host: str, port: int) -> None:
        """Listen; see the class."""
        self.address = (host, port)
        """Where requests go from now on; no request may be under way."""
        super().__init__()

    def serve(self, client: socket.socket) -> None:
        """Connect to the server that is meant now, whenever that is another one."""
        address, server = None, client
        try:
            while piece := client.recv(_PIECE):
                if address != self.address:
                    old, address = server, self.address
                    server = socket.create_connection(address)
                    threading.Thread(
                        target=_pump_piecewise, args=(server, client), daemon=True
                    ).start()
                    if old is not client:
                        old.close()
                server.sendall(piece)
        finally:
            server.close()


def _pump_piecewise(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes; the end of the source says nothing to the target."""
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes until it ends."""
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
