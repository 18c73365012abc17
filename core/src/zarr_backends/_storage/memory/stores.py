"""Dictionaries of this process that hold the values of the backend ``memory``.

A store with a name is kept as long as it holds something; one without a name, or empty,
goes with the last backend that uses it. A pickle carries the identity of a store, never its
values: unpickled in the same process it finds the store again, elsewhere it becomes one
that raises as soon as it is used. (Raising in the middle of unpickling would leave pools of
processes waiting for ever.)
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from threading import Lock
from typing import NamedTuple
from weakref import WeakValueDictionary

from zarr_backends.errors import ConfigurationError

__all__ = ["Identity", "MemoryStore", "find_store", "named_store", "unnamed_store"]


class Identity(NamedTuple):
    """What tells a store from all others, in other processes too."""

    process: str
    """Random token of the process."""
    name: str | None
    number: str
    """Random token of a store without a name, empty for one that has a name."""


class MemoryStore:
    """One dictionary: read without a lock, changed under one, in its own process only."""

    __slots__ = ("__weakref__", "_lock", "_values", "identity")

    def __init__(self, identity: Identity) -> None:
        """Make an empty store."""
        self.identity = identity
        self._lock = Lock()
        self._values: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        """Return a value, None for an absent key."""
        return self._values.get(key)

    def all_keys(self) -> tuple[str, ...]:
        """Return the keys that there are now."""
        # Of a copy, which is made in one step: while a tuple takes its memory, CPython 3.11 may
        # collect garbage, and another thread change the dictionary.
        return tuple(self._values.copy())

    def set(self, key: str, value: bytes) -> None:
        """Set a value.

        Raises:
            ConfigurationError: The store belongs to another process.
        """
        self._check_process()
        with self._lock:
            self._set(key, value)

    def exchange(self, key: str, expected: bytes | None, value: bytes | None) -> bool:
        """Set a value, or delete it (None), if the present one is the `expected` object.

        Returns:
            Whether it was.

        Raises:
            ConfigurationError: The store belongs to another process.
        """
        self._check_process()
        with self._lock:
            if self._values.get(key) is not expected:
                return False
            if value is None:
                self._delete(key)
            else:
                self._set(key, value)
            return True

    def delete(self, keys: Iterable[str]) -> None:
        """Delete those of some keys that there are.

        Raises:
            ConfigurationError: The store belongs to another process.
        """
        self._check_process()
        with self._lock:
            for key in keys:
                self._delete(key)

    def _set(self, key: str, value: bytes) -> None:
        """Set a value under the lock."""
        if not self._values and self.identity.name is not None:
            _process.kept[self.identity] = self
        self._values[key] = value

    def _delete(self, key: str) -> None:
        """Delete a value under the lock."""
        if self._values.pop(key, None) is not None and not self._values:
            _process.kept.pop(self.identity, None)

    def _check_process(self) -> None:
        """Refuse changes in a forked child, which nobody else would ever see."""
        if self.identity.process != _process.token:
            raise _foreign(self.identity)


class _LostStore(MemoryStore):
    """What is left of a store in a process that does not have it."""

    __slots__ = ()

    def get(self, key: str) -> bytes | None:  # noqa: ARG002
        """Refuse to answer."""
        raise _foreign(self.identity)

    def all_keys(self) -> tuple[str, ...]:
        """Refuse to answer."""
        raise _foreign(self.identity)

    def _check_process(self) -> None:
        """Refuse to change anything."""
        raise _foreign(self.identity)


class _Process:
    """The stores of this process."""

    def __init__(self) -> None:
        """Start without any."""
        self.token = os.urandom(16).hex()
        self.lock = Lock()
        self.stores: WeakValueDictionary[Identity, MemoryStore] = WeakValueDictionary()
        self.kept: dict[Identity, MemoryStore] = {}
        """Named stores that hold something; they live on when no backend uses them."""


_process = _Process()


def named_store(name: str) -> MemoryStore:
    """Return the store of a name, a new one where there is none yet."""
    return _store(Identity(_process.token, name, ""))


def unnamed_store() -> MemoryStore:
    """Return a new store."""
    return _store(Identity(_process.token, None, os.urandom(16).hex()))


def find_store(identity: Identity) -> MemoryStore:
    """Return the store that a pickle meant; one that raises where it is not to be had."""
    store = _process.stores.get(identity)
    if store is not None:
        return store
    if identity.process == _process.token and identity.name is not None:
        return _store(identity)
    return _LostStore(identity)


def _store(identity: Identity) -> MemoryStore:
    """Return a store of this process, made if need be."""
    with _process.lock:
        store = _process.stores.get(identity)
        if store is None:
            store = _process.stores[identity] = MemoryStore(identity)
        return store


def _foreign(identity: Identity) -> ConfigurationError:
    """Return the error about a store that cannot be used here."""
    place = "memory" if identity.name is None else f"memory store {identity.name!r:.80}"
    message = (
        f"this array is in the {place} of another process (or its store is gone), which cannot "
        "be reached from here; share arrays by storage='filesystem' or 'shared_memory'"
    )
    return ConfigurationError(message, backend="memory", option="name")


def _forget() -> None:
    """Start anew in a forked child: the stores of its parent are not its own."""
    global _process  # noqa: PLW0603  # one object for everything that a fork makes invalid
    _process = _Process()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
