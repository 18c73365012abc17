"""Transactions of an instance, which all of its threads share.

LMDB binds a write transaction to one thread, and loses it when the map has to grow. So what
is changed is kept here, and goes into the table in one step at the end; until then the right
to change the table is held, so that nothing of what is read can change.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from zarr_backends import BackendError, ConfigurationError
from zarr_backends_shared_memory._keys import name_entry, stored_key

__all__ = ["Changes", "Snapshotted", "apply"]

_T = TypeVar("_T")
_Change: TypeAlias = Callable[[bytes | None], bytes | None]


class Changes:
    """What a transaction has changed: values by key, None for those that were deleted."""

    def __init__(self) -> None:
        """Begin without any."""
        self.pid = os.getpid()
        self.thread = threading.get_ident()
        self.lock = threading.RLock()
        self.values: dict[str, bytes | None] = {}
        self.ended = False

    def update(self, values: Mapping[str, bytes | None]) -> bool:
        """Change several values; return whether the transaction had not ended."""
        with self.lock:
            if not self.ended:
                self.values.update(values)
            return not self.ended

    def exchange(self, key: str, read: Callable[[], Any], transform: _Change) -> None:
        """Replace a value by ``transform(old)`` while no other thread changes anything."""
        with self.lock:
            old = self.values[key] if key in self.values else read()
            self.values[key] = transform(old)

    def keys_with(self, prefix: str) -> tuple[set[str], list[str]]:
        """Return all keys that were changed, and those that begin with a prefix and exist."""
        with self.lock:
            there = [k for k, v in self.values.items() if v is not None and k.startswith(prefix)]
            return set(self.values), there


class Snapshotted:
    """One state of a table: a read transaction that several threads use by turns."""

    def __init__(self, transaction: Any) -> None:
        """Take an open transaction of LMDB; None stands for a table that is not there."""
        self.pid = os.getpid()
        self.transaction = transaction
        self.ended = False
        self._lock = threading.Lock()

    def read(self, step: Callable[[Any], _T], default: _T) -> _T:
        """Take a step in it.

        Returns:
            What it returns; `default` where the table is not there.

        Raises:
            BackendError: It has ended.
        """
        with self._lock:
            if self.ended:
                message = "the transaction ended while this thread was reading in it"
                raise BackendError(message, backend="shared_memory")
            return default if self.transaction is None else step(self.transaction)

    def end(self) -> None:
        """Refuse further steps."""
        with self._lock:
            self.ended = True

    def refuse(self) -> ConfigurationError:
        """Return the error about a change in it."""
        message = "transaction(read_only=True) reads one state of the table; nothing can be changed"
        return ConfigurationError(message, backend="shared_memory")


def apply(transaction: Any, values: Mapping[str, bytes | None]) -> None:
    """Make changes in a write transaction of LMDB."""
    for key, value in values.items():
        stored = stored_key(key)
        entry = name_entry(stored)
        if value is None:
            transaction.delete(stored)
            if entry is not None:
                transaction.delete(entry)
            continue
        transaction.put(stored, value)
        if entry is not None:
            transaction.put(entry, key.encode())
