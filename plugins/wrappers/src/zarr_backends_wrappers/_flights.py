"""Reads that are under way: several who want the same wait for one, and no stale one is kept.

Who changes a value announces it before and says so when it is done. A read that began before
that may have seen the old value: it is handed to those who wait for it already, and neither
kept nor joined by anybody who comes later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from threading import Lock
from typing import Any, NamedTuple

from zarr_backends_wrappers._cache_entries import Part

__all__ = ["Flights", "Ticket"]


class Ticket(NamedTuple):
    """A read that was begun."""

    flights: Flights
    part: Part
    flight: Future[Any]

    def land(self, result: Any, keep: Callable[[], None]) -> None:
        """End it; `keep` is called under the lock unless what was read may be stale."""
        self.flights.land(self.part, self.flight, keep)
        self.flight.set_result(result)

    def fail(self, error: BaseException) -> None:
        """End it without a result."""
        self.flights.land(self.part, self.flight, lambda: None)
        self.flight.set_exception(error)


class Flights:
    """The reads of one cache that are under way."""

    def __init__(self) -> None:
        """Begin without any."""
        self.lock = Lock()
        """Held for moments only, also by who uses the entries of the cache."""
        self._flights: dict[Part, Future[Any]] = {}
        self._writers: Counter[str] = Counter()
        self._clearing = 0

    def read(self, part: Part, load: Callable[[], Any], keep: Callable[[Any], None]) -> Any:
        """Return what `load` returns, called by one of those who ask at a time.

        Args:
            part: What is read.
            load: Reads it.
            keep: Called with it under the lock, unless it may be stale.
        """
        with self.lock:
            flight = self._flights.get(part)
            is_ours = flight is None
            if flight is None:
                flight = Future()
                if not self._is_changing(part.key):
                    self._flights[part] = flight
        if not is_ours:
            return flight.result()
        try:
            result = load()
        except BaseException as error:
            self.land(part, flight, lambda: None)
            flight.set_exception(error)
            raise
        self.land(part, flight, lambda: keep(result))
        flight.set_result(result)
        return result

    def ticket(self, part: Part) -> Ticket:
        """Begin a read whose end the caller tells."""
        flight: Future[Any] = Future()
        with self.lock:
            if part not in self._flights and not self._is_changing(part.key):
                self._flights[part] = flight
        return Ticket(self, part, flight)

    def changing(self, keys: Iterable[str], drop: Callable[[str], None]) -> None:
        """Take note that keys are about to change.

        Args:
            keys: The keys.
            drop: Called with each of them under the lock.
        """
        with self.lock:
            for key in keys:
                self._writers[key] += 1
                self._detach(key)
                drop(key)

    def changed(self, keys: Iterable[str], drop: Callable[[str], None]) -> None:
        """Take note that a change is over, whatever came of it."""
        with self.lock:
            for key in keys:
                self._writers[key] -= 1
                if not self._writers[key]:
                    del self._writers[key]
                self._detach(key)
                drop(key)

    def clearing(self, change: int, clear: Callable[[], None]) -> None:
        """Take note of the beginning (1) or the end (-1) of something that may change anything."""
        with self.lock:
            self._clearing += change
            self._flights.clear()
            clear()

    def _is_changing(self, key: str) -> bool:
        return bool(self._clearing or self._writers.get(key))

    def _detach(self, key: str) -> None:
        """Let nobody join a read of a key, nor keep what comes of it."""
        for part in [part for part in self._flights if part.key == key]:
            del self._flights[part]

    def land(self, part: Part, flight: Future[Any], keep: Callable[[], None]) -> None:
        """End a read; keep what it brought if nobody has changed it meanwhile."""
        with self.lock:
            if self._flights.get(part) is flight:
                del self._flights[part]
                keep()
