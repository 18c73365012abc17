"""The FTP server, asked by the standard library's client."""

# ruff: noqa: S321 - what is tested is FTP

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ftplib import FTP, Error, error_perm
from io import BytesIO
from pathlib import Path

import pytest
from serving import assert_kill_leaves_nothing, served

from zarr_backends_compliance.services import Service


@pytest.fixture(scope="module")
def ftp() -> Iterator[Service]:
    """Yield a server."""
    with served("ftp") as service:
        yield service


def session(ftp: Service, username: str | None = None, password: str | None = None) -> FTP:
    """Return a session of the first user, or of another."""
    client = FTP(timeout=10)
    client.connect(ftp.host, ftp.port)
    try:
        client.login(username or ftp.options["username"], password or ftp.options["password"])
    except Error:
        client.close()
        raise
    return client


def read(client: FTP, path: str, start: int = 0) -> bytes:
    """Read a file from some byte on."""
    pieces: list[bytes] = []
    client.retrbinary(f"RETR {path}", pieces.append, rest=start or None)
    return b"".join(pieces)


def test_files_are_stored_renamed_read_and_deleted(ftp: Service) -> None:
    """They are real files."""
    with session(ftp) as client:
        client.mkd("folder")
        client.storbinary("STOR folder/new", BytesIO(b"1234567"))
        client.rename("folder/new", "folder/ü")
        assert (Path(ftp.options["folder"]) / "folder" / "ü").read_bytes() == b"1234567"
        assert read(client, "folder/ü", start=3) == b"4567"
        assert client.nlst("folder") == ["ü"]
        client.delete("folder/ü")
        client.rmd("folder")
        assert client.nlst() == []


def test_the_read_only_user_reads_and_does_not_write(ftp: Service) -> None:
    """Both users see the same files."""
    with session(ftp) as client:
        client.storbinary("STOR shown", BytesIO(b"value"))
    options = ftp.options
    with session(ftp, options["read_only_username"], options["read_only_password"]) as client:
        assert read(client, "shown") == b"value"
        for denied in (
            lambda: client.storbinary("STOR shown", BytesIO(b"x")),
            lambda: client.delete("shown"),
            lambda: client.rename("shown", "other"),
            lambda: client.mkd("folder"),
        ):
            with pytest.raises(error_perm, match="550"):
                denied()


@pytest.mark.parametrize("user", ["rw", "ro", "nobody", "anonymous"])
def test_a_wrong_password_is_refused(ftp: Service, user: str) -> None:
    """And so is who is unknown."""
    with pytest.raises(error_perm, match="530"):
        session(ftp, user, "wrong")


def test_32_sessions_at_a_time(ftp: Service) -> None:
    """Each has its own thread."""

    def store(index: int) -> bytes:
        with session(ftp) as client:
            client.storbinary(f"STOR many{index}", BytesIO(bytes([index]) * 1000))
            return read(client, f"many{index}")

    with ThreadPoolExecutor(32) as threads:
        assert list(threads.map(store, range(64))) == [bytes([i]) * 1000 for i in range(64)]


def test_a_kill_and_a_restart_keep_data_users_and_port(ftp: Service) -> None:
    """A session dies with the server; the next one finds all."""
    port = ftp.port
    with session(ftp) as client:
        client.storbinary("STOR keep", BytesIO(b"value"))
        ftp.kill()
        with pytest.raises((EOFError, OSError)):
            client.nlst()
    ftp.restart()
    with session(ftp) as client:
        assert read(client, "keep") == b"value"
    assert ftp.port == port


def test_a_kill_leaves_nothing() -> None:
    """Neither process nor folder."""
    assert_kill_leaves_nothing(served("ftp"))
