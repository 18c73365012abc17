"""The partition of a key: a number from its hash, the same everywhere."""

from __future__ import annotations

import zlib

__all__ = ["Partitions"]


class Partitions:
    """Names of partitions, and the keys in them.

    Args:
        count: Number of partitions.
    """

    def __init__(self, count: int) -> None:
        """Work out how many digits a name has."""
        self._count = count
        self._ndigits = len(f"{count - 1:x}")
        self.names = tuple(f"{i:0{self._ndigits}x}" for i in range(count))
        """Names in hexadecimal digits, all of one length."""

    def stored(self, key: str) -> str:
        """Return a key with its partition before it."""
        return f"{self.names[zlib.crc32(key.encode()) % self._count]}/{key}"

    def shown(self, stored: str) -> str | None:
        """Return the key that a stored one stands for, None where it was not stored by us."""
        key = stored[self._ndigits + 1 :]
        return key if key and self.stored(key) == stored else None
