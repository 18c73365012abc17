"""MongoDB: a replica set of three servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zarr_backends_compliance.services._guarding import Guard
from zarr_backends_compliance.services._mongo_servers import (
    find_mongod,
    mongod_server,
    start_mongod,
)
from zarr_backends_compliance.services._mongo_wire import mongo_command
from zarr_backends_compliance.services._ports import HOST, free_port
from zarr_backends_compliance.services._processes import ServerProcess
from zarr_backends_compliance.services._service import Service
from zarr_backends_compliance.services._waiting import wait_for

__all__ = ["MongodReplicaSet", "start"]

_SET = "rs0"


class MongodReplicaSet(Service):
    """Three servers that replicate; a majority of them suffices."""

    def primary(self) -> ServerProcess | None:
        """Return the server that takes writes now; None where there is none at the moment."""
        for server in self.processes:
            if server.is_running and _is_primary(server):
                return server
        return None

    def kill_primary(self) -> ServerProcess:
        """Kill the primary; another is elected within some seconds.

        Returns:
            The server that was killed; its ``start`` brings it back.

        Raises:
            ServiceStartError: There is no primary, and none was elected in 30 s.
        """
        wait_for("a primary is elected", lambda: self.primary() is not None)
        primary = self.primary()
        if primary is None:
            return self.kill_primary()
        primary.kill()
        return primary

    def restart(self) -> None:
        """Start all again, and wait until one takes writes.

        Raises:
            ServiceStartError: One does not start, or no primary is elected in 30 s.
        """
        super().restart()
        wait_for("a primary is elected", lambda: self.primary() is not None)


def start() -> MongodReplicaSet:
    """Start three servers, without users, and make them a replica set.

    Returns:
        Service with the option ``replica_set``; its url names all three servers.

    Raises:
        ServiceUnavailableError: There is no server, and none can be installed.
        ServiceStartError: One does not start, or no primary is elected in 30 s.
    """
    binary = find_mongod("mongod")
    ports = [free_port() for _ in range(3)]
    with Guard() as guard:
        servers = [mongod_server(guard, binary, port, ["--replSet", _SET]) for port in ports]
        for server in servers:
            start_mongod("mongod_replica_set", server)
        mongo_command(ports[0], {"replSetInitiate": _configuration(ports)})
        addresses = ",".join(f"{HOST}:{port}" for port in ports)
        service = MongodReplicaSet(
            "mongod_replica_set",
            guard,
            servers,
            port=ports[0],
            url=f"mongodb://{addresses}/?replicaSet={_SET}",
            options={"replica_set": _SET},
        )
        wait_for("a primary is elected", lambda: service.primary() is not None)
        return service


def _configuration(ports: Sequence[int]) -> dict[str, Any]:
    """Return the configuration of the set; times are short, so that tests are."""
    members = [
        {"_id": index, "host": f"{HOST}:{port}", "priority": len(ports) - index}
        for index, port in enumerate(ports)
    ]
    settings = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
    return {"_id": _SET, "members": members, "settings": settings}


def _is_primary(server: ServerProcess) -> bool:
    """Whether a server says that it takes writes; one that does not answer does not."""
    port = int(server.name.split("-")[1])
    try:
        return bool(mongo_command(port, {"hello": 1})["isWritablePrimary"])
    except OSError:
        return False
