"""Moving values from one tier to the next, so that being killed loses nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from zarr_backends import Buffer, KeyValueBackend, contiguous_view
from zarr_backends_wrappers._keys import is_metadata
from zarr_backends_wrappers._ledger import Ledger
from zarr_backends_wrappers._locks import KeyLocks

__all__ = ["MigrationReport", "Mover", "remove_if"]


class MigrationReport(NamedTuple):
    """What was moved down."""

    values: int
    """Number of values."""
    nbytes: int
    """Bytes of them."""

    def plus(self, other: MigrationReport) -> MigrationReport:
        """Return both together."""
        return MigrationReport(self.values + other.values, self.nbytes + other.nbytes)


class Mover:
    """Moves values between tiers.

    Args:
        tiers: From the hottest to the coldest.
        ledger: When values were written and used.
        locks: Held for a key while it moves.
        reserved: Prefix of keys that stay.
    """

    def __init__(
        self, tiers: Sequence[KeyValueBackend], ledger: Ledger, locks: KeyLocks, reserved: str
    ) -> None:
        """Move nothing yet."""
        self._tiers = tiers
        self._ledger = ledger
        self._locks = locks
        self._reserved = reserved

    def move_down(self, level: int, policy: str, limit: float) -> MigrationReport:
        """Move what a tier is not to keep to the next one.

        Args:
            level: Number of the tier.
            policy: ``"age"``, ``"access"`` or ``"size"``.
            limit: Seconds, or bytes.

        Returns:
            What was moved.
        """
        report = MigrationReport(0, 0)
        for key in list(self._chosen(level, policy, limit)):
            nbytes = self._move(level, key)
            if nbytes is not None:
                report = report.plus(MigrationReport(1, nbytes))
        return report

    def _chosen(self, level: int, policy: str, limit: float) -> Iterator[str]:
        """Yield the keys to move; metadata stays where it is."""
        keys = [
            key
            for key in self._tiers[level].list_keys()
            if not key.startswith(self._reserved) and not is_metadata(key)
        ]
        if policy == "size":
            yield from self._beyond(level, keys, limit)
            return
        for key in keys:
            times = self._ledger.times(key)
            since = times.written if policy == "age" else times.used
            if time.time() - since >= limit:
                yield key

    def _beyond(self, level: int, keys: Sequence[str], limit: float) -> Iterator[str]:
        """Yield the least recently used keys without which a tier is within its limit."""
        sizes = {key: self._tiers[level].size(key) or 0 for key in keys}
        total = sum(sizes.values())
        for key in sorted(keys, key=lambda key: self._ledger.times(key).used):
            if total <= limit:
                return
            total -= sizes[key]
            yield key

    def _move(self, level: int, key: str) -> int | None:
        """Move a value; return its size, None where it was changed or gone."""
        upper, lower = self._tiers[level], self._tiers[level + 1]
        with self._locks(key):
            value = upper.get(key)
            if value is None:
                return None
            copied = contiguous_view(value)
            below = lower.get(key)
            if below is None or contiguous_view(below) != copied:
                lower.set(key, copied)
            return copied.nbytes if remove_if(upper, key, copied) else None


def remove_if(tier: KeyValueBackend, key: str, value: memoryview) -> bool:
    """Remove a value if it is still the one that is meant.

    Args:
        tier: Where.
        key: Its key.
        value: What it has to be.

    Returns:
        Whether it was.
    """
    is_it = False

    def without(old: Buffer | None) -> Buffer | None:
        nonlocal is_it
        is_it = old is not None and contiguous_view(old) == value
        return None if is_it else old

    tier.update(key, without)
    return is_it
