"""One connection through the proxy: bytes to and fro, and the fault that befalls them.

Requests go through a queue that notes when each piece arrived, and leave it a fixed time
after that: a longer line, on which any number of requests may be under way. Replies are
passed on as they come, up to the byte at which the fault strikes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Counters", "Fault", "Line", "Relay"]

PIECE_NBYTES = 256 * 1024
"""Most that is read at once, in bytes."""

QUEUED_PIECES = 64
"""Pieces of requests on the line, above which the client has to wait: at most 16 MiB."""

NAP_S = 0.1
"""Longest sleep, in seconds: after it a changed speed is noticed."""

LATE_S = 0.0005
"""How late the loop's timers are on average, in seconds; they count whole milliseconds."""

FLUSH_S = 1.0
"""How long a reset waits for the bytes before it to reach the client, in seconds."""

POLL_S = 0.001
"""How often the reset looks, in seconds; nothing would tell it."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass
class Counters:
    """What has passed."""

    connections: int = 0
    """Connections that clients have opened."""

    round_trips: int = 0
    """Requests that followed a reply, or opened a connection."""

    nbytes_up: int = 0
    """Bytes passed on to the server."""

    nbytes_down: int = 0
    """Bytes passed on to clients."""


@dataclass(frozen=True, eq=False)
class Fault:
    """What befalls the replies; two with the same values are two faults."""

    kind: Literal["none", "reset", "truncate", "stall"] = "none"
    after_nbytes: int = 0
    """Bytes of reply that each connection still passes on."""


@dataclass
class Line:
    """What all connections have in common; changed by the proxy in the loop's thread."""

    address: tuple[str, int]
    """Host and port of the server."""

    fault: Fault = field(default_factory=Fault)
    delay_s: float = 0.0
    nbytes_per_s: float | None = None
    counters: Counters = field(default_factory=Counters)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def set_fault(self, fault: Fault) -> None:
        """Change the fault and wake the connections that wait for that."""
        self.fault = fault
        self.changed.set()
        self.changed = asyncio.Event()


class _TruncatedError(Exception):
    """The client has received all that it will."""


class Relay:
    """A client's connection, joined with one to the server.

    Args:
        client: Accepted socket. It is closed when `run` ends.
        line: Where to, and how.
    """

    def __init__(self, client: socket.socket, line: Line) -> None:
        self._client = client
        self._server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._requests: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUED_PIECES)
        self._answered = True
        self._fault = line.fault
        self._passed = 0

    async def run(self) -> None:
        """Pass bytes on until both sides have ended, one has failed, or a fault struck."""
        _prepare(self._client, self._server)
        try:
            await self._loop.sock_connect(self._server, self._line.address)
            await self._pass_on()
        except _TruncatedError:
            await self._end_orderly()
        except OSError:
            await self._flush()
            _reset_on_close(self._client, self._server)
        finally:
            self.close()

    def close(self) -> None:
        """Close both sockets; done twice it does nothing."""
        self._client.close()
        self._server.close()

    async def _pass_on(self) -> None:
        """Run the three pumps; the first that fails ends the others.

        Raises:
            OSError: A side has failed, or is to see a failure.
            _TruncatedError: The replies end here.
        """
        pumps = [
            asyncio.ensure_future(pump())
            for pump in (self._read_requests, self._send_requests, self._pass_replies)
        ]
        try:
            # To gather them would lose a cancellation that comes together with an error.
            await asyncio.wait(pumps, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for pump in pumps:
                pump.cancel()
            outcomes = await asyncio.gather(*pumps, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    # --- Requests -----------------------------------------------------------------------

    async def _read_requests(self) -> None:
        piece = b"-"
        while piece:
            piece = await self._loop.sock_recv(self._client, PIECE_NBYTES)
            await self._requests.put((self._loop.time(), piece))

    async def _send_requests(self) -> None:
        free_at = 0.0
        while (queued := await self._requests.get())[1]:
            arrived_at, piece = queued
            await self._travel(arrived_at)
            free_at = await self._carry(len(piece), free_at)
            self._count_request(len(piece))
            await self._loop.sock_sendall(self._server, piece)
        self._server.shutdown(socket.SHUT_WR)

    def _count_request(self, nbytes: int) -> None:
        self._line.counters.round_trips += self._answered
        self._line.counters.nbytes_up += nbytes
        self._answered = False

    # --- Replies ------------------------------------------------------------------------

    async def _pass_replies(self) -> None:
        free_at = 0.0
        while reply := await self._loop.sock_recv(self._server, PIECE_NBYTES):
            self._answered = True
            while reply:
                piece = reply[: await self._room()]
                free_at = await self._carry(len(piece), free_at)
                self._line.counters.nbytes_down += len(piece)
                await self._loop.sock_sendall(self._client, piece)
                self._passed += len(piece)
                reply = reply[len(piece) :]
            self._strike()
        self._client.shutdown(socket.SHUT_WR)

    async def _room(self) -> int:
        """Return how many bytes of reply may pass, at least 1; wait while that is none."""
        while (room := self._strike()) <= 0:
            await self._line.changed.wait()
        return room

    def _strike(self) -> int:
        """Return how many bytes of reply may pass, 0 or less once replies have stopped.

        Raises:
            ConnectionResetError: The connection is to be reset now.
            _TruncatedError: The connection is to end now.
        """
        if self._fault is not self._line.fault:
            self._fault, self._passed = self._line.fault, 0
        if self._fault.kind == "none":
            return PIECE_NBYTES
        room = self._fault.after_nbytes - self._passed
        if room <= 0 and self._fault.kind == "reset":
            raise ConnectionResetError
        if room <= 0 and self._fault.kind == "truncate":
            raise _TruncatedError
        return room

    # --- Speed and ends -----------------------------------------------------------------

    async def _travel(self, arrived_at: float) -> None:
        """Wait until what arrived then has come to the other end of the line."""
        while self._line.delay_s:
            wait_s = arrived_at + self._line.delay_s - LATE_S - self._loop.time()
            if wait_s <= 0:
                break
            await asyncio.sleep(min(wait_s, NAP_S))

    async def _carry(self, nbytes: int, free_at: float) -> float:
        """Wait as long as the bytes take on a line that is free from `free_at` on.

        Returns:
            When the line is free again, by the loop's clock.
        """
        nbytes_per_s = self._line.nbytes_per_s
        if nbytes_per_s is None:
            return 0.0
        free_at = max(free_at, self._loop.time()) + nbytes / nbytes_per_s
        while self._line.nbytes_per_s == nbytes_per_s:
            wait_s = free_at - self._loop.time()
            if wait_s <= 0:
                break
            await asyncio.sleep(min(wait_s, NAP_S))
        return free_at

    async def _end_orderly(self) -> None:
        """End the replies, and swallow requests until the client has ended, too.

        To close a socket that has unread bytes would reset the connection instead.
        """
        self._server.close()
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_WR)
            while await self._loop.sock_recv(self._client, PIECE_NBYTES):
                pass

    async def _flush(self) -> None:
        """Wait until the client's side has taken what was sent; a reset throws away the rest."""
        for _ in range(int(FLUSH_S / POLL_S)):
            if not _unsent_nbytes(self._client):
                break
            await asyncio.sleep(POLL_S)


def _prepare(*sockets: socket.socket) -> None:
    for each in sockets:
        each.settimeout(0)
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _reset_on_close(*sockets: socket.socket) -> None:
    for each in sockets:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)


def _unsent_nbytes(sock: socket.socket) -> int:
    """Return how many bytes the other side has not acknowledged; 0 where nobody tells."""
    try:
        import fcntl  # noqa: PLC0415 - Windows has none
        import termios  # noqa: PLC0415 - Windows has none
    except ImportError:
        return 0
    try:
        answer = fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    return int(struct.unpack("i", answer)[0])
