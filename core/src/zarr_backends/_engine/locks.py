"""Locks of chunks, for backends that cannot update a chunk atomically themselves.

They order the threads of this process that share one backend instance; more than that
only the storage can give (see `SupportsAtomicUpdate`).
"""

from __future__ import annotations

import os
import threading
from weakref import WeakKeyDictionary

from zarr_backends.contract import Backend, ChunkIndex

__all__ = ["ChunkLocks", "locks_of"]

_STRIPES = 64
"""Locks of one backend: few enough to be cheap, enough that threads seldom meet."""


class ChunkLocks:
    """A fixed number of locks that all chunks of one backend share out among them."""

    def __init__(self) -> None:
        """Make the locks."""
        self._locks = [threading.Lock() for _ in range(_STRIPES)]

    def __getitem__(self, index: ChunkIndex) -> threading.Lock:
        """Return the lock of a chunk."""
        return self._locks[hash(index) % _STRIPES]


class _Registry:
    """The locks of every backend instance that is alive."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start anew in a forked child, where a lock may be held by a thread that is gone."""
        self.lock = threading.Lock()
        self.locks: WeakKeyDictionary[Backend, ChunkLocks] = WeakKeyDictionary()


_registry = _Registry()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_registry.forget)


def locks_of(backend: Backend) -> ChunkLocks:
    """Return the locks that every array on this backend instance shares."""
    with _registry.lock:
        try:
            return _registry.locks.setdefault(backend, ChunkLocks())
        except TypeError:  # a class with slots or without a hash: its arrays share nothing
            return ChunkLocks()
