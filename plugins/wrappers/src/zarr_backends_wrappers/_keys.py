"""Any backend as keys and values, with every primitive of `KeyValueBackend`.

A backend with keys is taken as it is. One that has only the ten members is seen through the
keys that the Zarr specification gives to the chunks and the metadata of its one array.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from threading import RLock
from typing import Any

from zarr_backends import (
    Backend,
    Buffer,
    ChunkIndex,
    ChunkNotFoundError,
    KeyValueBackend,
    Snapshot,
    SupportsAtomicUpdate,
    SupportsBatches,
    SupportsBatchReads,
    SupportsFlush,
    SupportsKeys,
    SupportsRangeReads,
    SupportsSizes,
    SupportsSnapshots,
    SupportsTransactions,
    Transform,
)

# The core's own view of one array as keys, which its zarr-python store uses as well.
from zarr_backends._storage.keyvalue.array_keys import ArrayKeys

__all__ = ["PRIMITIVES", "abilities_of", "is_metadata", "keys_of"]

PRIMITIVES = (
    "delete_many",
    "delete_prefix",
    "get_many",
    "get_range",
    "list_dir",
    "open_value",
    "set_if_absent",
    "set_many",
    "size",
    "update",
    "version",
)
"""Methods over keys that a backend may have beside those of `SupportsKeys`."""

_DOCUMENTS = frozenset({"zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"})

_OF_ARRAYS: Mapping[str, type[Any]] = {
    "get_many": SupportsBatchReads,
    "delete_many": SupportsBatches,
    "set_many": SupportsBatches,
    "get_range": SupportsRangeReads,
    "open_value": SupportsSnapshots,
    "size": SupportsSizes,
    "update": SupportsAtomicUpdate,
}
"""What a primitive is made of where there are no keys."""


def is_metadata(key: str) -> bool:
    """Whether a key is that of a metadata document, of this node or of one below it."""
    return key.rpartition("/")[2] in _DOCUMENTS


def keys_of(backend: Backend) -> KeyValueBackend:
    """Return a backend as keys."""
    if isinstance(backend, KeyValueBackend):
        return backend
    return _Keys(backend if isinstance(backend, SupportsKeys) else _OneArray(backend))


def abilities_of(backend: Backend) -> frozenset[str]:
    """Return the names of the optional methods that do more for a backend than the others.

    What `KeyValueBackend` derives from other methods is none of them.
    """
    whole = {"flush": SupportsFlush, "transaction": SupportsTransactions}
    found = {name for name, protocol in whole.items() if isinstance(backend, protocol)}
    if isinstance(backend, KeyValueBackend):
        return frozenset(found | {name for name in PRIMITIVES if _is_own(type(backend), name)})
    if isinstance(backend, SupportsKeys):
        return frozenset(found | {name for name in PRIMITIVES if hasattr(backend, name)})
    return frozenset(
        found | {name for name, protocol in _OF_ARRAYS.items() if isinstance(backend, protocol)}
    )


def _is_own(cls: type, name: str) -> bool:
    """Whether a class has a method that is not the one of `KeyValueBackend`."""
    return getattr(cls, name, None) not in (None, getattr(KeyValueBackend, name, None))


class _OneArray(ArrayKeys):
    """The keys of an array, with the capabilities of its backend."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self.backend: Any = backend
        self.lock = RLock()

    def open_value(self, key: str) -> AbstractContextManager[Snapshot] | None:
        """Return a snapshot of a chunk."""
        index = self._index_of(key)
        try:
            if index is not None:
                return self.backend.open_chunk(index)  # type: ignore[no-any-return]  # has it
        except ChunkNotFoundError:
            pass
        return None

    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return several values, the chunks among them at once."""
        indices = {key: self._index_of(key) for key in keys}
        wanted = [index for index in indices.values() if index is not None]
        found = dict(zip(wanted, self.backend.read_chunks(wanted), strict=True))
        return [self.get(key) if (i := indices[key]) is None else found[i] for key in keys]

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Set several values, the chunks among them at once."""
        chunks: dict[ChunkIndex, Buffer] = {}
        for key, value in values.items():
            index = self._index_of(key)
            if index is None:
                self.set(key, value)
            else:
                chunks[index] = value
        self.backend.write_chunks(chunks)

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete several values, the chunks among them at once."""
        indices = {key: self._index_of(key) for key in keys}
        for key in (key for key, index in indices.items() if index is None):
            self.delete(key)
        self.backend.delete_chunks([index for index in indices.values() if index is not None])

    def update(self, key: str, transform: Transform) -> None:
        """Update a chunk as its backend does, and anything else under a lock."""
        index = self._index_of(key)
        if index is not None:
            self.backend.update_chunk(index, transform)
            return
        with self.lock:
            value = transform(self.get(key))
            if value is None:
                self.delete(key)
            else:
                self.set(key, value)

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless there is one, as safely as the backend updates."""
        is_set = False

        def unless_there(old: Buffer | None) -> Buffer:
            nonlocal is_set
            is_set = old is None
            return value if old is None else old

        if isinstance(self.backend, SupportsAtomicUpdate):
            self.update(key, unless_there)
            return is_set
        with self.lock:
            if self.get(key) is None:
                self.set(key, value)
                return True
            return False


class _Keys(KeyValueBackend):
    """Keys without a base class, with the primitives that they have not got."""

    backend_id = "keys"

    def __init__(self, keys: SupportsKeys) -> None:
        super().__init__()
        self._keys = keys
        lacking = set()
        if isinstance(keys, _OneArray):
            lacking = set(_OF_ARRAYS) - abilities_of(keys.backend)
        for name in PRIMITIVES:
            method = getattr(keys, name, None)
            if method is not None and name not in lacking:
                setattr(self, name, method)

    def connect(self, **_options: Any) -> None:
        """Do nothing; what is looked at is connected."""

    def get(self, key: str) -> Buffer | None:
        return self._keys.get(key)

    def set(self, key: str, value: Buffer) -> None:
        self._keys.set(key, value)

    def delete(self, key: str) -> None:
        self._keys.delete(key)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        return self._keys.list_keys(prefix)
