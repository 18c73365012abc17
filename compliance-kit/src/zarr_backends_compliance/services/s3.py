"""moto's S3 server, with users and on files; `ceph` is S3 of another make."""

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

_PINNED = ("moto[server]==5.2.5",)

_SCRIPT = Path(_servers.__path__[0]) / "s3_server.py"

_BUCKET = "zarr"


def start(*, auth: bool = False) -> Service:
    """Start a server with two users and one bucket, named "zarr".

    Args:
        auth: Whether signatures and rights are checked; without, every key is welcome, and
            requests are faster.

    Returns:
        The service; its options are ``endpoint_url``, ``bucket``, ``region``, ``key``,
        ``secret``, and ``other_key`` and ``other_secret`` of a user without any rights.

    Raises:
        ServiceUnavailableError: It cannot be installed here.
        ServiceStartError: It does not start.
    """
    python = python_install("s3", _PINNED) / "bin" / "python"
    port = free_port()
    # moto takes keys of other beginnings for temporary ones.
    env = {
        "KEY": f"AKIA{secrets.token_hex(8).upper()}",
        "SECRET": secrets.token_hex(20),
        "OTHER_KEY": f"AKIA{secrets.token_hex(8).upper()}",
        "OTHER_SECRET": secrets.token_hex(20),
    }
    with Guard() as guard:
        folder = guard.folder / "data"
        folder.mkdir()
        command = Command(
            [python, _SCRIPT, HOST, str(port), folder, _BUCKET],
            env=env | {"AUTH": str(int(auth))},
        )
        process = ServerProcess(guard, "s3", command, lambda: ask(port, "/") > 0)
        process.start()
    url = f"http://{HOST}:{port}"
    options = {
        "endpoint_url": url,
        "bucket": _BUCKET,
        "region": "us-east-1",
        **{name.lower(): value for name, value in env.items()},
    }
    return Service("s3", guard, [process], port=port, url=url, options=options)
