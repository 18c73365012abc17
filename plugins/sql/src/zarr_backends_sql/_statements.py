"""The statements of a key-value store, over one array's rows of a table."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    select,
    update,
)

from zarr_backends_sql._drivers import Driver

__all__ = ["LAST", "PAGE", "Statements", "after_prefix"]

LAST = chr(sys.maxunicode) * 500
"""Behind every key: as long as one may be, and all of the last character."""

PAGE = 1000
"""Rows of one page of a listing."""

_AT_ONCE = 500
"""Keys of one statement; databases limit the parameters of each."""

_MOST_AT_ONCE_NBYTES = 8 * 2**20
"""Bytes of values that are sent in one go; servers limit the size of a message."""

_REST = 2**31 - 2
"""More bytes than a value can have."""


_FIRST_SURROGATE, _AFTER_SURROGATES = 0xD800, 0xE000
"""Code points between them are no characters."""


class Statements:
    """What is asked of the table for one array.

    Args:
        driver: The database's own ways.
        table: The table.
        array_id: Which rows.
    """

    def __init__(self, driver: Driver, table: Table, array_id: str) -> None:
        """Build the statements; each is turned into text once."""
        self._array_id = array_id
        column = table.c
        mine = column.array_id == bindparam("a", array_id)
        one = and_(mine, column.key == bindparam("k"))
        several = and_(mine, column.key.in_(bindparam("ks", expanding=True)))
        between = and_(mine, column.key > bindparam("first"), column.key < bindparam("end"))
        length = func.length(column.value)
        self._value = select(column.value).where(one)
        self._locked = self._value.with_for_update()
        self._length = select(length).where(one)
        self._part = self._part_of(func.substr(column.value, bindparam("at"), bindparam("n")), one)
        last = func.substr(column.value, length - bindparam("n") + 1, bindparam("n"))
        whole = case((length > bindparam("n"), last), else_=column.value)
        self._last = self._part_of(whole, one)
        self._values = select(column.key, column.value).where(several)
        self._keys = select(column.key).where(between).order_by(column.key).limit(PAGE)
        self._upsert = driver.upsert(table)
        self._insert_new = driver.insert_new(table).execution_options(preserve_rowcount=True)
        self._replace = (
            update(table)
            .where(column.array_id == bindparam("a"), column.key == bindparam("k"))
            .values(value=bindparam("v"))
        )
        self._delete: Delete = delete(table).where(one)
        self._delete_several = delete(table).where(several)
        self._delete_between = delete(table).where(between)
        self._delete_first = delete(table).where(mine, column.key == bindparam("first"))

    @staticmethod
    def _part_of(part: ColumnElement[Any], one: ColumnElement[bool]) -> Select[Any]:
        """Return the statement that reads a part of one value."""
        return select(part).where(one)

    # --- Reading --------------------------------------------------------------------

    def get(self, connection: Connection, key: str, *, lock: bool = False) -> bytes | None:
        """Return a value, None where there is none; where asked for, lock its row."""
        row = connection.execute(self._locked if lock else self._value, {"k": key}).first()
        return None if row is None else row[0]

    def get_range(
        self, connection: Connection, key: str, start: int, stop: int | None
    ) -> bytes | None:
        """Return ``value[start:stop]``; only this part leaves the database."""
        if start < 0:
            row = connection.execute(self._last, {"k": key, "n": min(-start, _REST)}).first()
        else:
            nbytes = _REST if stop is None else min(max(0, stop - start), _REST)
            at = min(start, _REST) + 1
            row = connection.execute(self._part, {"k": key, "at": at, "n": nbytes}).first()
        return None if row is None else row[0] or b""  # a part of nothing is NULL in SQLite

    def size(self, connection: Connection, key: str) -> int | None:
        """Return the length of a value, None where there is none."""
        return connection.execute(self._length, {"k": key}).scalar()

    def get_many(self, connection: Connection, keys: Sequence[str]) -> dict[str, bytes]:
        """Return those values that there are."""
        found: dict[str, bytes] = {}
        for group in _groups(keys, _AT_ONCE):
            rows = connection.execute(self._values, {"ks": group})
            found.update((key, value) for key, value in rows)
        return found

    def keys(self, connection: Connection, after: str, end: str) -> list[str]:
        """Return the next page of keys between two, which do not count themselves."""
        return list(connection.execute(self._keys, {"first": after, "end": end}).scalars())

    # --- Writing --------------------------------------------------------------------

    def set_many(self, connection: Connection, values: Mapping[str, Any]) -> None:
        """Replace values, always in the same order: two batches never wait for each other."""
        rows = [
            {"array_id": self._array_id, "key": key, "value": values[key]} for key in sorted(values)
        ]
        for group in _by_size(rows):
            connection.execute(self._upsert, group if len(group) > 1 else group[0])

    def insert(self, connection: Connection, key: str, value: Any) -> bool:
        """Insert a row unless it is there; return whether it was not."""
        row = {"array_id": self._array_id, "key": key, "value": value}
        return connection.execute(self._insert_new, row).rowcount == 1

    def replace(self, connection: Connection, key: str, value: Any) -> None:
        """Replace the value of a row that is there."""
        connection.execute(self._replace, {"a": self._array_id, "k": key, "v": value})

    def delete_many(self, connection: Connection, keys: Sequence[str]) -> None:
        """Delete rows."""
        if len(keys) == 1:
            connection.execute(self._delete, {"k": keys[0]})
            return
        for group in _groups(sorted(keys), _AT_ONCE):
            connection.execute(self._delete_several, {"ks": group})

    def delete_prefix(self, connection: Connection, prefix: str) -> None:
        """Delete every row whose key starts with a prefix."""
        connection.execute(self._delete_between, {"first": prefix, "end": after_prefix(prefix)})
        connection.execute(self._delete_first, {"first": prefix})


def after_prefix(prefix: str) -> str:
    """Return the first text, by code points, behind all that start with a prefix."""
    stem = prefix.rstrip(chr(sys.maxunicode))
    if not stem:
        return LAST
    code = ord(stem[-1]) + 1
    return stem[:-1] + chr(_AFTER_SURROGATES if code == _FIRST_SURROGATE else code)


def _groups(keys: Iterable[str], length: int) -> Iterator[list[str]]:
    """Yield keys in groups."""
    source = iter(dict.fromkeys(keys))
    while group := list(islice(source, length)):
        yield group


def _by_size(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield rows in groups of a bounded size."""
    group: list[dict[str, Any]] = []
    nbytes = 0
    for row in rows:
        size = memoryview(row["value"]).nbytes
        if group and (nbytes + size > _MOST_AT_ONCE_NBYTES or len(group) == _AT_ONCE):
            yield group
            group, nbytes = [], 0
        group.append(row)
        nbytes += size
    if group:
        yield group
