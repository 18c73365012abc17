"""Both SFTP servers, asked by asyncssh."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from serving import assert_kill_leaves_nothing, served

from zarr_backends_compliance.services import Service, ServiceUnavailableError, serve, sftp

asyncssh = pytest.importorskip("asyncssh")

KINDS = ["openssh", "asyncssh"]


@pytest.fixture(scope="module", params=KINDS)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """Yield each of the servers."""
    with served("sftp", kind=request.param) as service:
        yield service


@asynccontextmanager
async def session(service: Service, key: str = "key_file") -> AsyncIterator[Any]:
    """Yield a session of the user with one of the keys."""
    options = service.options
    async with (
        asyncssh.connect(
            service.host,
            service.port,
            username=options["username"],
            client_keys=[options[key]],
            known_hosts=options["known_hosts"],
            config=None,
        ) as connection,
        connection.start_sftp_client() as client,
    ):
        yield client


async def write(client: Any, path: str, value: bytes) -> None:
    """Write a file."""
    async with client.open(path, "wb") as file:
        await file.write(value)


async def read(client: Any, path: str) -> bytes:
    """Read a file."""
    async with client.open(path, "rb") as file:
        value: bytes = await file.read()
        return value


async def test_files_are_written_renamed_read_and_removed(service: Service) -> None:
    """In the folder in which the session starts."""
    folder = service.options["folder"]
    async with session(service) as client:
        assert await client.getcwd() == folder
        await write(client, "new", b"1234567")
        await write(client, f"{folder}/ü", b"old")
        await client.posix_rename("new", "ü")
        assert await read(client, "ü") == b"1234567"
        await client.remove("ü")
        with pytest.raises(asyncssh.SFTPNoSuchFile):
            await read(client, "ü")


def test_files_are_real(service: Service) -> None:
    """What one side writes, the other side reads."""
    folder = Path(service.options["folder"])
    (folder / "ours").write_bytes(b"value")

    async def copy() -> None:
        async with session(service) as client:
            await write(client, "theirs", await read(client, "ours"))

    asyncio.run(copy())
    assert (folder / "theirs").read_bytes() == b"value"


async def test_64_requests_at_a_time_on_one_connection(service: Service) -> None:
    """A connection carries many."""
    async with session(service) as client:
        await asyncio.gather(*(write(client, f"many{i}", bytes([i])) for i in range(64)))
        values = await asyncio.gather(*(read(client, f"many{i}") for i in range(64)))
    assert values == [bytes([i]) for i in range(64)]


async def test_32_connections_at_a_time(service: Service) -> None:
    """None is dropped by a limit on logins."""

    async def started(_: int) -> str:
        async with session(service) as client:
            folder: str = await client.getcwd()
            return folder

    assert set(await asyncio.gather(*map(started, range(32)))) == {service.options["folder"]}


async def test_the_read_only_key_reads_and_does_not_write(service: Service) -> None:
    """Root is bound by it, too."""
    async with session(service) as client:
        await write(client, "shown", b"value")
    async with session(service, "read_only_key_file") as client:
        assert await read(client, "shown") == b"value"
        for denied in (
            write(client, "shown", b"x"),
            write(client, "other", b"x"),
            client.remove("shown"),
            client.mkdir("folder"),
            client.rename("shown", "other"),
        ):
            with pytest.raises(asyncssh.SFTPPermissionDenied):
                await denied


async def test_an_unknown_key_is_refused_any_number_of_times(service: Service) -> None:
    """And the right one is not, after that."""
    for _ in range(8):
        with pytest.raises(asyncssh.PermissionDenied):
            await asyncssh.connect(
                service.host,
                service.port,
                username=service.options["username"],
                client_keys=[asyncssh.generate_private_key("ssh-ed25519")],
                known_hosts=service.options["known_hosts"],
                config=None,
            )
    async with session(service) as client:
        assert await client.getcwd() == service.options["folder"]


async def test_a_kill_and_a_restart_keep_data_keys_and_port(service: Service) -> None:
    """A session dies with the server; the next one finds all."""
    port = service.port
    async with session(service) as client:
        await write(client, "keep", b"value")
        service.kill()
        with pytest.raises((asyncssh.Error, OSError)):
            await read(client, "keep")
    service.restart()
    async with session(service) as client:
        assert await read(client, "keep") == b"value"
    assert service.port == port


@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_leaves_nothing(kind: str) -> None:
    """Neither process nor folder."""
    assert_kill_leaves_nothing(served("sftp", kind=kind))


def test_what_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason and the remedy."""
    monkeypatch.setattr(sftp, "_SYSTEM_PATH", "/nowhere")
    with pytest.raises(ServiceUnavailableError, match="openssh-server"):
        serve("sftp", kind="openssh")
