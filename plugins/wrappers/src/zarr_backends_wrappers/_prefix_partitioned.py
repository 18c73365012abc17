"""The backend ``prefix_partitioned``: spreads chunks over many prefixes.

Object stores limit the requests a second of a prefix. Here a chunk ``c/0/1`` is stored as
``7/c/0/1``, where the digits are taken from a hash of its key. Metadata stays where it is.
The hash is of the key below the inner backend's place, so that a hierarchy is always to be
opened at the same place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from zarr_backends_wrappers._inner import Inner
from zarr_backends_wrappers._keys import is_metadata
from zarr_backends_wrappers._partitions import Partitions
from zarr_backends_wrappers._transformer import Transformer
from zarr_backends_wrappers._values import count, refusal

__all__ = ["PrefixPartitionedBackend"]

_MAX = 4096
"""Partitions at most: a listing of a prefix lists each of them."""


class PrefixPartitionedBackend(Transformer):
    """Puts a partition before the key of every chunk."""

    backend_id: ClassVar[str] = "prefix_partitioned"

    def connect(self, *, inner: Inner, partitions: int = 16) -> None:
        """Take the options.

        Args:
            inner: Where to store.
            partitions: Number of prefixes; it has to stay the same for what is stored.

        Raises:
            ConfigurationError: A value is impossible, or the inner backend has no keys.
        """
        self.take(inner, with_any_key=True)
        if count(self.backend_id, "partitions", partitions) > _MAX:
            failure = refusal(self.backend_id, "partitions", partitions, f"{_MAX} at most")
            raise failure
        self._partitions = Partitions(partitions)

    def _stored_key(self, key: str) -> str:
        return key if is_metadata(key) else self._partitions.stored(key)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield every key that starts with `prefix`, one partition after the other."""
        for stored in self._keys.list_keys(prefix):
            if is_metadata(stored):
                yield stored
            elif not prefix:
                key = self._partitions.shown(stored)
                if key is not None:
                    yield key
        for name in self._partitions.names if prefix else ():
            for stored in self._keys.list_keys(f"{name}/{prefix}"):
                key = None if is_metadata(stored) else self._partitions.shown(stored)
                if key is not None:
                    yield key
