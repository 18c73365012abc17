"""All primitives of a key-value backend, whichever of them a backend has itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zarr_backends._storage.keyvalue.backend import KeyValueBackend
from zarr_backends.contract import Buffer, SupportsKeys

__all__ = ["has_own", "with_all_primitives"]

_OPTIONAL = (
    "delete_many",
    "delete_prefix",
    "get_many",
    "get_range",
    "list_dir",
    "set_if_absent",
    "set_many",
    "size",
)
"""Primitives that a backend with keys may leave out and the zarr-python store uses."""


def with_all_primitives(keys: SupportsKeys) -> KeyValueBackend:
    """Return `keys` with every primitive; those that are missing follow from the others."""
    return keys if isinstance(keys, KeyValueBackend) else _AllKeys(keys)


def has_own(keys: KeyValueBackend, primitive: str) -> bool:
    """Whether a primitive is the backend's own, and not what follows from the others."""
    inherited = getattr(type(keys), primitive) is getattr(KeyValueBackend, primitive)
    return primitive in vars(keys) or not inherited


class _AllKeys(KeyValueBackend):
    """A backend of `SupportsKeys` with the fallbacks of `KeyValueBackend`."""

    backend_id = "keys"

    def __init__(self, keys: SupportsKeys) -> None:
        super().__init__()
        self._keys = keys
        for name in _OPTIONAL:
            method = getattr(keys, name, None)
            if method is not None:
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
