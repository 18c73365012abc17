"""PostgreSQL, through psycopg 3: the database for many machines.

The url goes to the client as it is. It may name several hosts, of which one takes writes
(``target_session_attrs=read-write``); while none does, connecting is tried again until the
time is over, since that is what a failover looks like.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from itertools import chain
from typing import Any, ClassVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Format
from sqlalchemy import Connection, Table, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.dml import Insert

from zarr_backends import ConfigurationError
from zarr_backends_sql._deadlines import within_deadline
from zarr_backends_sql._drivers import (
    SERVER_SHARE,
    Driver,
    Durability,
    Mode,
    is_readable,
    shut_down,
)
from zarr_backends_sql._tables import SCHEMA_ROW, SCHEMA_VERSION, storage_table

__all__ = ["PostgresqlDriver"]

_NOTICES_LOST_CLIENTS = 140000
"""Version from which a server can look whether its client is still there."""

_IDLE_S = 600
"""Seconds that a transaction of the caller may be idle before the server ends it: its rows must
not stay locked for ever where the caller's machine is gone."""

_PAUSE_S = 0.05
"""Seconds between two attempts to find a host that takes writes."""

_TURN = "SELECT pg_advisory_xact_lock(hashtext('zarr-backends-sql'))"
"""Waits for others that create a table: ``IF NOT EXISTS`` alone fails where two do."""


class _BinaryCursor(psycopg.Cursor[Any]):
    """A cursor that gets values as they are, not as text of twice their length."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.format = Format.BINARY


class PostgresqlDriver(Driver):
    """A server of PostgreSQL, or several that replicate one another."""

    dialect: ClassVar[str] = "postgresql+psycopg://"
    engine_options: ClassVar[Mapping[str, Any]] = {"use_native_hstore": False}

    def __init__(self, place: str, durability: Durability, timeout_s: float) -> None:
        """Take the url apart.

        Raises:
            ConfigurationError: The client does not understand it.
        """
        super().__init__(place, durability, timeout_s)
        try:
            self._parts = conninfo_to_dict(place)
            [int(port or 0) for port in str(self._parts.get("port", "")).split(",")]
        except (psycopg.Error, ValueError):
            message = (
                "url is none that PostgreSQL's client understands; write "
                "postgresql://user@host:5432/database, several hosts with a comma between them, "
                "and special characters of a password as %XX"
            )
            # Not chained: what the client says quotes the password.
            raise ConfigurationError(message, option="url") from None
        self._nhosts = len(str(self._parts.get("host", "")).split(","))
        self._conninfo = make_conninfo(place, **self._defaults())
        if durability == "memory":
            self.schema_version = SCHEMA_VERSION + b" unlogged"

    def _defaults(self) -> dict[str, Any]:
        """Return settings that the url does not have."""
        wanted = {
            "connect_timeout": max(2, math.ceil(self.timeout_s / self._nhosts)),
            "tcp_user_timeout": math.ceil(self.timeout_s * 1000),
            "application_name": "zarr-backends-sql",
        }
        return {name: value for name, value in wanted.items() if name not in self._parts}

    def connect(self) -> psycopg.Connection[Any]:
        """Connect, within the deadline of this thread."""
        return within_deadline(self._connected, lambda connection: connection.close())

    def _connected(self) -> psycopg.Connection[Any]:
        """Connect, and try again where there are several hosts and none takes writes."""
        end = time.monotonic() + self.timeout_s
        while True:
            try:
                return self._connected_once()
            except psycopg.OperationalError:
                if self._nhosts == 1 or time.monotonic() + _PAUSE_S > end:
                    raise
            time.sleep(_PAUSE_S)

    def _connected_once(self) -> psycopg.Connection[Any]:
        """Connect, and have the server give up what takes too long."""
        connection = psycopg.connect(self._conninfo, autocommit=True, cursor_factory=_BinaryCursor)
        # The server gives up before this side does, so that what timed out is not done later;
        # and a client that is gone must not keep rows locked.
        limit = str(math.ceil(self.timeout_s * 1000 * SERVER_SHARE))
        settings = {"statement_timeout": limit, "idle_in_transaction_session_timeout": limit}
        if connection.info.server_version >= _NOTICES_LOST_CLIENTS:
            settings["client_connection_check_interval"] = "1000"
        setting = ", ".join(["set_config(%s, %s, false)"] * len(settings))
        try:
            connection.execute(f"SELECT {setting}", [*chain(*settings.items())])
        except BaseException:
            connection.close()
            raise
        return connection

    def is_stale(self, connection: Any) -> bool:
        """Whether the server has ended the connection."""
        return bool(connection.closed) or is_readable(connection.fileno())

    def interrupt(self, connection: Any) -> None:
        """Shut the socket down."""
        shut_down(connection.fileno())

    def table(self, name: str) -> Table:
        """Return the table of a name."""
        return storage_table(name, unlogged=self.durability == "memory")

    def begin(self, connection: Connection, mode: Mode) -> None:
        """Begin a transaction; one that the caller's own code runs in may take longer."""
        super().begin(connection, mode)
        if mode == "snapshot":
            connection.execution_options(postgresql_readonly=True)
        if mode != "update":
            setting = f"SET LOCAL idle_in_transaction_session_timeout = '{_IDLE_S}s'"
            connection.exec_driver_sql(setting)

    def upsert(self, table: Table) -> Insert:
        """Return the statement that replaces a row or inserts it."""
        new = insert(table)
        return new.on_conflict_do_update(
            index_elements=["array_id", "key"], set_={"value": new.excluded.value}
        )

    def insert_new(self, table: Table) -> Insert:
        """Return the statement that inserts a row unless it is there."""
        return insert(table).on_conflict_do_nothing()

    def create(self, connection: Connection, table: Table) -> None:
        """Create the table; its values are stored as they are, in pieces that ranges find."""
        self.begin(connection, "update")
        connection.execute(text(_TURN))
        connection.execute(CreateTable(table, if_not_exists=True))
        name = connection.dialect.identifier_preparer.format_table(table)
        connection.exec_driver_sql(f"ALTER TABLE {name} ALTER COLUMN value SET STORAGE EXTERNAL")
        row = dict(zip(("array_id", "key"), SCHEMA_ROW, strict=True), value=self.schema_version)
        connection.execute(self.insert_new(table), row)
        connection.commit()

    def describe(self) -> str:
        """Return user, hosts and database as a url."""
        parts = {"user": "", "host": "", "port": "", "dbname": "", **self._parts}
        hosts = str(parts["host"]).split(",")
        ports = str(parts["port"] or "5432").split(",")
        ports *= len(hosts) if len(ports) == 1 else 1
        places = ",".join(f"{host}:{port}" for host, port in zip(hosts, ports, strict=False))
        user = f"{parts['user']}@" if parts["user"] else ""
        return f"postgresql://{user}{places}/{parts['dbname'] or ''}"
