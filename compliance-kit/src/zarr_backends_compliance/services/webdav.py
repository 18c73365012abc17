"""WsgiDAV in cheroot: a WebDAV server in Python, on a folder."""

from __future__ import annotations

import secrets
from pathlib import Path

from zarr_backends_compliance.services import _servers
from zarr_backends_compliance.services._guarding import Command, Guard
from zarr_backends_compliance.services._http import ask
from zarr_backends_compliance.services._installs import python_install
from zarr_backends_compliance.services._ports import HOST, free_port
from zarr_backends_compliance.services._processes import ServerProcess
from zarr_backends_compliance.services._service import Service

__all__ = ["start"]

_PINNED = ("wsgidav==4.4.0", "cheroot==11.1.2")

_SCRIPT = Path(_servers.__path__[0]) / "webdav_server.py"

_USER = "zarr"


def start() -> Service:
    """Start a server; below ``/ro`` it shows the same folder, read-only.

    Returns:
        The service; its options are ``base_url``, ``read_only_url``, ``username``,
        ``password``, and ``folder``, where the files really are.

    Raises:
        ServiceUnavailableError: It cannot be installed here.
        ServiceStartError: It does not start.
    """
    python = python_install("webdav", _PINNED) / "bin" / "python"
    port = free_port()
    password = secrets.token_hex(8)
    with Guard() as guard:
        folder = guard.folder / "data"
        folder.mkdir()
        env = {"DAV_USER": _USER, "DAV_PASSWORD": password}
        command = Command([python, _SCRIPT, HOST, str(port), folder], env=env)
        process = ServerProcess(guard, "webdav", command, lambda: ask(port, "/") > 0)
        process.start()
    url = f"http://{HOST}:{port}"
    options = {
        "base_url": url,
        "read_only_url": f"{url}/ro",
        "username": _USER,
        "password": password,
        "folder": str(folder),
    }
    return Service("webdav", guard, [process], port=port, url=url, options=options)
