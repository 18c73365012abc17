"""A line between a backend and its server that can be made to fail.

A check takes the line, has every operation made ready on a backend of its own, breaks the
line, lets all operations run at once, and mends it again::

    with line_to_server(t) as line:
        calls = line.calls()
        line.proxy.refuse()
        line.make(calls)
        each_failed(line, calls, NetworkError)
        each_works_again(line, calls)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from zarr_backends import BackendError, Buffer, ZarrBackendsError
from zarr_backends_compliance._kernel.endpoints import Endpoint, behind, endpoint_of
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import skip
from zarr_backends_compliance._line.broken_servers import Switch
from zarr_backends_compliance._line.callers import Callers
from zarr_backends_compliance.services.http_faults import HttpFaults
from zarr_backends_compliance.services.tcp_proxy import TcpProxy

__all__ = ["Line", "line_to_server"]

_STRIKE_S = 1.0
"""Seconds that a fault has to strike; a reply may be too short for it."""


class _Listener(Protocol):
    """Something that listens."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...


class _Proxy(TcpProxy):
    """A proxy that can be given another server."""

    def forward_to(self, host: str, port: int) -> None:
        """Pass new connections on to another server, and close those that there are."""
        self._line.address = (host, port)
        self.cut()

    @property
    def nopen(self) -> int:
        """How many connections are open."""
        return len(self._relays)


class Line(Callers):
    """The way from backends to their server."""

    def __init__(self, t: Trial, endpoint: Endpoint, proxy: _Proxy) -> None:
        """Take what is between; see `Callers`."""
        super().__init__(t, behind(t.target, proxy.host, proxy.port))
        self.proxy = proxy
        self.endpoint = endpoint

    def mend(self) -> None:
        """Put the line in order again."""
        self.proxy.restore()

    @contextmanager
    def dripping(self, nbytes: int = 256, every_s: float = 0.1) -> Iterator[None]:
        """Let replies through a few bytes at a time, so that there is always some progress.

        Args:
            nbytes: Bytes of each portion.
            every_s: Seconds from one to the next.

        Yields:
            Nothing.
        """
        over = threading.Event()

        def drip() -> None:
            while not over.wait(every_s):
                self.proxy.stall(nbytes)

        self.proxy.stall(nbytes)
        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.proxy.restore()

    @contextmanager
    def forwarding_to(self, other: _Listener) -> Iterator[None]:
        """Pass all connections on to something else; those that there are end.

        Args:
            other: What listens instead of the server.

        Yields:
            Nothing.
        """
        self.proxy.forward_to(other.host, other.port)
        try:
            yield
        finally:
            self.proxy.forward_to(self.endpoint.host, self.endpoint.port)

    @contextmanager
    def answering(self, status: int, body: bytes = b"no") -> Iterator[HttpFaults]:
        """Have every HTTP request answered with one status, instead of by the server.

        Args:
            status: HTTP status.
            body: Body of every answer.

        Yields:
            What answers.
        """
        with HttpFaults(status, body=body) as http, self.forwarding_to(http):
            yield http

    def listed_until(self, status: int, name: str) -> list[Any]:
        """List the chunks of an array; all requests but the first ones get one answer.

        Args:
            status: HTTP status of the answers after the first chunk has been listed.
            name: Name of a place.

        Returns:
            What was listed; nothing where the listing raised an error of ours.
        """
        switch = Switch(self.endpoint.host, self.endpoint.port)
        with HttpFaults(status, body=b"no") as http, switch, self.forwarding_to(switch):
            listing = self.open(name).list_chunks()
            listed = [next(listing)]
            switch.address = http.host, http.port
            try:
                listed.extend(listing)
            except ZarrBackendsError:
                return []
        return listed

    def broken_update(self, backend: Any, index: tuple[int, ...], after_nbytes: int) -> bool:
        """Append ``+`` to a chunk; the reply to what follows the transform is lost once.

        Args:
            backend: A backend on this line, with atomic updates.
            index: A chunk that is stored.
            after_nbytes: Bytes of that reply that still pass.

        Returns:
            Whether the update raised.
        """

        def transform(old: Buffer | None) -> bytes:
            if not broken:
                broken.append(threading.Thread(target=self._mend_after_strike, daemon=True))
                self.proxy.reset(after_nbytes)
                broken[0].start()
            return bytes(old or b"") + b"+"

        broken: list[threading.Thread] = []
        try:
            backend.update_chunk(index, transform)
        except BackendError:
            return True
        finally:
            for thread in broken:
                thread.join()
        return False

    def _mend_after_strike(self) -> None:
        """Mend the line as soon as a connection has ended."""
        before = self.proxy.nopen
        deadline = time.monotonic() + _STRIKE_S
        while self.proxy.nopen >= before and time.monotonic() < deadline:
            time.sleep(0.001)
        self.proxy.restore()


@contextmanager
def line_to_server(t: Trial) -> Iterator[Line]:
    """Put a line between backends of a trial and their server.

    Args:
        t: The trial.

    Yields:
        The line, in order.
    """
    endpoint = endpoint_of(t.target)
    if endpoint is None:
        skip("an option that names a host and a port")
    with _Proxy(endpoint.host, endpoint.port) as proxy:
        line = Line(t, endpoint, proxy)
        try:
            _try(line)
            yield line
        finally:
            proxy.restore()
            line.end()


def _try(line: Line) -> None:
    """Skip the check where the server cannot be reached on the line, or is reached without."""
    line.arrange()
    try:
        line.create().read_chunk((1,))
    except ZarrBackendsError as error:
        skip(f"a server that can be reached through a proxy: {error}")
    if not line.proxy.counters.connections:
        skip("connections to the address that the options name")
