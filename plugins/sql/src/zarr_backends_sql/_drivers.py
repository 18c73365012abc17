"""What databases have in common, and what each has to answer for itself."""

from __future__ import annotations

import os
import select
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar, Literal, TypeAlias

from sqlalchemy import Connection, Table
from sqlalchemy.sql.dml import Insert

from zarr_backends_sql._tables import SCHEMA_VERSION, storage_table

__all__ = ["SERVER_SHARE", "Driver", "Durability", "Mode", "is_readable", "shut_down"]

Durability: TypeAlias = Literal["disk", "memory"]

Mode: TypeAlias = Literal["update", "transaction", "snapshot"]
"""What a transaction is for: one row that is read and written, whatever the caller does, or
reading alone."""

SERVER_SHARE = 0.9
"""Part of the time of a call after which the server itself gives up waiting for a lock."""


class Driver(ABC):
    """How to reach one database, and how it differs from others.

    Args:
        place: Path or url, with its credentials.
        durability: What has to outlive a crash of the machine.
        timeout_s: Seconds that a call may take.
    """

    dialect: ClassVar[str]
    """SQLAlchemy's url of the dialect and its driver, without a place."""

    concurrency: ClassVar[int] = 16
    """Calls at a time that serve it best."""

    write_lock: threading.Lock | None = None
    """Held while something is written, where there is one writer at a time anyway."""

    schema_version: bytes = SCHEMA_VERSION
    """What the table's own row says."""

    engine_options: ClassVar[Mapping[str, Any]] = {}
    """Further arguments for ``sqlalchemy.create_engine``."""

    def __init__(self, place: str, durability: Durability, timeout_s: float) -> None:
        """Keep the place; nothing is connected."""
        self.place = place
        self.durability = durability
        self.timeout_s = timeout_s

    @abstractmethod
    def connect(self) -> Any:
        """Return a new connection of the database's own client."""

    @abstractmethod
    def is_stale(self, connection: Any) -> bool:
        """Whether a connection that was idle has ended meanwhile; asks no server."""

    @abstractmethod
    def interrupt(self, connection: Any) -> None:
        """Make what another thread does with a connection fail."""

    @abstractmethod
    def upsert(self, table: Table) -> Insert:
        """Return the statement that replaces a row or inserts it."""

    @abstractmethod
    def insert_new(self, table: Table) -> Insert:
        """Return the statement that inserts a row unless it is there."""

    @abstractmethod
    def describe(self) -> str:
        """Return the place without its credentials."""

    def is_there(self) -> bool:
        """Whether there may be something at the place; False only if there cannot."""
        return True

    def table(self, name: str) -> Table:
        """Return the table of a name."""
        return storage_table(name)

    def begin(self, connection: Connection, mode: Mode) -> None:
        """Begin a transaction on a connection that commits by itself otherwise."""
        levels = {"update": "READ COMMITTED", "transaction": "SERIALIZABLE"}
        level = levels.get(mode, "REPEATABLE READ")
        connection.commit()  # SQLAlchemy changes the level between transactions alone
        connection.execution_options(isolation_level=level)

    def create(self, connection: Connection, table: Table) -> None:
        """Create the table unless it is there, and its own row."""
        table.create(connection, checkfirst=False)


def is_readable(file_number: int) -> bool:
    """Whether a socket has something to read; an idle one has only its end."""
    if file_number < 0:
        return True
    if not hasattr(select, "poll"):
        return bool(select.select([file_number], [], [], 0)[0])
    poll = select.poll()
    poll.register(file_number, select.POLLIN)
    return bool(poll.poll(0))


def shut_down(file_number: int) -> None:
    """End both directions of a connection, which wakes whoever waits for it."""
    if file_number < 0:
        return
    with suppress(OSError), socket.socket(fileno=os.dup(file_number)) as copy:
        copy.shutdown(socket.SHUT_RDWR)
