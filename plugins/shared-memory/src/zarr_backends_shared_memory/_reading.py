"""What is read of a table, in a transaction of LMDB that gives views of the map."""

from __future__ import annotations

from typing import Any, NamedTuple

from zarr_backends_shared_memory._keys import after_folder, name_entry, stored_prefix

__all__ = ["PAGE", "Page", "keys_page", "names_page", "range_of"]

PAGE = 1000
"""Keys that are listed in one transaction."""


class Page(NamedTuple):
    """A part of a listing."""

    names: list[str]
    next: bytes | None
    """Stored key where the listing goes on; None at its end."""


def range_of(value: Any, start: int, stop: int | None) -> bytes | None:
    """Return a copy of a part of a value."""
    return None if value is None else bytes(value[start:stop])


def keys_page(transaction: Any, prefix: str, start: bytes) -> Page:
    """Return some keys that begin with a prefix."""
    head, names = stored_prefix(prefix), list[str]()
    with transaction.cursor() as cursor:
        there = cursor.set_range(start)
        while there:
            stored = bytes(cursor.key())
            if not stored.startswith(head):
                break
            if len(names) == PAGE:
                return Page(names, stored)
            name = _name_of(transaction, stored)
            if name.startswith(prefix):
                names.append(name)
            there = cursor.next()
    return Page(names, None)


def names_page(transaction: Any, prefix: str, start: bytes) -> Page:
    """Return some names just below a prefix, passing over what is below them.

    A name may come again, on the next page too.
    """
    head, names = stored_prefix(prefix), list[str]()
    with transaction.cursor() as cursor:
        there = cursor.set_range(start)
        while there:
            stored = bytes(cursor.key())
            if not stored.startswith(head):
                break
            if len(names) == PAGE:
                return Page(names, stored)
            key = _name_of(transaction, stored)
            there = (
                _pass_by(cursor, names, key, prefix) if key.startswith(prefix) else cursor.next()
            )
    return Page(names, None)


def _pass_by(cursor: Any, names: list[str], key: str, prefix: str) -> bool:
    """Note the name that a key has below a prefix, and move on to what follows it."""
    name, slash, _ = key[len(prefix) :].partition("/")
    names.append(name)
    if slash:
        for follower in after_folder(prefix, name):
            return bool(cursor.set_range(follower))
    return bool(cursor.next())


def _name_of(transaction: Any, stored: bytes) -> str:
    """Return the key that is stored so."""
    entry = name_entry(stored)
    raw = stored[1:] if entry is None else bytes(transaction.get(entry))
    return raw.decode()
