"""Valkey, or Redis where its wheel does not run: one server."""

from __future__ import annotations

import secrets

from zarr_backends_compliance.services._guarding import Guard
from zarr_backends_compliance.services._ports import free_port
from zarr_backends_compliance.services._redis_servers import find_redis, redis_server
from zarr_backends_compliance.services._service import Service

__all__ = ["start"]


def start(*, auth: bool = True, maxmemory: int | None = None, appendonly: bool = True) -> Service:
    """Start a server.

    Args:
        auth: Whether the default user has a password.
        maxmemory: Bytes of data after which writes are refused; None for no limit.
        appendonly: Whether every write is on disk before it is acknowledged. Without it a
            restart loses everything.

    Returns:
        Service with the option ``password`` (if `auth`); its url is that of database 0.

    Raises:
        ServiceUnavailableError: There is no server, and none can be installed.
        ServiceStartError: It does not start.
    """
    binary = find_redis("redis")
    port = free_port()
    settings: dict[str, str | int] = {"appendonly": "yes" if appendonly else "no"}
    settings |= {"appendfsync": "always", "maxmemory-policy": "noeviction"}
    if maxmemory is not None:
        settings["maxmemory"] = maxmemory
    options = {"password": secrets.token_hex(12)} if auth else {}
    login = f":{options['password']}@" if auth else ""
    if auth:
        settings["requirepass"] = options["password"]
    with Guard() as guard:
        server = redis_server(guard, binary, port, settings)
        server.start()
        url = f"redis://{login}127.0.0.1:{port}/0"
        return Service("redis", guard, [server], port=port, url=url, options=options)
