"""Comparing replicas and making them equal again.

A replica that is behind is made equal to the nearest one that is not, deletions included.
Among those that are not behind, differences are left by writers that were killed, whose
writes nobody was told of: the nearest replica that has a value is right, and nothing is
deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple, TypeAlias

from zarr_backends import Buffer, KeyValueBackend, contiguous_view
from zarr_backends_wrappers._keys import abilities_of
from zarr_backends_wrappers._locks import KeyLocks
from zarr_backends_wrappers._replicas import NOTES, Replicas

__all__ = ["Difference", "RepairReport", "repaired"]

Kind: TypeAlias = Literal["missing", "different", "superfluous"]

_TRIES = 16
"""Times that a key is compared again which is being written meanwhile."""


class Difference(NamedTuple):
    """What is wrong with a key of one replica."""

    replica: str
    key: str
    kind: Kind
    """``"missing"``, ``"different"`` or, where others have deleted it, ``"superfluous"``."""


class RepairReport(NamedTuple):
    """What a repair found."""

    keys: int
    """Keys that were compared."""
    differences: tuple[Difference, ...]
    """What was wrong, and is mended unless that was not wanted."""
    repaired: tuple[str, ...]
    """Replicas that were behind and are no longer; one that missed a write meanwhile is not
    among them."""


def repaired(replicas: Replicas, locks: KeyLocks, *, dry_run: bool) -> RepairReport:
    """Compare all replicas and mend what differs.

    Args:
        replicas: The replicas; all of them have to answer.
        locks: Held for a key while it is mended.
        dry_run: Whether to report only.

    Returns:
        What was found.
    """
    replicas.look()
    behind = replicas.behind()
    good = [name for name in replicas.names if name not in behind]
    tokens = {} if dry_run else {name: replicas.note_repair(name) for name in behind}
    found: list[Difference] = []
    nkeys = 0
    for key in _keys_of_all(replicas):
        nkeys += 1
        with locks(key):
            found += _mended(replicas, key, good, dry_run=dry_run)
    done = [name for name, token in tokens.items() if replicas.note_repaired(name, token)]
    return RepairReport(nkeys, tuple(found), tuple(sorted(done)))


def _keys_of_all(replicas: Replicas) -> Iterator[str]:
    """Yield every key of any replica once."""
    seen: set[str] = set()
    for name in replicas.names:
        for key in replicas[name].list_keys():
            if key not in seen and not key.startswith(NOTES):
                seen.add(key)
                yield key


def _mended(replicas: Replicas, key: str, good: list[str], *, dry_run: bool) -> list[Difference]:
    """Make a key equal everywhere; return what was wrong at first."""
    first: list[Difference] = []
    for _ in range(_TRIES):
        values = {name: _bytes(replicas[name].get(key)) for name in replicas.names}
        right = next((values[name] for name in good if values[name] is not None), None)
        found = [
            Difference(name, key, _kind(value, right))
            for name, value in values.items()
            if value != right
        ]
        first = first or found
        if dry_run or not found:
            break
        for name, _, _ in found:
            _replace(replicas[name], key, values[name], right)
    return first


def _kind(value: bytes | None, right: bytes | None) -> Kind:
    """Return what is wrong with a value."""
    if right is None:
        return "superfluous"
    return "missing" if value is None else "different"


def _replace(replica: KeyValueBackend, key: str, seen: bytes | None, right: bytes | None) -> None:
    """Replace a value, unless another process has changed it since it was seen."""
    if "update" not in abilities_of(replica):
        if right is None:
            replica.delete(key)
        else:
            replica.set(key, right)
        return
    replica.update(key, _exchange(seen, right))


def _exchange(seen: bytes | None, right: bytes | None) -> Callable[[Buffer | None], Buffer | None]:
    """Return the transform that replaces only what was seen."""
    return lambda old: right if _bytes(old) == seen else old


def _bytes(value: Buffer | None) -> bytes | None:
    return None if value is None else bytes(contiguous_view(value))
