"""The TCP proxy: each fault as a socket sees it, counters, many connections, nothing left."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from time import monotonic

import pytest

from zarr_backends_compliance.services.tcp_proxy import TcpProxy

REPLY = bytes(range(256)) * 1024


class ReplyServer:
    """Answers the 4 byte number n with the first n bytes of REPLY."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.nrequests = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self) -> None:
        """Serve each connection in a thread of its own."""
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.threads.append(threading.Thread(target=self.serve, args=(client,)))
                self.threads[-1].start()

    def serve(self, client: socket.socket) -> None:
        """Answer until the client ends."""
        with client, suppress(OSError):
            while len(request := client.recv(4, socket.MSG_WAITALL)) == 4:
                self.nrequests += 1
                client.sendall(REPLY[: struct.unpack("!i", request)[0]])

    def close(self) -> None:
        """Stop to listen, and wait for all threads."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def server() -> Iterator[ReplyServer]:
    """Yield a server."""
    with closing(ReplyServer()) as server:
        yield server


@pytest.fixture
def proxy(server: ReplyServer) -> Iterator[TcpProxy]:
    """Yield a proxy before it."""
    with TcpProxy("127.0.0.1", server.port) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: TcpProxy) -> Iterator[socket.socket]:
    """Yield a connection that has had one reply."""
    with connected(proxy) as client:
        assert ask(client, 10) == REPLY[:10]
        yield client


def connected(proxy: TcpProxy) -> socket.socket:
    """Return a connection through the proxy."""
    return socket.create_connection((proxy.host, proxy.port), timeout=10)


def ask(client: socket.socket, nbytes: int) -> bytes:
    """Return a reply of so many bytes, or what came of it before an orderly end."""
    client.sendall(struct.pack("!i", nbytes))
    return receive(client, nbytes)


def receive(client: socket.socket, nbytes: int) -> bytes:
    """Return so many bytes, or fewer before an orderly end."""
    reply = b""
    while len(reply) < nbytes and (piece := client.recv(nbytes - len(reply))):
        reply += piece
    return reply


# --- Forwarding -------------------------------------------------------------------------


def test_bytes_are_forwarded_and_counted(proxy: TcpProxy) -> None:
    """A request after a reply is a round trip, however long the reply is."""
    with connected(proxy) as client:
        assert [ask(client, nbytes) for nbytes in (1, len(REPLY))] == [REPLY[:1], REPLY]
    counters = proxy.counters
    assert (counters.connections, counters.round_trips) == (1, 2)
    assert (counters.nbytes_up, counters.nbytes_down) == (8, 1 + len(REPLY))
    proxy.reset_counters()
    assert proxy.counters == type(counters)()


def test_64_connections_at_a_time_get_what_they_asked_for(proxy: TcpProxy) -> None:
    """No connection sees another's bytes."""

    def converse(index: int) -> bool:
        with connected(proxy) as client:
            return all(ask(client, 1000 * n + index) == REPLY[: 1000 * n + index] for n in range(9))

    with ThreadPoolExecutor(64) as threads:
        assert all(threads.map(converse, range(64)))
    assert proxy.counters.connections == 64


def test_a_client_that_ends_its_half_still_gets_the_reply(proxy: TcpProxy) -> None:
    """An end is passed on in each direction by itself."""
    with connected(proxy) as client:
        client.sendall(struct.pack("!i", 1000))
        client.shutdown(socket.SHUT_WR)
        assert receive(client, 2000) == REPLY[:1000]


def test_a_server_that_does_not_listen_resets_the_client() -> None:
    """A proxy can be started before its server."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with (
        TcpProxy("127.0.0.1", port) as proxy,
        pytest.raises(ConnectionResetError),  # as soon as while it connects, sometimes
        connected(proxy) as client,
    ):
        client.recv(1)


# --- Faults -----------------------------------------------------------------------------


def test_refuse_closes_all_and_restore_listens_on_the_same_port(
    proxy: TcpProxy, client: socket.socket
) -> None:
    """Between the two nobody can connect."""
    port = proxy.port
    proxy.refuse()
    assert client.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connected(proxy)
    proxy.refuse()
    proxy.restore()
    with connected(proxy) as again:
        assert ask(again, 5) == REPLY[:5]
    assert proxy.port == port


@pytest.mark.parametrize("after_nbytes", [1, 999, 200_000])
def test_reset_lets_exactly_so_many_bytes_pass(
    proxy: TcpProxy, client: socket.socket, after_nbytes: int
) -> None:
    """What was passed before the call does not count."""
    proxy.reset(after_nbytes)
    assert ask(client, after_nbytes - 1) == REPLY[: after_nbytes - 1]
    client.sendall(struct.pack("!i", 50))
    assert client.recv(50) == REPLY[:1]
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_reset_after_0_bytes_loses_the_reply_but_not_the_request(
    proxy: TcpProxy, client: socket.socket, server: ReplyServer
) -> None:
    """The server has done what it was asked, and the client cannot know."""
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        ask(client, 10)
    assert server.nrequests == 2
    with connected(proxy) as other, pytest.raises(ConnectionResetError):
        ask(other, 10)


@pytest.mark.parametrize("after_nbytes", [0, 7, 100_000])
def test_truncate_ends_every_reply_in_good_order(
    proxy: TcpProxy, client: socket.socket, after_nbytes: int
) -> None:
    """The client sees an end, and may still send without being reset."""
    proxy.truncate(after_nbytes)
    with connected(proxy) as other:
        for each in (client, other):
            assert ask(each, 200_000) == REPLY[:after_nbytes]
            each.sendall(b"more")
            assert each.recv(1) == b""


def test_stall_holds_the_reply_until_restore(proxy: TcpProxy, client: socket.socket) -> None:
    """No byte is lost; the connection goes on where it stopped."""
    proxy.stall(after_nbytes=30)
    client.sendall(struct.pack("!i", 100))
    assert receive(client, 30) == REPLY[:30]
    client.settimeout(0.05)
    with pytest.raises(TimeoutError):
        client.recv(1)
    client.settimeout(10)
    proxy.restore()
    assert receive(client, 70) == REPLY[30:100]
    assert ask(client, 5) == REPLY[:5]


def test_a_stalled_connection_can_be_reset(proxy: TcpProxy, client: socket.socket) -> None:
    """One fault takes the place of another."""
    proxy.stall()
    client.sendall(struct.pack("!i", 100))
    proxy.reset(after_nbytes=10)
    assert receive(client, 10) == REPLY[:10]
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_cut_closes_what_is_open_and_welcomes_what_comes(
    proxy: TcpProxy, client: socket.socket
) -> None:
    """Also while nothing is asked."""
    proxy.cut()
    assert client.recv(1) == b""
    with connected(proxy) as again:
        assert ask(again, 5) == REPLY[:5]


# --- Speed ------------------------------------------------------------------------------


def test_each_round_trip_is_delayed_and_connections_do_not_wait_for_each_other(
    proxy: TcpProxy,
) -> None:
    """64 connections with 3 requests of 0.1 s each take far less than 19 s in all."""
    proxy.slow(delay_s=0.1)

    def took_s(_: int) -> float:
        with connected(proxy) as client:
            started = monotonic()
            assert [len(ask(client, 100)) for _ in range(3)] == [100] * 3
            return monotonic() - started

    with ThreadPoolExecutor(64) as threads:
        durations = list(threads.map(took_s, range(64)))
    assert 0.29 <= min(durations) <= max(durations) < 3


def test_requests_on_one_connection_are_on_the_line_together(proxy: TcpProxy) -> None:
    """20 requests sent 5 ms apart arrive 5 ms apart: 0.5 s late, not 10 s."""

    async def converse() -> float:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        started = monotonic()
        for _ in range(20):
            writer.write(struct.pack("!i", 100))
            await asyncio.sleep(0.005)
        await reader.readexactly(2000)
        writer.close()
        await writer.wait_closed()
        return monotonic() - started

    proxy.slow(delay_s=0.5)
    assert 0.49 <= asyncio.run(converse()) < 5


def test_bandwidth_is_that_of_one_connection(proxy: TcpProxy, client: socket.socket) -> None:
    """100 KB at 500 KB/s take 0.2 s; restore makes the line wide again."""
    proxy.slow(nbytes_per_s=500_000)
    started = monotonic()
    assert len(ask(client, 100_000)) == 100_000
    assert monotonic() - started >= 0.2
    proxy.slow(nbytes_per_s=1)
    client.sendall(struct.pack("!i", 1000))
    proxy.restore()
    assert len(receive(client, 1000)) == 1000


@pytest.mark.parametrize(("delay_s", "nbytes_per_s"), [(-1, None), (0, 0), (0, -5)])
def test_a_line_that_cannot_be_is_refused(
    proxy: TcpProxy, delay_s: float, nbytes_per_s: float | None
) -> None:
    """A negative delay would be a prophecy."""
    with pytest.raises(ValueError, match="no line has"):
        proxy.slow(delay_s, nbytes_per_s)


# --- Ends -------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["restore", "refuse", "reset", "truncate", "stall"])
def test_close_leaves_no_thread_and_no_connection(server: ReplyServer, fault: str) -> None:
    """Whatever is in force, and whatever is under way."""
    before = threading.active_count()
    proxy = TcpProxy("127.0.0.1", server.port)
    with connected(proxy) as client:
        getattr(proxy, fault)()
        with suppress(OSError):
            client.sendall(struct.pack("!i", 100))
        proxy.close()
        proxy.close()
        with pytest.raises(ConnectionRefusedError):
            connected(proxy)
    assert threading.active_count() <= before + 1  # the server's, for that connection
    assert "TcpProxy" not in {thread.name.split()[0] for thread in threading.enumerate()}


def test_a_closed_proxy_says_so_and_keeps_its_counters(server: ReplyServer) -> None:
    """A call after the end does not wait for ever."""
    with TcpProxy("127.0.0.1", server.port) as proxy, connected(proxy) as client:
        ask(client, 10)
    with pytest.raises(RuntimeError, match="is closed"):
        proxy.restore()
    assert proxy.counters.round_trips == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_holds_nothing_open(proxy: TcpProxy, client: socket.socket) -> None:
    """Connections end, and the port is refused, while a child lives that was forked before."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        client.close()
        os.read(reading, 1)
        os._exit(0)
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        ask(client, 10)
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        connected(proxy)
    os.close(writing)
    os.close(reading)
    assert os.waitpid(child, 0)[1] == 0
