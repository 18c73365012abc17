"""SQLite: a file, shared by threads and processes of one machine.

Write-ahead logging lets readers go on beside a writer. There is one writer at a time: those
of this process wait for one another in line, and for other processes by SQLite's time-out.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.dml import Insert

from zarr_backends_sql._drivers import Driver, Durability, Mode
from zarr_backends_sql._tables import SCHEMA_ROW

__all__ = ["SqliteDriver"]

_MMAP_NBYTES = 2**30
"""Bytes of the file that are read without a copy by the system."""


class _Connection(sqlite3.Connection):
    """A connection that knows which file it opened, whatever has its name later."""

    identity: tuple[int, int] | None = None


class SqliteDriver(Driver):
    """A file of SQLite."""

    dialect: ClassVar[str] = "sqlite+pysqlite://"
    concurrency: ClassVar[int] = 4

    def __init__(self, place: str, durability: Durability, timeout_s: float) -> None:
        """Keep the absolute path."""
        super().__init__(place, durability, timeout_s)
        self.write_lock = threading.Lock()

    def connect(self) -> _Connection:
        """Open the file, which is made if need be."""
        Path(self.place).parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            f"file:{quote(self.place)}",
            uri=True,
            timeout=self.timeout_s,
            isolation_level=None,
            check_same_thread=False,
            factory=_Connection,
        )
        try:
            self._set_up(connection)
        except BaseException:
            connection.close()
            raise
        connection.identity = _identity(self.place)
        return connection

    def _set_up(self, connection: sqlite3.Connection) -> None:
        """Set what belongs to a connection; the journal's mode stays with the file."""
        synchronous = "OFF" if self.durability == "memory" else "FULL"
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA mmap_size = {_MMAP_NBYTES}")
        end = time.monotonic() + self.timeout_s
        while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            try:
                connection.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as error:
                # Who changes the mode is refused at once where another one does so too.
                if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > end:
                    raise
                time.sleep(0.005)
            else:
                break

    def is_stale(self, connection: Any) -> bool:
        """Whether the file has been removed or replaced."""
        return bool(connection.identity != _identity(self.place))

    def interrupt(self, connection: Any) -> None:
        """End a query that takes too long."""
        connection.interrupt()

    def is_there(self) -> bool:
        """Whether there is a file."""
        return os.path.exists(self.place)  # noqa: PTH110  # asked at every first read

    def begin(self, connection: Connection, mode: Mode) -> None:
        """Begin a transaction; one that may write keeps other writers out from now on."""
        connection.commit()
        connection.exec_driver_sql("BEGIN" if mode == "snapshot" else "BEGIN IMMEDIATE")

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
        """Create the table while no one else can."""
        self.begin(connection, "update")
        connection.execute(CreateTable(table, if_not_exists=True))
        row = dict(zip(("array_id", "key"), SCHEMA_ROW, strict=True), value=self.schema_version)
        connection.execute(self.insert_new(table), row)
        connection.commit()

    def describe(self) -> str:
        """Return the path as a url."""
        return f"sqlite:///{self.place}"


def _identity(path: str) -> tuple[int, int] | None:
    """Return what tells a file from another one of its name, None where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116  # asked at every call
    except OSError:
        return None
    return status.st_dev, status.st_ino
