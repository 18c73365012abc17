"""A connection to SQLite that one thread can close while another one uses it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from typing import Any

__all__ = ["Connection"]


class Connection(sqlite3.Connection):
    """Is closed between two statements: CPython crashes where one is still running."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Connect."""
        super().__init__(*arguments, **options)
        self.turn = threading.RLock()

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        """Run a statement."""
        with self.turn:
            return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:
        """Run a statement several times."""
        with self.turn:
            return super().executemany(*arguments)

    def rows(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        """Return all rows of a query."""
        with self.turn:
            return self.execute(statement, parameters).fetchall()

    def close(self) -> None:
        """Close, once nobody uses it."""
        with self.turn:
            super().close()
