"""One backend under a store and all copies of it: its keys, its threads, its end.

zarr-python makes a copy of a store for every ``mode="r"`` and never closes one. Copies
therefore share this object instead of connecting again, and the backend is closed when
the last of them that is open closes, if it was handed over to be closed at all.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from copy import copy
from functools import partial
from threading import RLock
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from zarr_backends._storage.keyvalue.array_keys import ArrayKeys
from zarr_backends._storage.keyvalue.backend import KeyValueBackend
from zarr_backends._storage.zarr_store.all_keys import with_all_primitives
from zarr_backends.contract import Backend, SupportsClose, SupportsFlush, SupportsKeys
from zarr_backends.errors import InvalidBackendError

__all__ = ["SharedBackend"]

R = TypeVar("R")

_DEFAULT_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""Calls at a time where the backend has no wish: the standard library's own number."""

_BATCH = 1024
"""Calls that are handed to the threads at a time, where there may be millions to make."""


class SharedBackend:
    """A backend, and what every store over it has in common.

    Args:
        backend: A connected backend, with keys or with the ten members of one array.
        owned: Whether to close the backend with the last store. Used again after that, it
            is connected again, as unpickling would.

    Raises:
        InvalidBackendError: `backend` is not a backend.
    """

    def __init__(self, backend: Backend | SupportsKeys, *, owned: bool = False) -> None:
        """Prepare; neither a thread is started nor the backend called."""
        self.lock = RLock()
        self.backend = backend
        self.keys = _keys_of(backend)
        self._owned = owned
        self._closed = False
        # Stores are compared by value, so it is their identity that they are counted by.
        self._users: WeakValueDictionary[int, object] = WeakValueDictionary()
        # By process, because threads do not live on in a forked child.
        self._executors: dict[int, ThreadPoolExecutor] = {}

    @property
    def max_concurrency(self) -> int:
        """How many calls are made at a time at most."""
        return getattr(self.backend, "max_concurrency", None) or _DEFAULT_THREADS

    @property
    def holds_one_array(self) -> bool:
        """Whether there are no keys but those of one array."""
        return not isinstance(self.backend, SupportsKeys)

    @property
    def prefers_few_calls(self) -> bool:
        """Whether calls are so fast that one a processor is enough."""
        wanted = getattr(self.backend, "max_concurrency", None)
        return wanted is None or wanted <= (os.cpu_count() or 1)

    def is_same_place(self, other: SharedBackend) -> bool:
        """Whether two backends mean the same place, as far as can be told."""
        return type(self.backend) is type(other.backend) and self._place == other._place

    @property
    def place_hash(self) -> int:
        """A hash that is equal where the place is."""
        place = self._place
        if not isinstance(place, dict):
            return hash(place)
        # Option values need not be hashable; strings are, and tell most places apart.
        return hash(frozenset(item for item in place.items() if isinstance(item[1], str)))

    @property
    def _place(self) -> object:
        """What two backends of one class have in common if they mean the same place."""
        options = getattr(self.backend, "_options", None)
        has_own_equality = getattr(type(self.backend), "__eq__", None) is not object.__eq__
        return self.backend if options is None or has_own_equality else dict(options)

    async def run(self, function: Callable[..., R], *arguments: object) -> R:
        """Call `function` such that the event loop, whichever it is, need not wait for it."""
        if getattr(self.backend, "never_blocks", False):
            return function(*arguments)
        call = partial(copy_context().run, function, *arguments)
        return await asyncio.get_running_loop().run_in_executor(self._executor(), call)

    async def run_all(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Make several calls concurrently and return their results in order."""
        results: list[Any] = []
        for first in range(0, len(calls), _BATCH):
            batch = calls[first : first + _BATCH]
            results += await asyncio.gather(*(self.run(*call) for call in batch))
        return results

    def enter(self, store: object) -> None:
        """Take note of a store that opens; a backend that was closed connects again."""
        with self.lock:
            if self._closed:
                self.backend = copy(self.backend)
                self.keys = _keys_of(self.backend)
                self._closed = False
            self._users[id(store)] = store

    def leave(self, store: object, *, flush: bool) -> None:
        """Take note of a store that closes; close the backend if that was the last."""
        with self.lock:
            self._users.pop(id(store), None)
            if self._closed:
                return
            if self._owned and not self._users and isinstance(self.backend, SupportsClose):
                self.backend.close()
                self._closed = True
            elif flush and isinstance(self.backend, SupportsFlush):
                self.backend.flush()

    def _executor(self) -> ThreadPoolExecutor:
        """Return this process's threads; idle ones end when this object does."""
        executor = self._executors.get(os.getpid())
        if executor is None:
            new = ThreadPoolExecutor(self.max_concurrency, "zarr-backends-store")
            executor = self._executors.setdefault(os.getpid(), new)
        return executor

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the backend alone; whoever unpickles it has it to himself."""
        return _unpickled, (self.backend,)


def _keys_of(backend: Backend | SupportsKeys) -> KeyValueBackend:
    """Return all primitives over the keys of a backend, or over those of its one array.

    Raises:
        InvalidBackendError: `backend` is not a backend.
    """
    if isinstance(backend, SupportsKeys) and not isinstance(backend, type):
        return with_all_primitives(backend)
    if isinstance(backend, Backend) and not isinstance(backend, type):
        return with_all_primitives(ArrayKeys(backend))
    message = (
        f"a store needs a connected backend, not {backend!r:.80}; make one with its create() or "
        "open(), or pass a url or a path to zarr_backends.zarr_store"
    )
    raise InvalidBackendError(message)


def _unpickled(backend: Backend | SupportsKeys) -> SharedBackend:
    """Rebuild what was pickled."""
    return SharedBackend(backend, owned=True)
