"""A backend that is right: many arrays in one SQLite file, with every capability.

The mutants differ from it by one fault each. SQLite gives what the contract asks for,
atomic replacement, transactions, many processes, without a server. Values are rows of
(place, key, value) and every statement is one transaction, unless `transaction` is open.

A connection belongs to one thread of one process: each opens its own, and a forked child
starts anew. While a transaction is open the threads of its instance share the
connection of that transaction, one after the other.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from zarr_backends import (
    BackendError,
    BackendTimeoutError,
    Buffer,
    ConfigurationError,
    KeyValueBackend,
    StorageFullError,
    Transform,
    contiguous_view,
)
from zarr_backends_compliance._mutants.connection import Connection

__all__ = ["Reference"]

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS entries (
        place TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (place, key)
    ) WITHOUT ROWID
"""

_PAGE = 500
"""Rows that one step of a listing reads."""

_REST = 2**31 - 1
"""More bytes than a value of SQLite can have."""


class Reference(KeyValueBackend):
    """Keeps values in a table of a SQLite database."""

    backend_id: ClassVar[str] = "reference"

    def connect(self, *, path: str, array_id: str = "a", timeout_s: float = 30.0) -> None:
        """Take the place; the file is made by the first write.

        Args:
            path: The database.
            array_id: Which array in it.
            timeout_s: Seconds to wait for other writers.

        Raises:
            ConfigurationError: An option is of a wrong type or empty.
        """
        for name, value in (("path", path), ("array_id", array_id)):
            if not isinstance(value, str | os.PathLike) or not str(value) or "\0" in str(value):
                message = f"{name} must be a string, not {value!r:.80}"
                raise ConfigurationError(message, backend=self.backend_id, option=name)
        if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or timeout_s < 0:
            message = f"timeout_s must be a number of seconds, not {timeout_s!r:.80}"
            raise ConfigurationError(message, backend=self.backend_id, option="timeout_s")
        self._path = os.path.abspath(path)  # noqa: PTH100  # resolve() would follow links
        self._options = {"path": self._path, "array_id": array_id, "timeout_s": timeout_s}
        self._place = array_id
        self._timeout_s = timeout_s
        self._connections: dict[tuple[int, int], Connection] = {}
        self._shared: Connection | None = None

    # --- Values ---------------------------------------------------------------------

    def get(self, key: str) -> Buffer | None:
        """Return a value, None where there is none."""
        rows = self._rows("SELECT value FROM entries WHERE place = ? AND key = ?", self._place, key)
        return rows[0][0] if rows else None

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return ``value[start:stop]``, cut by the database in one step."""
        first = "max(0, length(value) + ?)" if start < 0 else "min(length(value), ?)"
        nbytes = _REST if stop is None else min(_REST, max(0, stop - start))
        rows = self._rows(
            f"SELECT substr(value, 1 + {first}, ?) FROM entries WHERE place = ? AND key = ?",  # noqa: S608  # a constant
            *(start, nbytes, self._place, key),
        )
        return (rows[0][0] or b"") if rows else None  # a part of nothing is NULL

    def size(self, key: str) -> int | None:
        """Return the length of a value, None where there is none."""
        rows = self._rows(
            "SELECT length(value) FROM entries WHERE place = ? AND key = ?", self._place, key
        )
        return rows[0][0] if rows else None

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value."""
        self.set_many({key: value})

    def delete(self, key: str) -> None:
        """Delete a value."""
        self.delete_many([key])

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that start with `prefix`, sorted, a page at a time."""
        after = ""
        while True:
            rows = self._rows(
                "SELECT key FROM entries WHERE place = ? AND key > ? AND substr(key, 1, ?) = ?"
                " ORDER BY key LIMIT ?",
                *(self._place, after, len(prefix), prefix, _PAGE),
            )
            yield from (key for (key,) in rows)
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    # --- Several at once ------------------------------------------------------------

    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return several values in the order of their keys, as of one moment."""
        with self._writing() if keys else self._connected() as database:
            statement = "SELECT value FROM entries WHERE place = ? AND key = ?"
            found = [database.rows(statement, (self._place, key)) for key in keys]
        return [rows[0][0] if rows else None for rows in found]

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Replace several values together."""
        rows = [(self._place, key, contiguous_view(value)) for key, value in values.items()]
        with self._writing() as database:
            database.executemany("REPLACE INTO entries VALUES (?, ?, ?)", rows)

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete several values together."""
        rows = [(self._place, key) for key in keys]
        with self._writing() as database:
            database.executemany("DELETE FROM entries WHERE place = ? AND key = ?", rows)

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists; return whether it was set."""
        with self._writing() as database:
            return bool(
                database.execute(
                    "INSERT OR IGNORE INTO entries VALUES (?, ?, ?)",
                    (self._place, key, contiguous_view(value)),
                ).rowcount
            )

    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)`` while no one else can write."""
        with self._writing():
            old = self.get(key)
            value = transform(old)
            if value is not None:
                self.set(key, value)
            elif old is not None:
                self.delete(key)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything that is done meanwhile together, or nothing.

        Yields:
            Nothing; the instance itself is used.

        Raises:
            ConfigurationError: A transaction of this instance has not ended.
        """
        with self._lock:
            if self._shared is not None:
                message = "a transaction of this instance has not ended; finish it first"
                raise ConfigurationError(message, backend=self.backend_id, option="transaction")
            self._shared = self._begun(self._connection())
        try:
            yield
        except BaseException:
            self._ended("ROLLBACK")
            self._layout = None  # it may be that of a document which is gone
            raise
        self._ended("COMMIT")

    # --- Life -----------------------------------------------------------------------

    def close(self) -> None:
        """Close the connections; a later call connects again."""
        for process, thread in list(self._connections):
            if process == os.getpid():  # those of a parent are not ours to touch
                self._connections.pop((process, thread)).close()

    def __enter__(self) -> Self:
        """Return the instance itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        """Close."""
        self.close()

    def __repr__(self) -> str:
        """Show the place."""
        return f"<{type(self).__name__} path={self._path!r} array_id={self._place!r}>"

    # --- The database ---------------------------------------------------------------

    def _connection(self) -> Connection:
        """Return this thread's connection in this process, made if need be."""
        user = os.getpid(), threading.get_ident()
        database = self._connections.get(user)
        if database is None:
            Path(self._path).parent.mkdir(parents=True, exist_ok=True)
            database = Connection(
                self._path, timeout=self._timeout_s, isolation_level=None, check_same_thread=False
            )
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = OFF")
            database.execute(_SCHEMA)
            self._connections[user] = database
        return database

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Give the connection to use: that of the open transaction, or this thread's own."""
        with _translated(self.backend_id):
            if self._shared is None:
                yield self._connection()
                return
            with self._lock:
                yield self._shared or self._connection()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Give a connection inside a transaction, which is committed at the end."""
        with self._connected() as database:
            if database.in_transaction:
                yield database
                return
            self._begun(database)
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    def _begun(self, database: Connection) -> Connection:
        """Begin a transaction that no other writer disturbs."""
        with _translated(self.backend_id):
            database.execute("BEGIN IMMEDIATE")
        return database

    def _ended(self, statement: str) -> None:
        """End the transaction of this instance."""
        with self._lock, _translated(self.backend_id):
            database, self._shared = self._shared, None
            if database is not None:
                database.execute(statement)

    def _rows(self, statement: str, *parameters: Any) -> list[Any]:
        """Return the rows of a query; reading makes no file."""
        if not os.path.exists(self._path):  # noqa: PTH110  # once for every read
            return []
        with self._connected() as database:
            return database.rows(statement, parameters)


@contextmanager
def _translated(backend_id: str) -> Iterator[None]:
    """Turn errors of SQLite into ours."""
    try:
        yield
    except sqlite3.Error as error:
        message = f"SQLite: {error}"
        failure = _error_of(getattr(error, "sqlite_errorname", ""))(message, backend=backend_id)
        raise failure from error


def _error_of(name: str) -> Callable[..., BackendError]:
    """Return the class of the error that SQLite calls by a name."""
    if name.startswith("SQLITE_BUSY"):
        return BackendTimeoutError
    return StorageFullError if name == "SQLITE_FULL" else BackendError
