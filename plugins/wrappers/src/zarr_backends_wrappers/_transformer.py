"""Wrappers that work on the keys and values of their inner backends.

They have keys themselves, whatever the inner one has. A subclass overrides what it does
otherwise; everything else goes to the inner backend as it is. Optional primitives, which an
instance has only if its inner backend has them, are marked with `where_inner_has`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

from zarr_backends import (
    Backend,
    Buffer,
    ChunkIndex,
    ConfigurationError,
    KeyValueBackend,
    Snapshot,
    SupportsKeys,
    Transform,
)
from zarr_backends_wrappers._inner import Inner
from zarr_backends_wrappers._keys import is_metadata, keys_of
from zarr_backends_wrappers._wrapper import Wrapper, where_inner_has

__all__ = ["Transformer"]


class Transformer(Wrapper, KeyValueBackend):
    """Passes every key and value on; a subclass overrides what it changes."""

    inner: Backend
    """The inner backend."""

    _keys: KeyValueBackend
    """The inner backend as keys."""

    _reserved: str = ""
    """Prefix of keys that are the wrapper's own and not shown."""

    def take(self, inner: Inner, *, with_any_key: bool = False) -> None:
        """Keep the inner backend, which is connected.

        Args:
            inner: The backend.
            with_any_key: Whether keys are needed that are no array's.

        Raises:
            ConfigurationError: It has not got them.
        """
        self.inner = cast("Backend", inner)
        if with_any_key and not isinstance(inner, SupportsKeys):
            message = (
                f"{inner!r} stores one array and has no place for other keys, which "
                f"{self.backend_id!r} needs; use a backend with keys"
            )
            raise ConfigurationError(message, backend=self.backend_id, option="inner")
        self._keys = keys_of(self.inner)
        if hasattr(inner, "max_concurrency"):
            self.max_concurrency = inner.max_concurrency

    def _stored_key(self, key: str) -> str:
        """Return the key under which a value is stored.

        Raises:
            ConfigurationError: It is one of the wrapper's own.
        """
        if self._reserved and key.startswith(self._reserved):
            message = f"key {key!r:.80} is for the use of {self.backend_id!r} itself"
            raise ConfigurationError(message, backend=self.backend_id, key=key)
        return key

    def _index_of(self, key: str) -> ChunkIndex | None:
        """Return the index of the chunk of this array that a key stands for, if any."""
        if is_metadata(key):
            return None
        encoding, ndim = self._current_layout()
        return encoding.decode(key, ndim)

    # --- The primitives, passed on ---------------------------------------------------

    def get(self, key: str) -> Buffer | None:
        """Return a value, None for an absent key."""
        return self._keys.get(self._stored_key(key))

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value."""
        self._keys.set(self._stored_key(key), value)

    def delete(self, key: str) -> None:
        """Delete a key."""
        self._keys.delete(self._stored_key(key))

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield every key that starts with `prefix`, but those of the wrapper itself."""
        for key in self._keys.list_keys(prefix):
            if not (self._reserved and key.startswith(self._reserved)):
                yield key

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists; return whether it was set."""
        return self._keys.set_if_absent(self._stored_key(key), value)

    @where_inner_has("flush")
    def flush(self) -> None:
        """Make every write up to now durable and visible to others."""
        cast("Any", self.inner).flush()

    @where_inner_has("transaction")
    def transaction(self) -> AbstractContextManager[Any]:
        """Return a context: leaving it commits, an exception in it rolls back."""
        return self._inner_transaction()

    @contextmanager
    def _inner_transaction(self) -> Iterator[Any]:
        """Give a transaction of the inner backend.

        Yields:
            What that gives.
        """
        inner: Any = self.inner
        try:
            with inner.transaction() as value:
                yield value
        finally:
            # The document that says how chunks are named may have been rolled back.
            self._layout = None

    @where_inner_has("get_range")
    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return a part of a value, None for an absent key."""
        return self._keys.get_range(self._stored_key(key), start, stop)

    @where_inner_has("open_value")
    def open_value(self, key: str) -> AbstractContextManager[Snapshot] | None:
        """Return one version of a value, None for an absent key."""
        return self._keys.open_value(self._stored_key(key))

    @where_inner_has("size")
    def size(self, key: str) -> int | None:
        """Return the number of bytes of a value, None for an absent key."""
        return self._keys.size(self._stored_key(key))

    @where_inner_has("get_many")
    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return several values."""
        return self._keys.get_many([self._stored_key(key) for key in keys])

    @where_inner_has("set_many", "delete_many")
    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Set several values."""
        self._keys.set_many({self._stored_key(key): value for key, value in values.items()})

    @where_inner_has("set_many", "delete_many")
    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete several keys."""
        self._keys.delete_many([self._stored_key(key) for key in keys])

    @where_inner_has("update")
    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)``; no other update is lost."""
        self._keys.update(self._stored_key(key), transform)
