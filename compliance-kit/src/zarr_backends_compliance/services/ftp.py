"""pyftpdlib, an FTP server in Python, on a folder."""

from __future__ import annotations

import secrets
from pathlib import Path

from zarr_backends_compliance.services import _servers
from zarr_backends_compliance.services._guarding import Command, Guard
from zarr_backends_compliance.services._installs import python_install
from zarr_backends_compliance.services._ports import HOST, free_port, is_listening
from zarr_backends_compliance.services._processes import ServerProcess
from zarr_backends_compliance.services._service import Service

__all__ = ["start"]

_PINNED = ("pyftpdlib==2.2.0",)

_SCRIPT = Path(_servers.__path__[0]) / "ftp_server.py"


def start() -> Service:
    """Start a server with two users, of which one may only read.

    Returns:
        The service; its options are ``username``, ``password``, ``read_only_username``,
        ``read_only_password``, and ``folder``, where the files really are.

    Raises:
        ServiceUnavailableError: It cannot be installed here.
        ServiceStartError: It does not start.
    """
    python = python_install("ftp", _PINNED) / "bin" / "python"
    port = free_port()
    passwords = {name: secrets.token_hex(8) for name in ("rw", "ro")}
    with Guard() as guard:
        folder = guard.folder / "data"
        folder.mkdir()
        env = {"RW_PASSWORD": passwords["rw"], "RO_PASSWORD": passwords["ro"]}
        command = Command([python, _SCRIPT, HOST, str(port), folder], env=env)
        process = ServerProcess(guard, "ftp", command, lambda: is_listening(port))
        process.start()
    options = {
        "username": "rw",
        "password": passwords["rw"],
        "read_only_username": "ro",
        "read_only_password": passwords["ro"],
        "folder": str(folder),
    }
    url = f"ftp://rw:{passwords['rw']}@{HOST}:{port}"
    return Service("ftp", guard, [process], port=port, url=url, options=options)
