"""The backend ``cache``: keeps what was read, in memory or on a second backend.

What is written through the cache is never read stale from it, by any thread. What others
write is seen after ``max_age_s``, or at once with ``validate`` where the inner backend tells
versions; listings are never cached.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, ClassVar, NamedTuple, Self, cast

from zarr_backends import Buffer, ConfigurationError, Snapshot, Transform
from zarr_backends_wrappers._cache_entries import (
    Entries,
    Entry,
    MemoryEntries,
    Part,
    buffer_to_keep,
)
from zarr_backends_wrappers._cache_files import BackendEntries
from zarr_backends_wrappers._flights import Flights
from zarr_backends_wrappers._inner import Connected, Inner
from zarr_backends_wrappers._keys import keys_of
from zarr_backends_wrappers._transformer import Transformer
from zarr_backends_wrappers._values import count, flag, number
from zarr_backends_wrappers._versions import version_of
from zarr_backends_wrappers._wrapper import where_inner_has

__all__ = ["CacheBackend", "CacheStatistics"]


class CacheStatistics(NamedTuple):
    """What a cache did so far."""

    hits: int
    """Reads that were answered from it."""
    misses: int
    """Reads that needed the inner backend."""
    nbytes: int
    """Bytes that it keeps now."""

    @property
    def hit_rate(self) -> float:
        """Share of the reads that were answered from it, 0 before the first."""
        return self.hits / ((self.hits + self.misses) or 1)


class CacheBackend(Transformer):
    """Answers what it can from memory or a second backend."""

    backend_id: ClassVar[str] = "cache"
    _inner_options: ClassVar[tuple[str, ...]] = ("inner", "on")

    def connect(  # noqa: PLR0913  # what a cache can be asked for
        self,
        *,
        inner: Inner,
        on: Inner | None = None,
        max_nbytes: int = 256 * 2**20,
        max_age_s: float | None = None,
        validate: bool = False,
        cache_missing: bool = False,
    ) -> None:
        """Take the options.

        Args:
            inner: What is slow.
            on: Backend with keys that keeps the values, all of it; None for memory.
            max_nbytes: Bytes that are kept at most.
            max_age_s: Seconds for which a value is taken from the cache; None for ever.
            validate: Whether the version of a value is asked for before it is taken from the
                cache.
            cache_missing: Whether it is remembered that a key is absent.

        Raises:
            ConfigurationError: A value is impossible, or the inner backend tells no versions.
        """
        self.take(inner)
        limit = count(self.backend_id, "max_nbytes", max_nbytes, least=0)
        self._entries: Entries = (
            MemoryEntries(limit) if on is None else BackendEntries(keys_of(cast("Any", on)), limit)
        )
        self._max_age_s = (
            None if max_age_s is None else number(self.backend_id, "max_age_s", max_age_s)
        )
        self._cache_missing = flag(self.backend_id, "cache_missing", cache_missing)
        self._version = None
        if flag(self.backend_id, "validate", validate):
            self._version = version_of(self.inner)
            if self._version is None:
                message = f"validate=True needs a backend that tells versions, not {inner!r}"
                raise ConfigurationError(message, backend=self.backend_id, option="validate")
        self._counts: Counter[str] = Counter()

    @classmethod
    def _connect(cls, name: str, value: object, method: Any, inners: list[Connected]) -> Any:
        """Connect; the second backend holds no array, and may be left out."""
        if name == "inner":
            return super()._connect(name, value, method, inners)
        others: list[Connected] = []
        found = None if value is None else super()._connect(name, value, "create", others)
        inners += [other._replace(is_open=True) for other in others]
        return found

    def renew(self) -> None:
        """Forget who reads and writes."""
        self._flights = Flights()
        self._entries.renew()

    @property
    def statistics(self) -> CacheStatistics:
        """Hits, misses and bytes so far."""
        return CacheStatistics(self._counts["hits"], self._counts["misses"], self._entries.nbytes)

    def clear(self) -> None:
        """Forget everything that is cached."""
        self._flights.clearing(1, self._entries.clear)
        self._flights.clearing(-1, self._entries.clear)

    # --- Reading --------------------------------------------------------------------

    def get(self, key: str) -> Buffer | None:
        """Return a value."""
        return self._read(Part(key))

    @where_inner_has("get_range")
    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return a part of a value, from the whole of it if that is cached."""
        whole = self._cached(Part(key))
        if whole is not None:
            return None if whole.value is None else memoryview(whole.value)[start:stop]
        return self._read(Part(key, start, stop)) if (start, stop) != (0, None) else self.get(key)

    @where_inner_has("open_value")
    def open_value(self, key: str) -> AbstractContextManager[Snapshot] | None:
        """Return one version of a value, cached if it is."""
        whole = self._cached(Part(key))
        if whole is None:
            return self._keys.open_value(key)
        return None if whole.value is None else _Held(memoryview(whole.value))

    @where_inner_has("get_many")
    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return several values; those that are not cached are read at once."""
        cached = {key: self._cached(Part(key)) for key in keys}
        wanted = [key for key, entry in cached.items() if entry is None]
        fetched = dict(zip(wanted, self._fetch_many(wanted), strict=True)) if wanted else {}
        return [fetched[key] if (e := cached[key]) is None else e.value for key in keys]

    def _fetch_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Read several values and keep them, each unless it changes meanwhile."""
        if len(keys) == 1:
            return [self._read(Part(keys[0]))]
        self._counts["misses"] += len(keys)
        tickets = [self._flights.ticket(Part(key)) for key in keys]
        try:
            versions = [self._version_now(key) for key in keys]
            found = [buffer_to_keep(value) for value in self._keys.get_many(keys)]
        except BaseException as error:
            for ticket in tickets:
                ticket.fail(error)
            raise
        for key, ticket, version, value in zip(keys, tickets, versions, found, strict=True):
            entry = self._entry(value, version)
            ticket.land(entry, partial(self._keep, Part(key), entry))
        return list(found)

    def _read(self, part: Part) -> Buffer | None:
        """Return a part of a value, from the cache or by one read of the inner backend."""
        entry = self._cached(part)
        if entry is None:
            entry = self._flights.read(part, partial(self._load, part), partial(self._keep, part))
        return cast("Entry", entry).value

    def _cached(self, part: Part) -> Entry | None:
        """Return an entry that may be used."""
        entry = self._entries.get(part)
        if entry is not None and self._is_fresh(part.key, entry):
            self._counts["hits"] += 1
            return entry
        return None

    def _is_fresh(self, key: str, entry: Entry) -> bool:
        """Whether an entry is young enough, and of the version that is stored."""
        age_s = time.time() - entry.stored_at
        if self._max_age_s is not None and not 0 <= age_s < self._max_age_s:
            return False
        return self._version is None or entry.version == self._version_now(key)

    def _load(self, part: Part) -> Entry:
        """Read a part of a value, unless another read of it ended just before this one began."""
        found = self._cached(part)
        if found is not None:
            return found
        self._counts["misses"] += 1
        # Before the value: should that be newer, the entry is only thought older than it is.
        version = self._version_now(part.key)
        if part.start == 0 and part.stop is None:
            value = self._keys.get(part.key)
        else:
            value = self._keys.get_range(*part)
        return self._entry(buffer_to_keep(value), version)

    def _entry(self, value: bytes | None, version: object) -> Entry:
        return Entry(value, version, time.time())

    def _version_now(self, key: str) -> object:
        """Return the version of a value, None where versions are not looked at."""
        return None if self._version is None else self._version(key)

    def _keep(self, part: Part, entry: Entry) -> None:
        """Keep what was read; the lock is held."""
        is_absent = entry.value is None
        if self._version is not None and is_absent != (entry.version is None):
            return  # it came or went between the two questions
        if self._cache_missing or not is_absent:
            self._entries.put(part, entry)

    # --- Changing -------------------------------------------------------------------

    @contextmanager
    def _changing(self, *keys: str) -> Iterator[None]:
        """Let nothing of some keys be cached while they change.

        Yields:
            Nothing.
        """
        self._flights.changing(keys, self._entries.drop)
        try:
            yield
        finally:
            self._flights.changed(keys, self._entries.drop)

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value."""
        with self._changing(key):
            self._keys.set(key, value)

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists; return whether it was set."""
        with self._changing(key):
            return self._keys.set_if_absent(key, value)

    def delete(self, key: str) -> None:
        """Delete a key."""
        with self._changing(key):
            self._keys.delete(key)

    @where_inner_has("set_many", "delete_many")
    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Set several values."""
        with self._changing(*values):
            self._keys.set_many(values)

    @where_inner_has("set_many", "delete_many")
    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete several keys."""
        with self._changing(*keys):
            self._keys.delete_many(keys)

    @where_inner_has("update")
    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)``."""
        with self._changing(key):
            self._keys.update(key, transform)

    @where_inner_has("transaction")
    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Give a transaction; nothing that is read in it is kept.

        Yields:
            What the inner one gives.
        """
        self._flights.clearing(1, self._entries.clear)
        try:
            with self._inner_transaction() as value:
                yield value
        finally:
            self._flights.clearing(-1, self._entries.clear)


class _Held:
    """A value in memory as a snapshot and the context that gives it."""

    def __init__(self, value: memoryview) -> None:
        self._value = value
        self.nbytes = value.nbytes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Do nothing: memory needs no closing."""

    def read(self, start: int, stop: int) -> Buffer:
        return self._value[start:stop]
