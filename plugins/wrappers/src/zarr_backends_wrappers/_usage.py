"""How much of a quota is used: reserved before a write, corrected after it."""

from __future__ import annotations

import json
from threading import Lock
from typing import NamedTuple, Protocol

from zarr_backends import Buffer, CorruptStorageError, KeyValueBackend

__all__ = ["Counter", "Limits", "Meter", "SharedMeter", "Usage"]


class Usage(NamedTuple):
    """What is stored."""

    nbytes: int
    """Bytes of all values."""
    chunks: int
    """Number of values that are no metadata."""

    def plus(self, other: Usage) -> Usage:
        """Return both together."""
        return Usage(self.nbytes + other.nbytes, self.chunks + other.chunks)

    def minus(self, other: Usage) -> Usage:
        """Return what this is more than another."""
        return Usage(self.nbytes - other.nbytes, self.chunks - other.chunks)

    def growth(self) -> Usage:
        """Return this without what is less than nothing."""
        return Usage(max(0, self.nbytes), max(0, self.chunks))


class Limits(NamedTuple):
    """What may be stored."""

    nbytes: int | None
    """Bytes at most; None for no limit."""
    chunks: int | None
    """Chunks at most; None for no limit."""

    def allow(self, wanted: Usage, total: Usage) -> bool:
        """Whether `wanted` may be added when it makes `total`; less is always possible."""
        pairs = zip(wanted, total, self, strict=True)
        return not any(w > 0 and limit is not None and t > limit for w, t, limit in pairs)


class Counter(Protocol):
    """A usage that never passes its limits."""

    @property
    def usage(self) -> Usage | None:
        """What is used now, or about to be; None where it was not counted yet."""
        ...

    def set(self, usage: Usage) -> None:
        """Begin at a usage that was counted."""
        ...

    def reserve(self, wanted: Usage) -> bool:
        """Add to the usage unless a limit stands against it."""
        ...

    def add(self, change: Usage) -> None:
        """Add to the usage, whatever the limits say: that is how it is."""
        ...

    def renew(self) -> None:
        """Make the locks."""
        ...


class Meter:
    """Counts in this instance, for all its threads."""

    def __init__(self, limits: Limits) -> None:
        """Begin uncounted."""
        self._limits = limits
        self.usage: Usage | None = None
        self.renew()

    def renew(self) -> None:
        """Make the lock."""
        self._lock = Lock()

    def set(self, usage: Usage) -> None:
        """Begin at a usage that was counted."""
        with self._lock:
            self.usage = usage

    def reserve(self, wanted: Usage) -> bool:
        """Add to the usage unless a limit stands against it."""
        with self._lock:
            total = (self.usage or Usage(0, 0)).plus(wanted)
            if not self._limits.allow(wanted, total):
                return False
            self.usage = total
            return True

    def add(self, change: Usage) -> None:
        """Add to the usage, whatever the limits say."""
        with self._lock:
            self.usage = (self.usage or Usage(0, 0)).plus(change)


class SharedMeter:
    """Counts in a document of the inner backend, for all who store there.

    Args:
        keys: The inner backend, which updates without losing an update.
        key: Of the document.
        limits: What may be stored.
    """

    def __init__(self, keys: KeyValueBackend, key: str, limits: Limits) -> None:
        """Look at nothing yet."""
        self._keys = keys
        self._key = key
        self._limits = limits

    def renew(self) -> None:
        """Do nothing: the backend has the locks."""

    @property
    def usage(self) -> Usage | None:
        """What the document says."""
        return self._read(self._keys.get(self._key))

    def set(self, usage: Usage) -> None:
        """Write the document."""
        self._keys.set(self._key, _written(usage))

    def reserve(self, wanted: Usage) -> bool:
        """Add to the usage unless a limit stands against it."""
        is_reserved = False

        def add(old: Buffer | None) -> Buffer:
            nonlocal is_reserved
            before = self._read(old) or Usage(0, 0)
            total = before.plus(wanted)
            is_reserved = self._limits.allow(wanted, total)
            return _written(total if is_reserved else before)

        self._keys.update(self._key, add)
        return is_reserved

    def add(self, change: Usage) -> None:
        """Add to the usage, whatever the limits say."""
        if change != (0, 0):
            self._keys.update(
                self._key, lambda old: _written((self._read(old) or Usage(0, 0)).plus(change))
            )

    def _read(self, document: Buffer | None) -> Usage | None:
        """Return what a document says.

        Raises:
            CorruptStorageError: It is not one of ours.
        """
        if document is None:
            return None
        try:
            found = json.loads(bytes(document))
            return Usage(int(found["nbytes"]), int(found["chunks"]))
        except (KeyError, TypeError, ValueError) as error:
            message = f"{self._key!r} is damaged; call recount() to write it anew"
            raise CorruptStorageError(message, backend="quota", key=self._key) from error


def _written(usage: Usage) -> bytes:
    """Return the document of a usage."""
    return json.dumps(usage._asdict()).encode()
