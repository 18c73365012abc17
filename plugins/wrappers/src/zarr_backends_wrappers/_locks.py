"""One lock for every key that is being worked on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock, RLock
from typing import Any

__all__ = ["KeyLocks"]


class KeyLocks:
    """Locks by key, which exist as long as somebody holds or wants them.

    No two keys share a lock, so that who holds one key may take another.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self._lock = Lock()
        self._locks: dict[str, list[Any]] = {}

    @contextmanager
    def __call__(self, key: str) -> Iterator[None]:
        """Hold the lock of a key; the same thread may take it again.

        Yields:
            Nothing.
        """
        with self._lock:
            entry = self._locks.setdefault(key, [RLock(), 0])
            entry[1] += 1
        try:
            with entry[0]:
                yield
        finally:
            with self._lock:
                entry[1] -= 1
                if not entry[1]:
                    del self._locks[key]

    @contextmanager
    def all_of(self, keys: Iterable[str]) -> Iterator[None]:
        """Hold the locks of several keys, taken in one order by everybody.

        Yields:
            Nothing.
        """
        with ExitStack() as stack:
            for key in sorted(set(keys)):
                stack.enter_context(self(key))
            yield
