"""The WebDAV server, asked by webdav4."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from serving import assert_kill_leaves_nothing, served

from zarr_backends_compliance.services import Service

httpx = pytest.importorskip("httpx")
webdav4 = pytest.importorskip("webdav4.client")

REFUSED = "received 403|does not allow"
"""What webdav4 says of the status 403."""


@pytest.fixture(scope="module")
def webdav() -> Iterator[Service]:
    """Yield a server."""
    with served("webdav") as service:
        yield service


@contextmanager
def connected(webdav: Service, url: str = "base_url", password: str | None = None) -> Iterator[Any]:
    """Yield a client of one of the shares."""
    options = webdav.options
    auth = (options["username"], password or options["password"])
    client = webdav4.Client(options[url], auth=auth, timeout=10)
    with client.http:
        yield client


def read(client: Any, path: str) -> bytes:
    """Read a file."""
    value = BytesIO()
    client.download_fileobj(path, value)
    return value.getvalue()


def test_files_are_written_moved_read_and_removed(webdav: Service) -> None:
    """They are real files."""
    with connected(webdav) as client:
        client.mkdir("folder")
        client.upload_fileobj(BytesIO(b"1234567"), "folder/new")
        client.move("folder/new", "folder/ü b")
        assert (Path(webdav.options["folder"]) / "folder" / "ü b").read_bytes() == b"1234567"
        assert read(client, "folder/ü b") == b"1234567"
        assert client.ls("folder", detail=False) == ["folder/ü b"]
        client.remove("folder/ü b")
        client.remove("folder")
        assert client.ls("", detail=False) == []


def test_the_read_only_share_reads_and_does_not_write(webdav: Service) -> None:
    """Both shares show the same files."""
    with connected(webdav) as client, connected(webdav, "read_only_url") as reader:
        client.upload_fileobj(BytesIO(b"value"), "shown")
        assert read(reader, "shown") == b"value"
        for denied in (
            lambda: reader.upload_fileobj(BytesIO(b"x"), "shown", overwrite=True),
            lambda: reader.remove("shown"),
            lambda: reader.mkdir("folder"),
        ):
            with pytest.raises((webdav4.HTTPError, webdav4.ForbiddenOperation), match=REFUSED):
                denied()


@pytest.mark.parametrize("url", ["base_url", "read_only_url"])
def test_a_wrong_password_is_refused(webdav: Service, url: str) -> None:
    """On both shares."""
    with connected(webdav, url, "wrong") as client, pytest.raises(webdav4.HTTPError) as raised:
        client.ls("")
    assert raised.value.status_code == 401


def test_32_clients_at_a_time(webdav: Service) -> None:
    """More than the server has threads."""

    def store(index: int) -> bytes:
        with connected(webdav) as client:
            client.upload_fileobj(BytesIO(bytes([index]) * 1000), f"many{index}")
            return read(client, f"many{index}")

    with ThreadPoolExecutor(32) as threads:
        assert list(threads.map(store, range(64))) == [bytes([i]) * 1000 for i in range(64)]


def test_a_kill_and_a_restart_keep_data_and_port(webdav: Service) -> None:
    """The server works on files."""
    port = webdav.port
    with connected(webdav) as client:
        client.upload_fileobj(BytesIO(b"value"), "keep")
        webdav.kill()
        with pytest.raises(httpx.ConnectError):
            client.ls("")
        webdav.restart()
        assert read(client, "keep") == b"value"
    assert webdav.port == port


def test_a_kill_leaves_nothing() -> None:
    """Neither process nor folder."""
    assert_kill_leaves_nothing(served("webdav"))
