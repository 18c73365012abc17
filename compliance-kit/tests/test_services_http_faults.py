"""The HTTP server that always answers the same, asked by the standard library's clients."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from zarr_backends_compliance.services.http_faults import HttpFaults


@pytest.fixture
def http() -> Iterator[HttpFaults]:
    """Yield a server that answers 503."""
    with HttpFaults(503, {"Retry-After": "7"}, b"busy") as http:
        yield http


def status_of(http: HttpFaults, method: str = "GET", body: bytes | None = None) -> int:
    """Return the status that one request gets."""
    with closing(HTTPConnection(http.host, http.port, timeout=10)) as connection:
        connection.request(method, "/", body)
        return connection.getresponse().status


def opened(url: str, data: bytes | None = None) -> Any:
    """Return the response that urllib gets."""
    return urlopen(url, data, timeout=10)  # noqa: S310 - our own server


def test_every_request_gets_the_status_headers_and_body(http: HttpFaults) -> None:
    """As urllib sees them."""
    with pytest.raises(HTTPError) as raised:
        opened(http.url + "/bucket/key?x=1")
    with raised.value as error:
        assert (error.code, error.headers["Retry-After"], error.read()) == (503, "7", b"busy")
    assert http.requests == ["GET /bucket/key?x=1"]


def test_the_answer_can_be_changed_at_any_time(http: HttpFaults) -> None:
    """Every attribute is looked at for every request."""
    assert status_of(http) == 503
    http.status, http.headers, http.body = 200, {"X-Name": "value"}, b"fine"
    with opened(http.url, b"data") as response:
        assert (response.status, response.headers["X-Name"]) == (200, "value")
        assert response.read() == b"fine"


def test_replies_are_used_up_and_the_last_one_repeats(http: HttpFaults) -> None:
    """A server that comes back after two failures."""
    http.replies = [429, 500, 404]
    assert [status_of(http) for _ in range(5)] == [429, 500, 404, 404, 404]
    http.replies = []
    assert status_of(http) == 503
    assert http.nrequests == 6


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "DELETE", "PROPFIND"])
def test_one_connection_carries_many_requests(http: HttpFaults, method: str) -> None:
    """The body of a request is no request, and HEAD has an answer without one."""
    with closing(HTTPConnection(http.host, http.port, timeout=10)) as connection:
        for body in (None, b"GET / HTTP/1.1\r\n\r\n" * 10_000, iter([b"in ", b"chunks"])):
            connection.request(method, "/", body, encode_chunked=True)
            response = connection.getresponse()
            assert response.status == 503
            assert response.read() == (b"" if method == "HEAD" else b"busy")
    assert http.nrequests == 3


@pytest.mark.parametrize("status", [204, 304, 599, 999])
def test_odd_statuses_are_answered_well(http: HttpFaults, status: int) -> None:
    """Some have no body, and some no name."""
    http.status = status
    with closing(HTTPConnection(http.host, http.port, timeout=10)) as connection:
        for _ in range(2):
            connection.request("GET", "/")
            response = connection.getresponse()
            assert (response.status, len(response.read())) == (status, 4 * (status > 400))


def test_a_client_that_waits_for_100_continue_gets_it(http: HttpFaults) -> None:
    """Or it would wait, or send its body as the next request."""
    with socket.create_connection((http.host, http.port), timeout=10) as client:
        client.sendall(b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"body")
        assert client.recv(12) == b"HTTP/1.1 503"


def test_a_client_may_ask_for_the_end_of_the_connection(http: HttpFaults) -> None:
    """The server ends it after the answer, and says so."""
    with socket.create_connection((http.host, http.port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        answer = b""
        while piece := client.recv(1000):
            answer += piece
    assert b"Connection: close" in answer
    assert answer.endswith(b"busy")


def test_nonsense_ends_only_its_own_connection(http: HttpFaults) -> None:
    """Neither an endless head nor a lie about the length stops the server."""
    for nonsense in (b"\r\n\r\n", b"x" * 200_000, b"PUT / HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
        with socket.create_connection((http.host, http.port), timeout=10) as client:
            try:
                client.sendall(nonsense)
                assert client.recv(1) == b""
            except ConnectionError:
                pass
    assert status_of(http) == 503


def test_64_clients_at_a_time_are_counted(http: HttpFaults) -> None:
    """Each request once."""
    with ThreadPoolExecutor(64) as threads:
        statuses = list(threads.map(lambda _: status_of(http), range(256)))
    assert statuses == [503] * 256
    assert http.nrequests == 256


def test_close_leaves_no_thread_and_no_connection() -> None:
    """Also while a client keeps its connection open."""
    before = threading.active_count()
    http = HttpFaults()
    with socket.create_connection((http.host, http.port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 500"
        http.close()
        http.close()
        assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((http.host, http.port), timeout=10)
