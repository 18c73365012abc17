"""What a cache keeps, and in memory where.

An entry is a part of a value: key, first byte, byte after the last (0 and None for the
whole). Entries are kept up to a number of bytes; what was not used for longest is dropped.
"""

from __future__ import annotations

from collections.abc import Hashable
from threading import RLock
from typing import Any, NamedTuple, Protocol

from cachetools import LRUCache

from zarr_backends import Buffer

__all__ = ["Entries", "Entry", "Index", "MemoryEntries", "Part", "buffer_to_keep"]


class Part(NamedTuple):
    """What an entry is of."""

    key: str
    start: int = 0
    stop: int | None = None


class Entry(NamedTuple):
    """A part of a value, as it was at some time."""

    value: bytes | None
    """None stands for an absent key."""
    version: object
    """Of the value, None where the inner backend has none."""
    stored_at: float
    """Seconds of the epoch."""

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, with what is around it."""
        return len(self.value or b"") + _OVERHEAD_NBYTES


_OVERHEAD_NBYTES = 256
"""Counted for every entry beside its value, so that empty ones are not free."""


class Entries(Protocol):
    """Keeps entries up to a number of bytes."""

    def get(self, part: Part) -> Entry | None:
        """Return an entry, which counts as used."""
        ...

    def put(self, part: Part, entry: Entry) -> None:
        """Keep an entry, if it fits at all."""
        ...

    def drop(self, key: str) -> None:
        """Drop all entries of a key."""
        ...

    def clear(self) -> None:
        """Drop everything."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes that are kept."""
        ...

    def renew(self) -> None:
        """Make the lock."""
        ...


class _Lru(LRUCache[Any, int]):
    """Sizes of entries, which tells of those that it drops to make room."""

    def __init__(self, max_nbytes: int) -> None:
        super().__init__(max_nbytes, getsizeof=lambda nbytes: nbytes)
        self.dropped: list[Any] = []

    def popitem(self) -> tuple[Any, int]:
        """Drop the least recently used entry and remember that."""
        item: tuple[Any, int] = super().popitem()
        self.dropped.append(item[0])
        return item


class Index:
    """Which entries there are, by part and by key; used under a lock.

    Args:
        max_nbytes: Bytes at most.
    """

    def __init__(self, max_nbytes: int) -> None:
        """Begin empty."""
        self._sizes = _Lru(max_nbytes)
        self._parts: dict[Hashable, set[Hashable]] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of all entries."""
        return int(self._sizes.currsize)

    @property
    def nbytes_at_most(self) -> int:
        """Bytes that they may have."""
        return int(self._sizes.maxsize)

    def touch(self, part: Hashable) -> bool:
        """Count an entry as used; return whether it is there."""
        return self._sizes.get(part) is not None

    def add(self, group: Hashable, part: Hashable, nbytes: int) -> list[Any] | None:
        """Add an entry; return those to drop for it, None where it does not fit at all."""
        if nbytes > self._sizes.maxsize:
            return None
        self._sizes.dropped.clear()
        self._sizes[part] = nbytes
        self._parts.setdefault(group, set()).add(part)
        return [other for other in self._sizes.dropped if other != part]

    def forget(self, group: Hashable, part: Hashable) -> None:
        """Take an entry out."""
        self._sizes.pop(part, None)
        left = self._parts.get(group)
        if left is not None:
            left.discard(part)
            if not left:
                del self._parts[group]

    def parts_of(self, group: Hashable) -> list[Any]:
        """Return the entries of a group."""
        return list(self._parts.get(group, ()))

    def everything(self) -> list[Any]:
        """Return all entries."""
        return list(self._sizes)


class MemoryEntries:
    """Keeps entries in this process.

    Args:
        max_nbytes: Bytes at most.
    """

    def __init__(self, max_nbytes: int) -> None:
        """Begin empty."""
        self._index = Index(max_nbytes)
        self._entries: dict[Part, Entry] = {}
        self.renew()

    def renew(self) -> None:
        """Make the lock."""
        self._lock = RLock()

    @property
    def nbytes(self) -> int:
        """Bytes that are kept."""
        return self._index.nbytes

    def get(self, part: Part) -> Entry | None:
        """Return an entry, which counts as used."""
        with self._lock:
            return self._entries.get(part) if self._index.touch(part) else None

    def put(self, part: Part, entry: Entry) -> None:
        """Keep an entry, if it fits at all."""
        with self._lock:
            dropped = self._index.add(part.key, part, entry.nbytes)
            if dropped is None:
                return
            self._entries[part] = entry
            self._remove(dropped)

    def drop(self, key: str) -> None:
        """Drop all entries of a key."""
        with self._lock:
            self._remove(self._index.parts_of(key))

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._remove(self._index.everything())

    def _remove(self, parts: list[Part]) -> None:
        for part in parts:
            self._index.forget(part.key, part)
            self._entries.pop(part, None)


def buffer_to_keep(value: Buffer | None) -> bytes | None:
    """Return bytes that nobody else can change."""
    return value if value is None or type(value) is bytes else bytes(value)
