"""Serve a folder by SFTP: ``python sftp_server.py HOST PORT FOLDER USER``.

FOLDER gets what is missing of ``host_key``, ``key`` and ``read_only_key``, each with its
``.pub``, and ``data``, in which sessions start. The keys log USER in.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import asyncssh

WRITING = asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC


class ReadOnlyServer(asyncssh.SFTPServer):
    """An SFTP session of the key that may only read."""

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        """Open a file, unless that is to write it."""
        if pflags & WRITING:
            _deny()
        return super().open(path, pflags, attrs)

    def open56(
        self, path: bytes, desired_access: int, flags: int, attrs: asyncssh.SFTPAttrs
    ) -> object:
        """Open a file by version 5 or 6 of the protocol, unless that is to write it."""
        if desired_access & (asyncssh.ACE4_WRITE_DATA | asyncssh.ACE4_APPEND_DATA):
            _deny()
        return super().open56(path, desired_access, flags, attrs)


def _deny(*_: object, **__: object) -> None:
    message = "this key may only read"
    raise asyncssh.SFTPPermissionDenied(message)


for _name in (
    *("fsetstat", "link", "lsetstat", "mkdir", "posix_rename", "remove", "rename", "rmdir"),
    *("setstat", "symlink"),
):
    setattr(ReadOnlyServer, _name, _deny)


class Login(asyncssh.SSHServer):
    """Decides who may log in."""

    def __init__(self, folder: Path, user: str) -> None:
        """Know the user and where the keys are."""
        self._folder = folder
        self._user = user

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Keep the connection: the session asks it which key logged in."""
        self._connection = conn

    def public_key_auth_supported(self) -> bool:
        """Keys, and nothing else."""
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether this key logs this user in."""
        for name in ("key", "read_only_key"):
            known = asyncssh.read_public_key(self._folder / f"{name}.pub")
            if username == self._user and key.public_data == known.public_data:
                self._connection.set_extra_info(key_name=name)
                return True
        return False


def session(channel: asyncssh.SSHServerChannel) -> asyncssh.SFTPServer:
    """Return what serves one session."""
    read_only = channel.get_connection().get_extra_info("key_name") == "read_only_key"
    return ReadOnlyServer(channel) if read_only else asyncssh.SFTPServer(channel)


def make_keys(folder: Path) -> None:
    """Write what is missing of the keys."""
    for name in ("host_key", "key", "read_only_key"):
        if not (folder / name).exists():
            key = asyncssh.generate_private_key("ssh-ed25519", comment=name)
            (folder / name).touch(mode=0o600)
            key.write_private_key(folder / name)
            key.write_public_key(folder / f"{name}.pub")


async def main(host: str, port: str, folder: Path, user: str) -> None:
    """Serve until a signal ends the process.

    Args:
        host: Address to listen on.
        port: Port to listen on.
        folder: Holds the keys and ``data``.
        user: Who logs in.
    """
    make_keys(folder)
    os.chdir(folder / "data")
    server = await asyncssh.listen(
        host,
        int(port),
        server_factory=lambda: Login(folder, user),
        server_host_keys=[folder / "host_key"],
        sftp_factory=session,
        backlog=512,
    )
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4]))
