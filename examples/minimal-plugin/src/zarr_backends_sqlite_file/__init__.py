"""Chunks and metadata of arrays as rows of one table, in a SQLite file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import zarr_backends as zb

__all__ = ["SqliteBackend"]

_TABLE = "CREATE TABLE IF NOT EXISTS pairs (id, key, value, PRIMARY KEY (id, key))"
_PAGE = 1000


class SqliteBackend(zb.KeyValueBackend):
    """Every call opens the file anew, so threads and processes are SQLite's business."""

    backend_id: ClassVar[str] = "sqlite_file"

    def connect(self, *, path: str, array_id: str = "a", timeout_s: float = 30.0) -> None:
        """Take the file, which the first write makes, an array in it, and a limit for waiting."""
        try:
            self._path = Path(os.fsdecode(os.fsencode(path))).absolute()
            if not path or not isinstance(array_id, str) or "\0" in f"{path}{array_id}":
                raise ValueError  # noqa: TRY301  # told like all the others
            self._array, self._timeout_s = array_id.encode(), float(timeout_s)
        except (TypeError, ValueError) as error:
            message = f"path={path!r:.80}, array_id={array_id!r:.80}, timeout_s={timeout_s!r:.80}"
            raise zb.ConfigurationError(message, backend=self.backend_id) from error
        self._options = {"path": str(self._path), "array_id": array_id, "timeout_s": timeout_s}

    def get(self, key: str) -> bytes | None:
        """Return a value, None where there is none."""
        with self._database() as database:
            return self._value(database, key) if database else None

    def set(self, key: str, value: zb.Buffer) -> None:
        """Replace a value."""
        view = zb.contiguous_view(value)
        self.update(key, lambda _: view)

    def delete(self, key: str) -> None:
        """Delete a value."""
        if self._path.exists():
            self.update(key, lambda _: None)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that begin with `prefix`, a page at a time."""
        query = "SELECT key FROM pairs WHERE id = ? AND key > ? AND substr(key, 1, ?) = ?"
        page = [("",)]
        while page:
            with self._database() as database:
                values = self._array, page[-1][0], len(prefix), prefix
                query_page = f"{query} ORDER BY key LIMIT {_PAGE}"
                page = database.execute(query_page, values).fetchall() if database else []
            yield from (key for (key,) in page)

    def update(self, key: str, transform: zb.Transform) -> None:
        """Replace a value by ``transform(old)`` while nobody else can write."""
        with self._database(writing=True) as database:
            value = transform(self._value(database, key))
            database.execute("DELETE FROM pairs WHERE id = ? AND key = ?", (self._array, key))
            if value is not None:
                row = self._array, key, zb.contiguous_view(value)
                database.execute("INSERT INTO pairs VALUES (?, ?, ?)", row)

    def _value(self, database: sqlite3.Connection, key: str) -> bytes | None:
        query = "SELECT value FROM pairs WHERE id = ? AND key = ?"
        row = database.execute(query, (self._array, key)).fetchone()
        return row[0] if row else None

    @contextmanager
    def _database(self, *, writing: bool = False) -> Iterator[Any]:
        """Give the open file, None where there is none; a writer has it to itself."""
        if not writing and not self._path.exists():
            yield None
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, self._timeout_s)) as database, database:
                database.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
                database.execute(_TABLE)
                yield database
        except sqlite3.Error as error:
            busy = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
            kind = zb.BackendTimeoutError if busy else zb.BackendError
            message = f"{self._path}: {error}"
            raise kind(message, backend=self.backend_id) from error
