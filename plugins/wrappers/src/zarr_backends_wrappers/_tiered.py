"""The backend ``tiered``: hot, warm and cold storage as one.

1. The hottest tier that has a key has its value; colder ones may have older ones.
2. A write goes to the hottest tier. A read looks from hot to cold, and copies what it finds
   in a colder tier to the hottest.
3. A deletion begins at the coldest tier: should it be interrupted, the value is still there.
4. `migrate` moves down what its policy says: it copies to the next tier, and removes the hot
   value if that is still the one that was copied. Interrupted, it leaves a value in two
   tiers, and goes on when it is called again.

So at every moment every value is in some tier, and the hottest one that has it is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Literal, NamedTuple

from zarr_backends import BackendError, Buffer, KeyValueBackend, Transform, contiguous_view
from zarr_backends_wrappers._inner import Connected, Inner
from zarr_backends_wrappers._keys import abilities_of, keys_of
from zarr_backends_wrappers._ledger import Ledger
from zarr_backends_wrappers._locks import KeyLocks
from zarr_backends_wrappers._migration import MigrationReport, Mover, remove_if
from zarr_backends_wrappers._transformer import Transformer
from zarr_backends_wrappers._values import choice, flag, number, refusal
from zarr_backends_wrappers._wrapper import mapping_of_inners, where_inner_has

__all__ = ["TieredBackend"]

TIERS = ("hot", "warm", "cold")
"""From the hottest to the coldest."""

_DOCUMENT = ".zarr-backends-tiers"

_SHARED = frozenset(
    {"delete_many", "flush", "get_many", "get_range", "open_value", "set_many", "size"}
)
"""Abilities that are passed on where all tiers have them."""


class _Found(NamedTuple):
    """A value in a tier."""

    level: int
    value: Any


class TieredBackend(Transformer):
    """Keeps what is used in a fast backend and the rest in slower ones."""

    backend_id: ClassVar[str] = "tiered"
    _reserved = _DOCUMENT

    def connect(
        self,
        *,
        inner: Mapping[str, Inner],
        policy: Literal["age", "size", "access"] = "access",
        limits: Mapping[str, float] | None = None,
        promote: bool = True,
    ) -> None:
        """Take the tiers.

        Args:
            inner: Backends by the names ``hot``, ``warm`` and ``cold``; two at least.
            policy: What `migrate` goes by: the ``"age"`` of a value since it was written, its
                last ``"access"``, or the ``"size"`` of a tier.
            limits: What a tier keeps at most, by its name: seconds of age or since the last
                access, or bytes. A tier without a limit keeps everything.
            promote: Whether a read copies a value to the hottest tier.

        Raises:
            ConfigurationError: A value is impossible.
        """
        self._names = tuple(name for name in TIERS if name in inner)
        if set(inner) - set(TIERS) or len(self._names) < 2:  # noqa: PLR2004  # or there are no tiers
            names = sorted(inner)
            failure = refusal(self.backend_id, "inner", names, "two or three of hot, warm, cold")
            raise failure
        for name in self._names[::-1]:
            self.take(inner[name], with_any_key=True)
        self._tiers = [keys_of(inner[name]) for name in self._names]  # type: ignore[arg-type]  # connected
        self._hot = self._tiers[0]
        self._policy = choice(self.backend_id, "policy", policy, ("age", "size", "access"))
        self._limits = self._checked_limits({} if limits is None else limits)
        self._promotes = flag(self.backend_id, "promote", promote)
        self._ledger = Ledger(_DOCUMENT)

    def _checked_limits(self, limits: object) -> dict[str, float]:
        """Return the limits of the tiers.

        Raises:
            ConfigurationError: One of them is impossible.
        """
        if not isinstance(limits, Mapping) or set(limits) - set(self._names[:-1]):
            remedy = f"a mapping of {', '.join(self._names[:-1])} to numbers"
            failure = refusal(self.backend_id, "limits", limits, remedy)
            raise failure
        return {name: number(self.backend_id, "limits", value) for name, value in limits.items()}

    @classmethod
    def _connect(cls, name: str, value: object, method: Any, inners: list[Connected]) -> Any:
        """Connect every tier; where an array is, is found out by asking them all."""
        if value is None:
            return super()._connect(name, value, method, inners)
        named = mapping_of_inners(cls.backend_id, name, value)
        first = len(inners)
        found = {
            tier: super(TieredBackend, cls)._connect(name, tiered, "create", inners)
            for tier, tiered in named.items()
        }
        inners[first:] = [inner._replace(is_open=False) for inner in inners[first:]]
        return found

    @classmethod
    def _abilities(cls, options: Mapping[str, Any]) -> frozenset[str]:
        """Return what all tiers can do; updates are made in the hottest."""
        tiers = [tier for name in TIERS if (tier := options["inner"].get(name)) is not None]
        if not tiers:
            return frozenset()
        hot = abilities_of(tiers[0])
        shared = frozenset.intersection(*map(abilities_of, tiers))
        return (shared & _SHARED) | (hot & {"update"})

    def renew(self) -> None:
        """Make the locks."""
        self._key_locks = KeyLocks()
        self._ledger.renew()

    # --- Reading --------------------------------------------------------------------

    def get(self, key: str) -> Buffer | None:
        """Return a value, from the hottest tier that has it."""
        value: Buffer | None = self._hot.get(self._stored_key(key))
        if value is None:
            value = self._promoted(key) if self._promotes else self._first(key, _get(key))
        if value is not None:
            self._ledger.used(key)
        return value

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield every key of any tier once."""
        seen: set[str] = set()
        for tier in self._tiers:
            for key in tier.list_keys(prefix):
                if key not in seen and not key.startswith(self._reserved):
                    if tier is not self._tiers[-1]:
                        seen.add(key)
                    yield key

    @where_inner_has("get_range")
    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return a part of a value, without promoting the whole."""
        found: Buffer | None = self._first(key, lambda tier: tier.get_range(key, start, stop))
        return found

    @where_inner_has("open_value")
    def open_value(self, key: str) -> Any:
        """Return one version of a value."""
        return self._first(key, lambda tier: tier.open_value(key))

    @where_inner_has("size")
    def size(self, key: str) -> int | None:
        """Return the number of bytes of a value."""
        self._stored_key(key)
        found = self._find(lambda tier: tier.size(key))
        return None if found is None else found.value

    @where_inner_has("flush")
    def flush(self) -> None:
        """Make every write up to now durable and visible to others."""
        for inner in self.inners():
            inner.flush()  # type: ignore[attr-defined]  # all of them have it

    # --- Changing -------------------------------------------------------------------

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value in the hottest tier."""
        with self._key_locks(self._stored_key(key)):
            self._hot.set(key, value)
        self._ledger.written(key)

    @where_inner_has("get_many")
    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return several values, those in the hottest tier at once."""
        found = self._hot.get_many([self._stored_key(key) for key in keys])
        return [self.get(k) if v is None else v for k, v in zip(keys, found, strict=True)]

    @where_inner_has("set_many", "delete_many")
    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Replace several values in the hottest tier."""
        with self._key_locks.all_of(map(self._stored_key, values)):
            self._hot.set_many(values)
        for key in values:
            self._ledger.written(key)

    @where_inner_has("set_many", "delete_many")
    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete several keys, from the coldest tier first."""
        with self._key_locks.all_of(map(self._stored_key, keys)):
            for tier in reversed(self._tiers):
                tier.delete_many(keys)
        for key in keys:
            self._ledger.forget(key)

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless a tier has one; return whether it was set."""
        with self._key_locks(self._stored_key(key)):
            if self._find(lambda tier: tier.size(key)) is not None:
                return False
            is_set = self._hot.set_if_absent(key, value)
            # Another process may have moved one down while we looked.
            if is_set and _is_in(self._tiers[1:], key):
                remove_if(self._hot, key, contiguous_view(value))
                is_set = False
        return is_set

    def delete(self, key: str) -> None:
        """Delete a key from every tier, the coldest first."""
        with self._key_locks(self._stored_key(key)):
            for tier in reversed(self._tiers):
                tier.delete(key)
        self._ledger.forget(key)

    @where_inner_has("update")
    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)`` in the hottest tier."""
        with self._key_locks(self._stored_key(key)):
            while not self._try_update(key, transform):
                pass
        self._ledger.written(key)

    def _try_update(self, key: str, transform: Transform) -> bool:
        """Update once; return False where others changed or moved the value in the middle."""
        is_there = self._hot.size(key) is not None or self._promoted(key) is not None
        is_moved = False
        deleted: bytes | None = None

        def in_hot_tier(old: Buffer | None) -> Buffer | None:
            nonlocal is_moved, deleted
            is_moved = old is None and is_there
            if is_moved:
                return None
            value = transform(old)
            deleted = bytes(old) if value is None and old is not None else None
            return value if deleted is None else old

        self._hot.update(key, in_hot_tier)
        if deleted is None:
            return not is_moved
        for tier in reversed(self._tiers[1:]):
            tier.delete(key)
        return remove_if(self._hot, key, memoryview(deleted))

    # --- Moving ---------------------------------------------------------------------

    def migrate(self) -> MigrationReport:
        """Move down what the tiers are not to keep.

        Returns:
            What was moved. Interrupted, it goes on where it was when it is called again.
        """
        self._ledger.load(self._hot)
        mover = Mover(self._tiers, self._ledger, self._key_locks, self._reserved)
        report = MigrationReport(0, 0)
        for level, name in enumerate(self._names[:-1]):
            if name in self._limits:
                report = report.plus(mover.move_down(level, self._policy, self._limits[name]))
        self._ledger.save(self._hot)
        return report

    def tier_of(self, key: str) -> str | None:
        """Return the name of the hottest tier that has a key, None where none has."""
        found = self._find(lambda tier: tier.size(key))
        return None if found is None else self._names[found.level]

    def _promoted(self, key: str) -> Buffer | None:
        """Return a value after copying it to the hottest tier; None where no tier has it."""
        with self._key_locks(key):
            found = self._find(_get(key))
            if found is None:
                return None
            value: Buffer = found.value
            if not found.level:
                return value
            # A hot tier that is full, or down, is no reason not to read from the others.
            with suppress(BackendError):
                is_new = self._hot.set_if_absent(key, found.value)
                # Somebody else may have deleted it between the two steps.
                if is_new and not _is_in(self._tiers[1:], key):
                    remove_if(self._hot, key, contiguous_view(value))
            return value

    def _first(self, key: str, look: Callable[[KeyValueBackend], Any]) -> Any:
        """Return what the hottest tier that has a key answers, None where none has."""
        self._stored_key(key)
        found = self._find(look)
        if found is None:
            return None
        self._ledger.used(key)
        return found.value

    def _find(self, look: Callable[[KeyValueBackend], Any]) -> _Found | None:
        """Return the first answer when the tiers are asked from hot to cold, None without one.

        A value only ever comes to a tier before it leaves another one. On its way down it comes
        to where is looked next; what is copied up stays below as well.
        """
        answers = ((level, look(tier)) for level, tier in enumerate(self._tiers))
        return next((_Found(*found) for found in answers if found[1] is not None), None)


def _is_in(tiers: list[KeyValueBackend], key: str) -> bool:
    """Whether one of some tiers has a key."""
    return any(tier.size(key) is not None for tier in tiers)


def _get(key: str) -> Callable[[KeyValueBackend], Buffer | None]:
    """Return what reads a key from a tier."""
    return lambda tier: tier.get(key)
