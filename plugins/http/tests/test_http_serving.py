"""The command line: who may do what, how large, what is logged, how it ends."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from conftest import KEY, commanded, started

import zarr_backends as zb
from zarr_backends_http import HttpBackend


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    command = [sys.executable, "-m", "zarr_backends_http", "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["memory", "--host", "0.0.0.0"], "--api-key env:NAME"),  # noqa: S104  # must be refused
        (["memory", "--host", "lab.example.org"], "--read-only"),
        (["memory", "--api-key", "plain-text"], "env:NAME"),
        (["memory", "--api-key", "env:ZB_NO_SUCH_VARIABLE"], "no such variable"),
        (["no_such_backend"], "no_such_backend"),
        (["filesystem"], "array_id"),
        (["memory", "-o", "nonsense"], "option=value"),
        (["memory", "--max-body-mib", "0"], "above 0"),
        (["memory", "--host", "127.0.0.1", "--port", "99999"], "cannot listen"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(arguments: list[str], said: str) -> None:
    """Writes for everybody among them."""
    done = run(*arguments)
    assert done.returncode
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "plain-text" not in done.stderr


def test_an_application_is_not_served_to_everybody_either() -> None:
    """Where it takes writes from those without a key."""
    from zarr_backends_http.server import create_app, serve  # noqa: PLC0415  # for this test alone

    with pytest.raises(zb.ConfigurationError, match="other machines"):
        serve(create_app("memory"), host="0.0.0.0", port=0)  # noqa: S104  # must be refused
    for key in ("", "two words", "line\n"):
        with pytest.raises(zb.ConfigurationError, match="printable"):
            create_app("memory", api_key=key)


def test_only_who_has_the_key_is_served(keyed_server: tuple[str, str]) -> None:
    """Health and the document of the protocol alone need none."""
    url, key = keyed_server
    for given in ({}, {"authorization": "Bearer x"}, {"authorization": f"Basic {key}"}):
        for path in ("/arrays/a/keys", "/metrics", "/arrays/a", "/nowhere"):
            answer = httpx.get(url + path, headers=given)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
    right = {"authorization": f"bearer {key}"}
    assert httpx.get(f"{url}/metrics", headers=right).status_code == 200
    assert httpx.get(f"{url}/health").status_code == 200


def test_a_read_only_server_changes_nothing(serving: Callable[..., str], tmp_path: Path) -> None:
    """The client gets a PermissionDeniedError."""
    zb.create(str(tmp_path / "a"), shape=(2,), chunks=(1,))[:] = 1
    url = serving("filesystem", {"path": str(tmp_path)}, read_only=True)
    a = zb.open(f"{url}/arrays/a")
    assert a[...].tolist() == [1, 1]
    with pytest.raises(zb.PermissionDeniedError):
        a[0] = 2
    assert httpx.delete(f"{url}/arrays/a").status_code == 403
    assert HttpBackend.create(base_url=url, array_id="a").get_many(["zarr.json"]) != [None]


def test_a_body_that_is_too_long_is_refused(serving: Callable[..., str], tmp_path: Path) -> None:
    """Announced or not; nothing is stored."""
    url = serving("filesystem", {"path": str(tmp_path)}, max_body_nbytes=1000)
    place = f"{url}/arrays/a/keys/k"
    assert httpx.put(place, content=bytes(1001)).status_code == 413
    assert httpx.put(place, content=iter([bytes(600), bytes(600)])).status_code == 413
    assert httpx.get(place).status_code == 404
    assert httpx.put(place, content=bytes(1000)).status_code == 204
    with pytest.raises(zb.StorageFullError):
        HttpBackend.create(base_url=url, array_id="a").set("k", bytes(1001))


def test_the_log_has_requests_and_no_key(
    serving: Callable[..., str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """At any level."""
    caplog.set_level("DEBUG")
    url = serving("filesystem", {"path": str(tmp_path)}, api_key=KEY)
    HttpBackend.create(base_url=url, array_id="a b", api_key=KEY).set("k", b"abc")
    httpx.get(f"{url}/arrays/x", headers={"authorization": "Bearer another-secret"})
    assert "PUT /arrays/a%20b/keys/k 204, 3 bytes in" in caplog.text
    assert KEY not in caplog.text
    assert "another-secret" not in caplog.text


def test_the_server_stops_when_it_is_told_to(tmp_path: Path) -> None:
    """And starts again over what it has stored."""
    for expected in (None, b"1"):
        with commanded("filesystem", "-o", f"path={tmp_path}") as url:
            backend = HttpBackend.create(base_url=url, array_id="a")
            assert backend.is_healthy()
            assert backend.get("k") == expected
            backend.set("k", b"1")
        assert not backend.is_healthy()


def test_a_request_under_way_is_ended_first(tmp_path: Path) -> None:
    """Nobody else is served meanwhile."""
    with started("filesystem", "-o", f"path={tmp_path}") as (process, url):

        def body() -> Iterator[bytes]:
            yield b"first half, "
            process.terminate()
            wait_until_closed(int(url.rpartition(":")[2]))
            yield b"second half"

        answer = httpx.put(f"{url}/arrays/a/keys/k", content=body(), timeout=60)
        assert answer.status_code == 204
        assert process.wait(60) is not None
    assert (tmp_path / "a" / "k").read_bytes() == b"first half, second half"


def wait_until_closed(port: int) -> None:
    """Wait until nobody listens any more."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            return
        time.sleep(0.05)


def test_a_body_that_stops_coming_in_is_given_up(
    file_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is stored, and the client hears a time-out."""
    monkeypatch.setattr("zarr_backends_http.server._requests._PATIENCE_S", 0.2)
    host, port = file_server.removeprefix("http://").split(":")
    head = b"PUT /arrays/a/keys/k HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf"
    with socket.create_connection((host, int(port)), 60) as connection:
        connection.sendall(head)
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"body-timeout" in answer
    assert httpx.get(f"{file_server}/arrays/a/keys/k").status_code == 404
