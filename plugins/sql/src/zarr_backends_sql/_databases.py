"""Databases that instances of this process share: one pool of connections for each.

A pool is closed with the last instance that uses it. A forked child opens pools of its own
and never touches those of its parent.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any, NamedTuple

from sqlalchemy import Connection, QueuePool, Table, create_engine, event, select
from sqlalchemy.exc import InvalidatePoolError

from zarr_backends import BackendTimeoutError, ConfigurationError
from zarr_backends_sql._deadlines import Deadline, current_deadline
from zarr_backends_sql._drivers import Driver, Durability
from zarr_backends_sql._errors import BACKEND_ID, TableGoneError, translated
from zarr_backends_sql._tables import SCHEMA_ROW

__all__ = ["Database", "Settings", "leased"]

_IN_USE_FOR_EACH_KEPT = 3
"""Connections that may be open for each that the pool keeps: transactions hold one each, and
what is done beside them needs others."""


class Settings(NamedTuple):
    """What two instances must have in common to share connections."""

    driver: type[Driver]
    place: str
    durability: Durability
    timeout_s: float
    max_concurrency: int


class Database:
    """A database, its pool, and what is known of its tables."""

    def __init__(self, settings: Settings) -> None:
        """Prepare; nothing is connected."""
        self.driver = settings.driver(settings.place, settings.durability, settings.timeout_s)
        self.users = 0
        self._ready: set[str] = set()
        self._slots = threading.BoundedSemaphore(settings.max_concurrency * _IN_USE_FOR_EACH_KEPT)
        self._engine = create_engine(
            self.driver.dialect,
            creator=self.driver.connect,
            poolclass=QueuePool,
            pool_size=settings.max_concurrency,
            max_overflow=-1,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
            **self.driver.engine_options,
        )
        event.listen(self._engine, "checkout", self._checked_out)

    @contextmanager
    def connection(self, deadline: Deadline) -> Iterator[Connection]:
        """Give a connection, which commits by itself, and take it back.

        Args:
            deadline: Time for getting it and for giving it back.

        Yields:
            The connection.

        Raises:
            BackendTimeoutError: There was none in time.
            ZarrBackendsError: The database cannot be reached.
        """
        with deadline:
            if not self._slots.acquire(timeout=deadline.remaining):
                message = f"every connection was in use for {deadline.timeout_s:g} s"
                cause = TimeoutError("connections")
                raise BackendTimeoutError(message, backend=BACKEND_ID) from cause
        try:
            with deadline, translated(deadline):
                connection = self._engine.connect()
            try:
                yield connection
            finally:
                with deadline, suppress(Exception):  # it is dropped where this fails
                    connection.close()
        finally:
            self._slots.release()

    def writing(self, deadline: Deadline) -> AbstractContextManager[Any]:
        """Return a context in which this process may write.

        Args:
            deadline: Time for waiting for others.

        Returns:
            The context; entering it raises BackendTimeoutError where others take too long.
        """
        lock = self.driver.write_lock
        if lock is None:
            return nullcontext()
        return self._alone(lock, deadline)

    @staticmethod
    @contextmanager
    def _alone(lock: threading.Lock, deadline: Deadline) -> Iterator[None]:
        """Hold a lock.

        Yields:
            Nothing.

        Raises:
            BackendTimeoutError: Others have not released it in time.
        """
        with deadline:
            if not lock.acquire(timeout=deadline.remaining):
                message = f"others were writing for {deadline.timeout_s:g} s"
                cause = TimeoutError("write lock")
                raise BackendTimeoutError(message, backend=BACKEND_ID) from cause
        try:
            yield
        finally:
            lock.release()

    def has(self, connection: Connection, table: Table) -> bool:
        """Return whether a table is there; it is asked once.

        Raises:
            ConfigurationError: It is of another version, or of another durability.
        """
        if table.name in self._ready:
            return True
        array_id, key = SCHEMA_ROW
        query = select(table.c.value).where(table.c.array_id == array_id, table.c.key == key)
        try:
            with translated(current_deadline() or Deadline(0)):
                version = connection.execute(query).scalar()
        except TableGoneError:
            return False
        if version is None:
            return False
        if bytes(version) != self.driver.schema_version:
            message = (
                f"table {table.name!r} has the layout {bytes(version)[:40]!r}, this call needs "
                f"{self.driver.schema_version!r}: give another table, the durability it was made "
                "with, or a newer zarr-backends-sql"
            )
            raise ConfigurationError(message, backend=BACKEND_ID, option="table")
        self._ready.add(table.name)
        return True

    def ensure(self, connection: Connection, table: Table) -> None:
        """Create a table unless it is there."""
        if not self.has(connection, table):
            self.driver.create(connection, table)
            self.has(connection, table)

    def forget(self, table: Table) -> None:
        """Ask again whether a table is there."""
        self._ready.discard(table.name)

    def dispose(self) -> None:
        """Close every connection that is not in use."""
        self._engine.dispose()

    def _checked_out(self, connection: Any, *_: object) -> None:
        """Look at a connection that leaves the pool, and have the deadline watch it.

        Raises:
            InvalidatePoolError: It has ended; the pool makes another one.
        """
        if self.driver.is_stale(connection):
            raise InvalidatePoolError
        deadline = current_deadline()
        if deadline is not None:
            deadline.watch(lambda: self.driver.interrupt(connection))


_databases: dict[tuple[int, Settings], Database] = {}
_lock = threading.RLock()


def _forget_lock() -> None:
    """Start with a free lock in a forked child; another thread may have held it."""
    global _lock  # noqa: PLW0603  # the one place where it changes
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_lock)


def leased(settings: Settings, owner: object) -> tuple[Database, Callable[[], object]]:
    """Return the database of some settings, and the function that gives it back.

    Args:
        settings: Which.
        owner: Who uses it; it is given back at the latest when this object is gone.
    """
    key = os.getpid(), settings
    with _lock:
        database = _databases.get(key)
        if database is None:
            database = _databases[key] = Database(settings)
        database.users += 1
    return database, weakref.finalize(owner, _give_back, key, database)


def _give_back(key: tuple[int, Settings], database: Database) -> None:
    """Take note that someone is done; close the pool after the last."""
    if key[0] != os.getpid():
        return
    with _lock:
        database.users -= 1
        if database.users:
            return
        if _databases.get(key) is database:
            del _databases[key]
    database.dispose()
