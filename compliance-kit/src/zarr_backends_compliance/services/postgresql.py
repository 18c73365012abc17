"""PostgreSQL: one server."""

from __future__ import annotations

import secrets

from zarr_backends_compliance.services._guarding import Guard
from zarr_backends_compliance.services._ports import HOST, free_port
from zarr_backends_compliance.services._postgresql_servers import (
    USER,
    find_programs,
    new_cluster,
    postgresql_server,
)
from zarr_backends_compliance.services._service import Service

__all__ = ["start"]


def start(*, version: int | None = None) -> Service:
    """Start a server; its database is ``postgres``.

    Args:
        version: Major version; None for Debian's newest that is installed, else one from a
            wheel.

    Returns:
        Service with the options ``user``, ``password`` and ``database``; its url, a DSN, has
        them too.

    Raises:
        ServiceUnavailableError: There is no server, and none can be installed.
        ServiceStartError: It does not start.
    """
    password = secrets.token_hex(12)
    with Guard() as guard:
        programs = find_programs("postgresql", guard, version)
        port = free_port()
        server = postgresql_server(programs, new_cluster(programs, "data", password), port, {})
        server.start()
        url = f"postgresql://{USER}:{password}@{HOST}:{port}/postgres?connect_timeout=3"
        options = {"user": USER, "password": password, "database": "postgres"}
        return Service("postgresql", guard, [server], port=port, url=url, options=options)
