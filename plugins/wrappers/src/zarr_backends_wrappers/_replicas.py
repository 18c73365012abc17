"""Several copies of one store: which of them can be read, and calls to all of them at once.

A replica that missed a write is behind: it is not read any more until it is repaired. That is
noted in the others, before the write returns, so that other instances and later processes
know it too; each of them looks every few seconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from typing import Any, NamedTuple

from zarr_backends import BackendError, KeyValueBackend, NotFoundError, ZarrBackendsError

__all__ = ["NOTES", "Outcome", "Replicas"]

NOTES = ".zarr-backends-behind/"
"""Prefix of the notes that replicas are behind; the rest is a name."""

_BEHIND = b"behind"
"""What a note says; during a repair it is the number of that."""

_LOOK_S = 5.0
"""Seconds after which an instance looks again what others have noted."""

_REST_S = 10.0
"""Seconds for which a replica that failed is asked last."""


class Outcome(NamedTuple):
    """What came of a call to one replica."""

    name: str
    result: Any
    error: ZarrBackendsError | None


class Replicas:
    """The copies, the nearest first.

    Args:
        named: Backends by name.
    """

    def __init__(self, named: Mapping[str, KeyValueBackend]) -> None:
        """Ask nobody yet."""
        self._named = dict(named)
        self._behind: set[str] = set()
        self._looked_at: float | None = None
        self._failed_at: dict[str, float] = {}
        self.renew()

    def renew(self) -> None:
        """Make the lock, and forget the threads."""
        self._lock = Lock()
        self._threads: ThreadPoolExecutor | None = None

    def __getitem__(self, name: str) -> KeyValueBackend:
        """Return a replica."""
        return self._named[name]

    @property
    def names(self) -> tuple[str, ...]:
        """All names, the nearest first."""
        return tuple(self._named)

    def behind(self) -> frozenset[str]:
        """Return the names of the replicas that missed a write."""
        with self._lock:
            is_due = self._looked_at is None or time.monotonic() > self._looked_at + _LOOK_S
        if is_due:
            self.look()
        return frozenset(self._behind)

    def look(self) -> None:
        """Read what is noted in all replicas that answer."""
        found = set()
        for name, replica in self._named.items():
            with suppress(BackendError):
                for other in self._named:
                    if other != name and replica.get(NOTES + other) is not None:
                        found.add(other)
        # When each says it of another one, nobody is: the nearest is right.
        if len(found) == len(self._named):
            found.discard(self.names[0])
        with self._lock:
            self._behind = found
            self._looked_at = time.monotonic()

    def note_behind(self, names: Iterable[str], where: Iterable[str]) -> None:
        """Note that replicas missed a write.

        Args:
            names: Those that did.
            where: Those that did not, in which that is noted.
        """
        places = list(where)
        for name in names:
            for place in places:
                # A repair that has begun meanwhile finds its own note replaced.
                is_noted = name in self._behind and self._note(place, name) == _BEHIND
                if not is_noted:
                    self._named[place].set(NOTES + name, _BEHIND)
            with self._lock:
                self._behind.add(name)

    def note_repair(self, name: str) -> bytes:
        """Note that a replica is being repaired; return what tells this repair from others."""
        token = os.urandom(16).hex().encode()
        for other in self._named:
            if other != name:
                self._named[other].set(NOTES + name, token)
        return token

    def note_repaired(self, name: str, token: bytes) -> bool:
        """Note that a replica has everything again, unless it missed a write meanwhile."""
        others = [other for other in self._named if other != name]
        if any(self._note(other, name) != token for other in others):
            return False
        for other in others:
            self._named[other].delete(NOTES + name)
        with self._lock:
            self._behind.discard(name)
        return True

    def _note(self, place: str, name: str) -> bytes | None:
        """Return what one replica notes about another."""
        found = self._named[place].get(NOTES + name)
        return None if found is None else bytes(found)

    # --- Calls ----------------------------------------------------------------------

    def in_order(self) -> list[str]:
        """Return the replicas to read from: nearest first, those that failed lately last."""
        behind = self.behind()
        now = time.monotonic()
        good = [name for name in self._named if name not in behind]
        return sorted(good, key=lambda name: now < self._failed_at.get(name, -_REST_S) + _REST_S)

    def read(self, call: Callable[[KeyValueBackend], Any]) -> Any:
        """Return the answer of the nearest replica that works.

        Raises:
            NotFoundError: It answered that there is no such thing.
            BackendError: None of them does.
        """
        failure: BackendError | None = None
        for name in self.in_order():
            try:
                answer = call(self._named[name])
            except NotFoundError:
                raise
            except BackendError as error:
                self._failed_at[name] = time.monotonic()
                failure = failure or error
            else:
                return answer
        if failure is not None:
            raise failure
        message = "no replica can be read"
        raise BackendError(message, backend="replicated")

    def entries(self, listing: Callable[[KeyValueBackend], Iterator[str]]) -> Iterator[str]:
        """Yield each entry of a listing once; where a replica fails, the next one goes on."""
        seen: set[str] = set()
        failure: BackendError | None = None
        for name in self.in_order():
            try:
                for entry in listing(self._named[name]):
                    if entry not in seen:
                        seen.add(entry)
                        yield entry
            except BackendError as error:
                self._failed_at[name] = time.monotonic()
                failure = failure or error
            else:
                return
        if failure is not None:
            raise failure

    def call_all(
        self, call: Callable[[KeyValueBackend], Any], names: Iterable[str] | None = None
    ) -> list[Outcome]:
        """Make a call to several replicas at once; return what came of each, in order."""
        chosen = list(self._named if names is None else names)
        if len(chosen) <= 1:
            return [self._outcome(name, call) for name in chosen]
        futures = [self._pool().submit(self._outcome, name, call) for name in chosen[1:]]
        return [self._outcome(chosen[0], call), *(future.result() for future in futures)]

    def close(self) -> None:
        """End the threads."""
        with self._lock:
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown()

    def _outcome(self, name: str, call: Callable[[KeyValueBackend], Any]) -> Outcome:
        """Make a call to one replica."""
        try:
            return Outcome(name, call(self._named[name]), None)
        except ZarrBackendsError as error:
            if isinstance(error, BackendError):
                self._failed_at[name] = time.monotonic()
            return Outcome(name, None, error)

    def _pool(self) -> ThreadPoolExecutor:
        """Return the threads, made on first use."""
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(32, "zarr-backends-replicated")
            return self._threads
