"""MariaDB and MySQL, through PyMySQL."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.mysql import insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.dml import Insert

from zarr_backends import ConfigurationError
from zarr_backends_sql._deadlines import within_deadline
from zarr_backends_sql._drivers import SERVER_SHARE, Driver, Durability, is_readable, shut_down
from zarr_backends_sql._tables import SCHEMA_ROW

__all__ = ["MysqlDriver"]


class MysqlDriver(Driver):
    """A server of MariaDB or MySQL."""

    dialect: ClassVar[str] = "mysql+pymysql://"
    engine_options: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, place: str, durability: Durability, timeout_s: float) -> None:
        """Take the url apart.

        Raises:
            ConfigurationError: It cannot be understood, or there are no tables in memory, or
                the client is not installed.
        """
        super().__init__(place, durability, timeout_s)
        if durability == "memory":
            message = (
                "durability='memory' is not to be had from MariaDB and MySQL, whose tables in "
                "memory take no values of this size; leave it out"
            )
            raise ConfigurationError(message, option="durability")
        try:
            import pymysql  # type: ignore[import-untyped]  # noqa: F401, PLC0415  # an extra
        except ModuleNotFoundError as error:
            message = "urls of MariaDB and MySQL need: pip install 'zarr-backends-sql[mysql]'"
            raise ConfigurationError(message, option="url") from error
        self._options = self._parsed(place)

    def _parsed(self, place: str) -> dict[str, Any]:
        """Return the arguments of PyMySQL that a url stands for.

        Raises:
            ConfigurationError: It cannot be understood.
        """
        try:
            url = make_url(f"mysql+pymysql://{place.partition('://')[2]}")
            _, options = url.get_dialect()().create_connect_args(url)
        except (ArgumentError, ValueError):
            message = "url cannot be understood; write mysql://user@host:3306/database"
            # Not chained: what is said quotes the password.
            raise ConfigurationError(message, option="url") from None
        limit = max(1, math.ceil(self.timeout_s))
        limits = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), limit)
        return {**limits, **options, "client_flag": options.get("client_flag", 0)}

    def connect(self) -> Any:
        """Connect, within the deadline of this thread."""
        return within_deadline(self._connected, lambda connection: connection.close())

    def _connected(self) -> Any:
        """Connect; every lock is waited for no longer than a call may take."""
        import pymysql  # noqa: PLC0415  # an extra

        seconds = max(1, int(self.timeout_s * SERVER_SHARE))
        begin = f"SET innodb_lock_wait_timeout = {seconds}, net_read_timeout = {seconds}"
        return pymysql.connect(**self._options, autocommit=True, init_command=begin)

    def is_stale(self, connection: Any) -> bool:
        """Whether the server has ended the connection."""
        return is_readable(_file_number(connection))

    def interrupt(self, connection: Any) -> None:
        """Shut the socket down."""
        shut_down(_file_number(connection))

    def upsert(self, table: Table) -> Insert:
        """Return the statement that replaces a row or inserts it."""
        new = insert(table)
        return new.on_duplicate_key_update(value=new.inserted.value)

    def insert_new(self, table: Table) -> Insert:
        """Return the statement that inserts a row unless it is there."""
        return insert(table).prefix_with("IGNORE")

    def create(self, connection: Connection, table: Table) -> None:
        """Create the table, which commits by itself, and then its row."""
        connection.execute(CreateTable(table, if_not_exists=True))
        row = dict(zip(("array_id", "key"), SCHEMA_ROW, strict=True), value=self.schema_version)
        connection.execute(self.insert_new(table), row)

    def describe(self) -> str:
        """Return user, host and database as a url."""
        options = {"user": "", "host": "localhost", "port": 3306, "database": "", **self._options}
        user = f"{options['user']}@" if options["user"] else ""
        return f"mysql://{user}{options['host']}:{options['port']}/{options['database']}"


def _file_number(connection: Any) -> int:
    """Return the number of a connection's socket, -1 where it is closed."""
    sock = getattr(connection, "_sock", None)
    return -1 if sock is None else sock.fileno()
