"""A Valkey or Redis primary with two replicas, watched by three sentinels."""

from __future__ import annotations

from zarr_backends_compliance.services._guarding import Guard
from zarr_backends_compliance.services._ports import HOST, free_port
from zarr_backends_compliance.services._redis_servers import find_redis, redis_server
from zarr_backends_compliance.services._resp import redis_command
from zarr_backends_compliance.services._service import Service
from zarr_backends_compliance.services._waiting import wait_for

__all__ = ["MASTER_NAME", "RedisSentinel", "start"]

MASTER_NAME = "zarr"
"""Name under which clients ask the sentinels for the primary."""


class RedisSentinel(Service):
    """Three servers and three sentinels; the first three processes are the servers.

    `port` is that of the first sentinel; the option ``sentinels`` lists all of them as
    ``host:port,...``, and the option ``master_name`` names the primary.
    """

    def primary_port(self) -> int:
        """Return the port of the server that the sentinels now call the primary.

        Raises:
            OSError: The first sentinel does not answer.
        """
        found = redis_command(self.port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME)
        return int(found[1])

    def kill_primary(self) -> int:
        """Kill the primary; the sentinels choose another within some seconds.

        Returns:
            Its port. ``processes`` has the one of that name, to start it again.

        Raises:
            OSError: The first sentinel does not answer.
        """
        port = self.primary_port()
        next(one for one in self.processes if one.name == f"redis-{port}").kill()
        return port

    def restart(self) -> None:
        """Start all again, and wait until the replicas follow the primary.

        Raises:
            ServiceStartError: One does not start, or they do not agree.
        """
        super().restart()
        primary = self.primary_port()
        for server in self.processes[:3]:
            port = int(server.name.split("-")[1])
            if port != primary:  # sentinels take 10 s to tell a primary that it was replaced
                redis_command(port, "REPLICAOF", HOST, primary)
        wait_for("two replicas follow the primary", self.is_complete)

    def is_complete(self) -> bool:
        """Tell whether the primary has two replicas and each sentinel knows all others.

        Returns:
            False also while they still look for each other.

        Raises:
            OSError: One does not answer.
        """
        _role, _offset, replicas = redis_command(self.primary_port(), "ROLE")
        sentinels = [int(one.name.split("-")[1]) for one in self.processes[3:]]
        return len(replicas) == 2 and all(_knows_all(port) for port in sentinels)  # noqa: PLR2004


def start() -> RedisSentinel:
    """Start three servers and three sentinels, without a password.

    Returns:
        Service with the options ``sentinels`` and ``master_name``.

    Raises:
        ServiceUnavailableError: There is no server, and none can be installed.
        ServiceStartError: One does not start.
    """
    binary = find_redis("redis_sentinel")
    ports = [free_port() for _ in range(3)]
    sentinel_ports = [free_port() for _ in range(3)]
    durable: dict[str, str | int] = {"appendonly": "yes", "repl-diskless-sync-delay": 0}
    watch: dict[str, str | int] = {
        f"sentinel monitor {MASTER_NAME}": f"{HOST} {ports[0]} 2",
        f"sentinel down-after-milliseconds {MASTER_NAME}": 1000,
        f"sentinel failover-timeout {MASTER_NAME}": 5000,
    }
    with Guard() as guard:
        servers = []
        for port in ports:
            follow: dict[str, str | int] = (
                {} if port == ports[0] else {"replicaof": f"{HOST} {ports[0]}"}
            )
            servers.append(redis_server(guard, binary, port, durable | follow))
        servers += [
            redis_server(guard, binary, port, watch, sentinel=True) for port in sentinel_ports
        ]
        addresses = ",".join(f"{HOST}:{port}" for port in sentinel_ports)
        service = RedisSentinel(
            "redis_sentinel",
            guard,
            servers,
            port=sentinel_ports[0],
            url=f"redis+sentinel://{addresses}/{MASTER_NAME}",
            options={"sentinels": addresses, "master_name": MASTER_NAME},
        )
        service.restart()
        return service


def _knows_all(port: int) -> bool:
    """Whether a sentinel knows the two others and the two replicas."""
    flat = redis_command(port, "SENTINEL", "MASTER", MASTER_NAME)
    known = dict(zip(flat[::2], flat[1::2], strict=True))
    return bool(known["num-other-sentinels"] == known["num-slaves"] == "2")
