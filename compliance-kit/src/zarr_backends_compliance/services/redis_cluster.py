"""A Valkey or Redis cluster: three primaries, each with a replica."""

from __future__ import annotations

from collections.abc import Sequence

from zarr_backends_compliance.services._guarding import Guard
from zarr_backends_compliance.services._ports import HOST, free_port
from zarr_backends_compliance.services._redis_servers import find_redis, redis_server
from zarr_backends_compliance.services._resp import redis_command
from zarr_backends_compliance.services._service import Service
from zarr_backends_compliance.services._waiting import wait_for

__all__ = ["RedisCluster", "start"]

_SLOTS = 16384
"""Number of hash slots, which the primaries share out."""

_PRIMARIES = 3


class RedisCluster(Service):
    """Six servers; `port` is that of the first, the option ``nodes`` lists all."""

    @property
    def ports(self) -> list[int]:
        """Ports of the servers, in the order of `processes`."""
        return [int(server.name.split("-")[1]) for server in self.processes]

    def kill_primary(self) -> int:
        """Kill one primary; its replica takes over within some seconds.

        Returns:
            Its port. ``processes`` has the one of that name, to start it again.

        Raises:
            OSError: A server that lives does not answer.
        """
        for server, port in zip(self.processes, self.ports, strict=True):
            if server.is_running and redis_command(port, "ROLE")[0] == "master":
                server.kill()
                return port
        message = "no primary runs"
        raise OSError(message)

    def restart(self) -> None:
        """Start all again, and wait until the cluster is whole.

        Raises:
            ServiceStartError: One does not start, or they do not agree.
        """
        super().restart()
        wait_for("the cluster is whole", self.is_complete)

    def is_complete(self) -> bool:
        """Tell whether each server calls the cluster whole and each primary has its replica.

        Returns:
            False also while they still negotiate.

        Raises:
            OSError: One does not answer.
        """
        roles = [redis_command(port, "ROLE") for port in self.ports]
        following = sum(role[0] == "slave" and role[3] == "connected" for role in roles)
        whole = all(self.is_whole(port) for port in self.ports)
        return whole and following == len(roles) - _PRIMARIES

    def is_whole(self, port: int) -> bool:
        """Tell whether a server knows, for every slot, a primary that runs.

        Args:
            port: Of the server that is asked.

        Returns:
            False from the kill of a primary until its replica has taken over.

        Raises:
            OSError: The server does not answer.
        """
        running = zip(self.processes, self.ports, strict=True)
        alive = {f"{HOST}:{port}" for server, port in running if server.is_running}
        nodes = [line.split() for line in redis_command(port, "CLUSTER", "NODES").splitlines()]
        slots = sum(
            _slots(part) for node in nodes if node[1].split("@")[0] in alive for part in node[8:]
        )
        return slots == _SLOTS and "cluster_state:ok" in redis_command(port, "CLUSTER", "INFO")


def start() -> RedisCluster:
    """Start six servers and make them a cluster, without a password.

    Returns:
        Service with the option ``nodes``, as ``host:port,...``.

    Raises:
        ServiceUnavailableError: There is no server, and none can be installed.
        ServiceStartError: One does not start, or they do not agree.
    """
    binary = find_redis("redis_cluster")
    ports = [free_port() for _ in range(2 * _PRIMARIES)]
    with Guard() as guard:
        servers = [redis_server(guard, binary, port, _settings()) for port in ports]
        nodes = ",".join(f"{HOST}:{port}" for port in ports)
        service = RedisCluster(
            "redis_cluster",
            guard,
            servers,
            port=ports[0],
            url=f"redis://{HOST}:{ports[0]}",
            options={"nodes": nodes},
        )
        for server in servers:
            server.start()
        _join(ports)
        wait_for("the cluster is whole", service.is_complete)
        return service


def _slots(words: str) -> int:
    """Return how many slots a range has, such as ``0-5460``; those on the move do not count."""
    if "[" in words:
        return 0
    first, _, last = words.partition("-")
    return int(last or first) - int(first) + 1


def _settings() -> dict[str, str | int]:
    """Return the directives of one server."""
    return {
        "cluster-enabled": "yes",
        "cluster-node-timeout": 1500,
        "cluster-port": free_port(),
        # Replicas that are not in step yet take nothing over; by default that is 5 s.
        "repl-diskless-sync-delay": 0,
        "appendonly": "yes",
    }


def _join(ports: Sequence[int]) -> None:
    """Make a cluster of empty servers: share out the slots, introduce, follow."""
    primaries, replicas = ports[:_PRIMARIES], ports[_PRIMARIES:]
    bounds = [index * _SLOTS // _PRIMARIES for index in range(_PRIMARIES + 1)]
    for index, port in enumerate(primaries):
        redis_command(port, "CLUSTER", "ADDSLOTSRANGE", bounds[index], bounds[index + 1] - 1)
    for index, port in enumerate(ports):
        redis_command(port, "CLUSTER", "SET-CONFIG-EPOCH", index + 1)
    for port in ports[1:]:
        bus = redis_command(port, "CONFIG", "GET", "cluster-port")[1]
        redis_command(ports[0], "CLUSTER", "MEET", HOST, port, bus)
    ids = [redis_command(port, "CLUSTER", "MYID") for port in primaries]
    for replica, primary in zip(replicas, ids, strict=True):
        wait_for(
            f"server {replica} knows all others",
            lambda replica=replica: _knows(replica, len(ports)),  # type: ignore[misc]
        )
        redis_command(replica, "CLUSTER", "REPLICATE", primary)


def _knows(port: int, count: int) -> bool:
    """Whether a server has shaken hands with all others."""
    nodes = redis_command(port, "CLUSTER", "NODES").splitlines()
    return len(nodes) == count and not any("handshake" in node for node in nodes)
