"""An instance and its table: found when it is first needed, read and changed in one place."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, TypeVar

import lmdb

from zarr_backends import BackendError, Buffer, KeyValueBackend
from zarr_backends_shared_memory._errors import translated
from zarr_backends_shared_memory._folders import path_of
from zarr_backends_shared_memory._keys import stored_key, stored_prefix
from zarr_backends_shared_memory._options import Settings
from zarr_backends_shared_memory._process import lease, release
from zarr_backends_shared_memory._reading import Page
from zarr_backends_shared_memory._table import Table
from zarr_backends_shared_memory._transactions import Changes, Snapshotted, apply

__all__ = ["TableUser"]

_T = TypeVar("_T")
_MISSING: Any = object()


class TableUser(KeyValueBackend):
    """What the methods of the backend stand on: steps in the table or in a transaction."""

    _settings: Settings
    _timeout_s: float
    _table: Table | None = None
    _in: Changes | Snapshotted | None = None
    _give_back: Callable[[], Any] | None = None

    # --- The table ------------------------------------------------------------------

    def _attached(self) -> Table | None:
        """Return the table, None where there is none; one that is gone says so when used."""
        return self._leased(create=False)

    def _made(self) -> Table:
        """Return the table, a new one where there is none."""
        table = self._leased(create=True)
        assert table is not None  # noqa: S101  # that is what create is for
        return table

    def _leased(self, *, create: bool) -> Table | None:
        """Take a share of this process's table."""
        table = self._table
        if table is not None and not table.forked:
            return table
        with self._lock, self._translating():
            if self._table is None or self._table.forked:
                self._detach()
                found = lease(self._settings, create=create)
                if found is not None:
                    self._give_back = weakref.finalize(self, release, found)
                    self._table = found
            return self._table

    def _detach(self) -> None:
        """Give the share back."""
        give_back, self._table, self._give_back = self._give_back, None, None
        if give_back is not None:
            give_back()

    @contextmanager
    def _translating(self, key: str | None = None) -> Iterator[None]:
        """Translate what LMDB and the system raise."""
        try:
            yield
        except (lmdb.Error, OSError) as error:
            path = path_of(self._settings.folder, self._settings.table_name)
            failure = translated(error, path=path, key=key)
            if failure is error:
                raise
            raise failure from error

    # --- Reading --------------------------------------------------------------------

    def _current(self) -> Changes | Snapshotted | None:
        """Return the transaction that is open; that of a parent process is not ours."""
        current = self._in
        if current is not None and current.pid != os.getpid():
            self._in = current = None
        return current

    def _read(
        self, key: str, step: Callable[[Any], _T | None], cut: Callable[[bytes], _T]
    ) -> _T | None:
        """Take a step in a read transaction, or cut what the open transaction has changed."""
        current = self._current()
        if isinstance(current, Changes):
            value = current.values.get(key, _MISSING)
            if value is not _MISSING:
                return None if value is None else cut(value)
        return self._step(step, None)

    def _step(self, step: Callable[[Any], _T], default: _T) -> _T:
        """Take a step in a read transaction; `default` is for a table that is not there."""
        current = self._current()
        if isinstance(current, Snapshotted):
            return current.read(step, default)
        table = self._attached()
        return default if table is None else table.read(step, self._timeout_s)

    def _pages(self, page: Callable[..., Page], prefix: str) -> Iterator[str]:
        """Yield what a listing finds, a page at a time."""
        start: bytes | None = stored_prefix(prefix)
        while start is not None:
            names, start = self._step(partial(page, prefix=prefix, start=start), Page([], None))
            yield from names

    # --- Changing -------------------------------------------------------------------

    def _change(self, values: Mapping[str, bytes | None]) -> None:
        """Set (or delete, where None) several values together."""
        for key in values:
            stored_key(key)
        current = self._current()
        if isinstance(current, Snapshotted):
            raise current.refuse()
        if values and not (current is not None and current.update(values)):
            self._write(lambda t: apply(t, values), next(iter(values)))

    def _write(self, step: Callable[[Any], _T], key: str | None = None) -> _T:
        """Take a step in a write transaction."""
        with self._translating(key):
            return self._made().write(step, self._timeout_s)

    def _exchange(self, key: str, change: Callable[[bytes | None], bytes | None]) -> None:
        """Change a value in the open transaction."""
        stored, current = stored_key(key), self._current()
        if isinstance(current, Snapshotted):
            raise current.refuse()
        if current is not None:
            current.exchange(
                key, lambda: self._step(lambda t: _copied(t.get(stored)), None), change
            )

    def _replaced(self, key: str, old: Buffer | None, new: bytes | None) -> bool:
        """Replace a value if it still is `old`; return whether it was."""
        if new is None and old is None:
            return True
        stored = stored_key(key)

        def exchange(transaction: Any) -> bool:
            if _copied(transaction.get(stored)) != old:
                return False
            apply(transaction, {key: new})
            return True

        return self._write(exchange, key)

    def _locked(self) -> AbstractContextManager[None]:
        """Return a context in which nobody else changes the table."""
        return self._made().locked(self._timeout_s)

    # --- Transactions ---------------------------------------------------------------

    @contextmanager
    def _changing(self) -> Iterator[Changes]:
        """Collect changes, and make them at the end."""
        table, changes = self._made(), Changes()
        with table.locked(self._timeout_s, changes):
            yield changes
            if changes.pid != os.getpid():
                message = "a transaction of the parent process cannot be committed in its child"
                raise BackendError(message, backend=self.backend_id)
            with changes.lock, self._translating():
                changes.ended = True
                if changes.values:
                    table.write(lambda t: apply(t, changes.values), self._timeout_s, changes)

    @contextmanager
    def _reading(self) -> Iterator[Snapshotted]:
        """Hold one state of the table."""
        table = self._attached()
        if table is None:
            yield Snapshotted(None)
            return
        transaction = table.pinned(self._timeout_s)
        snapshot = Snapshotted(transaction)
        try:
            yield snapshot
        finally:
            snapshot.end()
            table.unpin(transaction)


def _copied(value: memoryview | None) -> bytes | None:
    """Return bytes of our own."""
    return None if value is None else bytes(value)
