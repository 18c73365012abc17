"""Faults of transactions among threads, instances and processes."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from zarr_backends import Buffer, ConfigurationError
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__: list[str] = []


class UndoLog(Reference):
    """Writes at once and remembers what was there before."""

    _undo: dict[str, Buffer | None] | None = None

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Remember, and write."""
        for key in values:
            self._remember(key)
        super().set_many(values)

    def delete_many(self, keys: Any) -> None:
        """Remember, and delete."""
        for key in keys:
            self._remember(key)
        super().delete_many(keys)

    def _remember(self, key: str) -> None:
        """Remember the value that is replaced first."""
        if self._undo is not None and key not in self._undo:
            self._undo[key] = self.get(key)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Undo by writing the old values again.

        Yields:
            Nothing.

        Raises:
            ConfigurationError: There is one already.
        """
        if self._undo is not None:
            message = "a transaction has not ended"
            raise ConfigurationError(message, backend=self.backend_id)
        self._undo = {}
        try:
            yield
        except BaseException:
            before, self._undo = self._undo, None
            for key, value in before.items():
                self.delete(key) if value is None else self.set(key, value)
            raise
        finally:
            self._undo = None


_open: dict[str, sqlite3.Connection] = {}


@mutant("ZB-TXN-03", "Other instances of the process read what is not committed yet.")
class SharedConnection(Reference):
    """Reads over the connection that is at hand."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Offer the connection to everyone.

        Yields:
            Nothing.
        """
        with super().transaction():
            _open[self._path] = self._connection()
            try:
                yield
            finally:
                _open.pop(self._path, None)

    def _rows(self, statement: str, *parameters: Any) -> list[Any]:
        """Read over any connection to this file."""
        if self._shared is None and self._path in _open:
            return _open[self._path].execute(statement, parameters).fetchall()
        return super()._rows(statement, *parameters)


@mutant("ZB-TXN-03", "Changes are made at once, and undone where the transaction fails.")
class NoIsolation(UndoLog):
    """Has no transactions of its own."""


@mutant("ZB-TXN-07", "What other threads write in a transaction is committed at once, after it.")
class ThreadsOutside(Reference):
    """Has a connection for each thread, in a transaction too."""

    _owner = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Belong to one thread.

        Yields:
            Nothing.
        """
        late: list[Mapping[str, Buffer]] = []
        try:
            with super().transaction():
                self._owner, self._late = threading.get_ident(), late
                yield
        finally:
            for values in late:
                super().set_many(values)

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Let other threads wait for the end."""
        super().set_many(values)
        if self._shared is not None and self._owner != threading.get_ident():
            self._late.append(dict(values))


@mutant("ZB-TXN-10", "Other processes see what is not committed yet.")
class DirtyForProcesses(UndoLog):
    """Has no transactions of its own."""


@mutant("ZB-TXN-12", "A rollback writes everything again that was there at the beginning.")
class RestoresEverything(Reference):
    """Undoes what others did as well."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Copy everything, and copy it back.

        Yields:
            Nothing.
        """
        before = {key: bytes(self.get(key) or b"") for key in self.list_keys()}
        try:
            with super().transaction():
                yield
        except BaseException:
            time.sleep(0.1)
            now = list(self.list_keys())
            self.set_many(before)
            self.delete_many([key for key in now if key not in before])
            raise
