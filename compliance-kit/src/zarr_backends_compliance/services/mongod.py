"""MongoDB: one server."""

from __future__ import annotations

import secrets

from zarr_backends_compliance.services._guarding import Guard
from zarr_backends_compliance.services._mongo_servers import (
    find_mongod,
    mongod_server,
    start_mongod,
)
from zarr_backends_compliance.services._mongo_wire import mongo_command
from zarr_backends_compliance.services._ports import HOST, free_port
from zarr_backends_compliance.services._service import Service

__all__ = ["start"]


def start(*, auth: bool = True) -> Service:
    """Start a server.

    Args:
        auth: Whether clients must log in; the only user then has the role ``root``.

    Returns:
        Service with the options ``user`` and ``password`` (if `auth`); its url has them too.

    Raises:
        ServiceUnavailableError: There is no server, and none can be installed.
        ServiceStartError: It does not start.
    """
    binary = find_mongod("mongod")
    port = free_port()
    options = {"user": "zarr", "password": secrets.token_hex(12)} if auth else {}
    with Guard() as guard:
        server = mongod_server(guard, binary, port, ["--auth"] if auth else [])
        start_mongod("mongod", server)
        login = ""
        if auth:
            # The first user may be made without logging in, from this machine alone.
            user = {"createUser": options["user"], "pwd": options["password"]}
            mongo_command(port, {**user, "roles": ["root"]})
            login = f"{options['user']}:{options['password']}@"
        url = f"mongodb://{login}{HOST}:{port}/"
        return Service("mongod", guard, [server], port=port, url=url, options=options)
