"""The backend ``quota``: so many bytes and chunks, and not one more.

Room is reserved before anything is written, and what becomes free is free afterwards. What is
there is counted once, before the first write, and kept up to date from then on: by default
in this instance, for all its threads; with ``shared`` in a document of the inner backend, for
all instances and processes that say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any, ClassVar

from zarr_backends import (
    Buffer,
    ConfigurationError,
    StorageFullError,
    Transform,
    contiguous_view,
)
from zarr_backends_wrappers._inner import Inner
from zarr_backends_wrappers._keys import abilities_of, is_metadata
from zarr_backends_wrappers._locks import KeyLocks
from zarr_backends_wrappers._transformer import Transformer
from zarr_backends_wrappers._usage import Counter, Limits, Meter, SharedMeter, Usage
from zarr_backends_wrappers._values import count, flag
from zarr_backends_wrappers._wrapper import where_inner_has

__all__ = ["QuotaBackend"]

_DOCUMENT = ".zarr-backends-usage"


class QuotaBackend(Transformer):
    """Refuses what would be too much."""

    backend_id: ClassVar[str] = "quota"
    _reserved = _DOCUMENT

    def connect(
        self,
        *,
        inner: Inner,
        max_nbytes: int | None = None,
        max_chunks: int | None = None,
        shared: bool = False,
    ) -> None:
        """Take the limits.

        Args:
            inner: Where to store.
            max_nbytes: Bytes of all values at most, metadata included; None for no limit.
            max_chunks: Values that are no metadata at most; None for no limit.
            shared: Whether all instances and processes count together, in a document of the
                inner backend; every change then costs an update of it more.

        Raises:
            ConfigurationError: A value is impossible, or the inner backend has no keys or
                no updates to share a count by.
        """
        is_shared = flag(self.backend_id, "shared", shared)
        self.take(inner, with_any_key=is_shared)
        for name, limit in (("max_nbytes", max_nbytes), ("max_chunks", max_chunks)):
            if limit is not None:
                count(self.backend_id, name, limit, least=0)
        limits = self._limits = Limits(max_nbytes, max_chunks)
        if is_shared and "update" not in abilities_of(self.inner):
            message = f"shared=True needs a backend that updates atomically, not {inner!r}"
            raise ConfigurationError(message, backend=self.backend_id, option="shared")
        self._meter: Counter = (
            SharedMeter(self._keys, _DOCUMENT, limits) if is_shared else Meter(limits)
        )

    def renew(self) -> None:
        """Make the locks."""
        self._meter.renew()
        self._key_locks = KeyLocks()
        self._counting = RLock()

    @property
    def usage(self) -> Usage:
        """Bytes and chunks that are stored."""
        with self._counting:
            return self._meter.usage or self.recount()

    def recount(self) -> Usage:
        """Count again what is stored, while nobody writes."""
        with self._counting:
            total = Usage(0, 0)
            for key in self.list_keys():
                total = total.plus(_change(key, None, self._keys.size(key)))
            self._meter.set(total)
            return total

    # --- Changing -------------------------------------------------------------------

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value, if there is room for the new one."""
        with self._room_for({self._stored_key(key): contiguous_view(value).nbytes}):
            self._keys.set(key, value)

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists, if there is room for it."""
        if self._keys.size(self._stored_key(key)) is not None:
            return False
        with self._room_for({key: contiguous_view(value).nbytes}) as sizes:
            is_set = self._keys.set_if_absent(key, value)
            if not is_set:
                sizes[key] = self._keys.size(key)
        return is_set

    def delete(self, key: str) -> None:
        """Delete a key; what it took is free again."""
        with self._room_for({self._stored_key(key): None}):
            self._keys.delete(key)

    @where_inner_has("set_many", "delete_many")
    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Set several values, if there is room for all of them."""
        sizes = {self._stored_key(key): contiguous_view(v).nbytes for key, v in values.items()}
        with self._room_for(dict(sizes)):
            self._keys.set_many(values)

    @where_inner_has("set_many", "delete_many")
    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete several keys."""
        with self._room_for(dict.fromkeys(map(self._stored_key, keys))):
            self._keys.delete_many(keys)

    @where_inner_has("update")
    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)``, if there is room for it."""
        self._ensure_counted()
        change = reserved = Usage(0, 0)

        def within_limits(old: Buffer | None) -> Buffer | None:
            nonlocal change, reserved
            # An earlier try came to nothing.
            self._meter.add(Usage(0, 0).minus(reserved))
            reserved = Usage(0, 0)
            value = transform(old)
            change = _change(key, _nbytes(old), _nbytes(value))
            self._reserve(key, change.growth())
            reserved = change.growth()
            return value

        with self._key_locks(self._stored_key(key)):
            try:
                self._keys.update(key, within_limits)
            except BaseException:
                change = Usage(0, 0)
                raise
            finally:
                self._meter.add(change.minus(reserved))

    @where_inner_has("transaction")
    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Give a transaction; one that is rolled back gives back what it took.

        Yields:
            What the inner one gives.
        """
        before = self.usage
        try:
            with self._inner_transaction() as value:
                yield value
        except BaseException:
            if not isinstance(self._meter, SharedMeter):  # whose document was rolled back too
                self._meter.set(before)
            raise

    # --- Counting -------------------------------------------------------------------

    def _ensure_counted(self) -> None:
        """Count what is stored, unless that was done."""
        with self._counting:
            if self._meter.usage is None:
                self.recount()

    @contextmanager
    def _room_for(self, sizes: dict[str, int | None]) -> Iterator[dict[str, int | None]]:
        """Reserve room for values; afterwards what they really take is what counts.

        Args:
            sizes: Bytes of the new values by key, None for those that are deleted.

        Yields:
            The same, to be corrected where it comes out otherwise.
        """
        self._ensure_counted()
        with self._key_locks.all_of(sizes):
            old = {key: self._keys.size(key) for key in sizes}
            reserved = _total(old, sizes).growth()
            self._reserve(", ".join(sizes), reserved)
            try:
                yield sizes
            except BaseException:
                # Nobody knows how far it came; if it cannot be found out, it counts as done.
                sizes = {key: self._keys.size(key) for key in old}
                raise
            finally:
                self._meter.add(_total(old, sizes).minus(reserved))

    def _reserve(self, key: str, wanted: Usage) -> None:
        """Reserve room.

        Raises:
            StorageFullError: There is not enough.
        """
        if not self._meter.reserve(wanted):
            used, limits = self.usage, self._limits
            message = (
                f"{key!r:.80} does not fit: {used.nbytes} of {limits.nbytes} bytes and "
                f"{used.chunks} of {limits.chunks} chunks are used at {self!r}; delete "
                "something or raise the limit"
            )
            raise StorageFullError(message, backend=self.backend_id, key=key)


def _nbytes(value: Buffer | None) -> int | None:
    return None if value is None else contiguous_view(value).nbytes


def _change(key: str, old: int | None, new: int | None) -> Usage:
    """Return what is added when a value changes its size; None is an absent one."""
    chunks = 0 if is_metadata(key) else (new is not None) - (old is not None)
    return Usage((new or 0) - (old or 0), chunks)


def _total(old: Mapping[str, int | None], new: Mapping[str, int | None]) -> Usage:
    """Return what is added when several values change their sizes."""
    changes = [_change(key, old[key], new[key]) for key in old]
    return Usage(sum(c.nbytes for c in changes), sum(c.chunks for c in changes))
