"""From the errors of databases to ours: one table a database, and one place that uses them.

What a server says is told by its code (SQLSTATE, SQLite's name, MySQL's number). PostgreSQL
gives none for what happens while connecting; there its text is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, TypeAlias

from sqlalchemy.exc import DBAPIError, InvalidRequestError

from zarr_backends import (
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    ConflictError,
    CorruptStorageError,
    NetworkError,
    PermissionDeniedError,
    StorageFullError,
    ZarrBackendsError,
)
from zarr_backends_sql._deadlines import Deadline

__all__ = ["TableGoneError", "translated"]

BACKEND_ID = "sql"


class TableGoneError(BackendError):
    """The table is not there; it is made by the next write."""

    transient = True


_Class: TypeAlias = type[ZarrBackendsError]

_SQLSTATES: Mapping[str, _Class] = MappingProxyType(
    {
        "08": NetworkError,  # connection exceptions
        "25P03": NetworkError,  # the server has ended a transaction that was idle too long
        "25006": PermissionDeniedError,  # read-only: a standby
        "28": PermissionDeniedError,  # wrong credentials
        "3D": ConfigurationError,  # no such database
        "3F": ConfigurationError,  # no such schema
        "40": ConflictError,  # serialization failures, deadlocks
        "42501": PermissionDeniedError,
        "42P01": TableGoneError,
        "53100": StorageFullError,  # disk full
        "53": NetworkError,  # too many connections, out of memory
        "55P03": BackendTimeoutError,  # a lock was not to be had
        "57014": BackendTimeoutError,  # statement_timeout
        "57P": NetworkError,  # the server shuts down, or starts
        "XX001": CorruptStorageError,
        "XX002": CorruptStorageError,
    }
)
"""What codes of PostgreSQL start with; the longest one counts."""

_SQLITE_NAMES: Mapping[str, _Class] = MappingProxyType(
    {
        "SQLITE_AUTH": PermissionDeniedError,
        "SQLITE_BUSY": BackendTimeoutError,
        "SQLITE_BUSY_SNAPSHOT": ConflictError,
        "SQLITE_CORRUPT": CorruptStorageError,
        "SQLITE_FULL": StorageFullError,
        "SQLITE_INTERRUPT": BackendTimeoutError,
        "SQLITE_LOCKED": BackendTimeoutError,
        "SQLITE_NOTADB": CorruptStorageError,
        "SQLITE_PERM": PermissionDeniedError,
        "SQLITE_READONLY": PermissionDeniedError,
    }
)
"""What the names of SQLite's errors start with; the longest one counts."""

_MYSQL_NUMBERS: Mapping[int, _Class] = MappingProxyType(
    dict.fromkeys((1020, 1213), ConflictError)
    | dict.fromkeys((1205, 1907, 1969, 3024), BackendTimeoutError)
    | dict.fromkeys((1044, 1045, 1142, 1143, 1227, 1290, 1698, 1836), PermissionDeniedError)
    | dict.fromkeys((1021, 1114), StorageFullError)
    | dict.fromkeys((1040, 1053, 1203, 1927), NetworkError)
    | dict.fromkeys(range(2000, 2060), NetworkError)
    | {1049: ConfigurationError, 1146: TableGoneError}
)

_CONNECTING: tuple[tuple[re.Pattern[str], _Class], ...] = (
    (re.compile(r"authentication|no pg_hba\.conf entry|no password|role .* does not exist"
                r"|permission denied|certificate"), PermissionDeniedError),
    (re.compile(r"database .* does not exist"), ConfigurationError),
)  # fmt: skip
"""Texts of PostgreSQL and its client about attempts to connect."""


@contextmanager
def translated(deadline: Deadline) -> Iterator[None]:
    """Turn whatever a database raises into errors of ours.

    Args:
        deadline: What fails after its end does so because of it.

    Yields:
        Nothing.

    Raises:
        ZarrBackendsError: What an error means.
    """
    try:
        yield
    except ZarrBackendsError:
        raise
    except Exception as error:
        failure = _failure(error, deadline)
        raise failure from error


def _failure(error: Exception, deadline: Deadline) -> ZarrBackendsError:
    """Return our error for one of a database or its client."""
    if deadline.expired:
        message = f"the database did not answer within {deadline.timeout_s:g} s"
        return BackendTimeoutError(message, backend=BACKEND_ID)
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    kind = _class_of(cause, lost=_is_lost(error))
    option = "url" if kind is ConfigurationError else None
    return kind(f"database: {_text_of(cause)}", backend=BACKEND_ID, option=option)


def _is_lost(error: Exception) -> bool:
    """Whether an error has ended its connection, or none was made."""
    if isinstance(error, DBAPIError):
        return bool(error.connection_invalidated) or error.statement is None
    return isinstance(error, InvalidRequestError | ConnectionError | TimeoutError)


def _class_of(cause: BaseException, *, lost: bool) -> _Class:
    """Return the class of our error."""
    name = getattr(cause, "sqlite_errorname", None)
    if name:
        if name == "SQLITE_ERROR" and "no such table" in str(cause):
            return TableGoneError
        return _longest(_SQLITE_NAMES, name)
    if type(cause).__module__.startswith("psycopg"):
        return _of_postgresql(cause, lost=lost)
    number = cause.args[0] if cause.args else None
    if type(number) is int and number in _MYSQL_NUMBERS:
        return _MYSQL_NUMBERS[number]
    return NetworkError if lost else BackendError


def _of_postgresql(cause: Any, *, lost: bool) -> _Class:
    """Return the class of our error for one of PostgreSQL."""
    if cause.sqlstate:
        return _longest(_SQLSTATES, cause.sqlstate)
    for pattern, kind in _CONNECTING:
        if pattern.search(str(cause)):
            return kind
    # Its client says so only in a text of its own when a connection breaks or is not made.
    return NetworkError if lost or type(cause).__name__ == "OperationalError" else BackendError


def _longest(table: Mapping[str, _Class], code: str) -> _Class:
    """Return the entry of a table that most of a code starts with."""
    found = max((start for start in table if code.startswith(start)), key=len, default=None)
    return BackendError if found is None else table[found]


def _text_of(cause: BaseException) -> str:
    """Return what an error says, in one line and not too long."""
    return f"{type(cause).__name__}: {' '.join(str(cause).split())}"[:400]
