"""The table that arrays are kept in.

One row is one value: ``(array_id, key, value)``. The primary key makes reading a chunk and
listing an array walks in one index. Text is compared byte by byte, whatever the database's
collation: keys that start alike stand together, and none equals another but itself.

The row ``("", "schema")`` says which version of this layout a table has; arrays cannot
have that name.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import Column, Dialect, LargeBinary, MetaData, Table, Text, TypeDecorator
from sqlalchemy.dialects.mysql import LONGBLOB, VARBINARY
from sqlalchemy.types import TypeEngine

__all__ = ["MAX_ARRAY_ID_NBYTES", "MAX_KEY_NBYTES", "SCHEMA_ROW", "SCHEMA_VERSION", "storage_table"]

MAX_ARRAY_ID_NBYTES = 512
MAX_KEY_NBYTES = 2000
"""Bytes of the longest names, in UTF-8; a row of PostgreSQL's index has 2704 in all."""

SCHEMA_ROW = ("", "schema")
"""``array_id`` and ``key`` of the row about the table itself."""

SCHEMA_VERSION = b"1"


class _Name(TypeDecorator[str]):
    """Text that is compared byte by byte."""

    impl = Text
    cache_ok = True

    def __init__(self, nbytes: int) -> None:
        """Take the largest length, which MySQL has to know."""
        super().__init__()
        self.nbytes = nbytes

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of a database; texts of MySQL ignore blanks at their end."""
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(VARBINARY(self.nbytes))
        return dialect.type_descriptor(
            Text(collation="C" if dialect.name == "postgresql" else None)
        )

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        """Return what the database is given."""
        return (
            value.encode() if value is not None and dialect.name in ("mysql", "mariadb") else value
        )

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """Return what the database gave, as text."""
        return bytes(value).decode() if dialect.name in ("mysql", "mariadb") else value


@lru_cache(maxsize=256)
def storage_table(name: str, *, unlogged: bool = False) -> Table:
    """Return the table of a name.

    Args:
        name: The name.
        unlogged: Whether PostgreSQL leaves it out of its log.
    """
    return Table(
        name,
        MetaData(),
        Column("array_id", _Name(MAX_ARRAY_ID_NBYTES), primary_key=True),
        Column("key", _Name(MAX_KEY_NBYTES), primary_key=True),
        Column("value", LargeBinary().with_variant(LONGBLOB(), "mysql", "mariadb"), nullable=False),
        prefixes=["UNLOGGED"] if unlogged else [],
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
    )
