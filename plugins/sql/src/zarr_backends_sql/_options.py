"""Options as users and urls give them, checked."""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from zarr_backends import ConfigurationError
from zarr_backends_sql._databases import Settings
from zarr_backends_sql._drivers import Driver
from zarr_backends_sql._errors import BACKEND_ID
from zarr_backends_sql._tables import MAX_ARRAY_ID_NBYTES

__all__ = ["absolute", "checked_name", "options_of_url", "settings_of"]

_OWN = ("array_id", "table", "durability", "read_url")
"""Options that may stand in the query of a url."""

_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")

_NUL = "\0"


def options_of_url(url: str) -> dict[str, Any]:
    """Return the options that a url stands for; what is not ours stays in it.

    Args:
        url: Such as ``sqlite:///folder/file.db?array_id=run/1``.

    Raises:
        ConfigurationError: The url lacks something.
    """
    head, _, query = url.partition("?")
    pairs = [pair for pair in query.split("&") if pair]
    own = [pair for pair in pairs if pair.partition("=")[0] in _OWN]
    rest = [pair for pair in pairs if pair not in own]
    place = head + ("?" + "&".join(rest) if rest else "")
    settings_of(place, "disk", 30.0, None)
    try:
        # A plus is a plus here, as in paths.
        found = parse_qsl(
            "&".join(own).replace("+", "%2B"), keep_blank_values=True, errors="strict"
        )
    except ValueError as error:
        message = "what stands behind the ? of the url is not UTF-8 behind its % signs"
        raise ConfigurationError(message, backend=BACKEND_ID, option="url") from error
    return {"url": place, **dict(found)}


def settings_of(
    url: object, durability: object, timeout_s: object, max_concurrency: object, option: str = "url"
) -> Settings:
    """Return what a database is reached with.

    Args:
        url: A url of one of the four databases.
        durability: ``"disk"`` or ``"memory"``.
        timeout_s: Seconds.
        max_concurrency: Calls at a time, None for what suits the database.
        option: Name of the option that the url is.

    Raises:
        ConfigurationError: One of them is of a wrong type, or impossible.
    """
    if durability not in ("disk", "memory"):
        message = f"durability must be 'disk' or 'memory', not {durability!r:.80}"
        raise ConfigurationError(message, backend=BACKEND_ID, option="durability")
    _check_number(timeout_s, "timeout_s", (int, float))
    driver, place = _located(url, option)
    if max_concurrency is None:
        max_concurrency = driver.concurrency
    _check_number(max_concurrency, "max_concurrency", (int,))
    settings = Settings(driver, place, durability, float(timeout_s), max_concurrency)  # type: ignore[arg-type]  # checked
    driver(settings.place, settings.durability, settings.timeout_s)
    return settings


def absolute(url: str) -> str:
    """Return a url that means the same in another folder."""
    driver, place = _located(url, "url")
    return f"sqlite:///{quote(place)}" if driver.dialect.startswith("sqlite") else url


def checked_name(value: object, option: str) -> str:
    """Return the name of a table or an array.

    Raises:
        ConfigurationError: It is none.
    """
    if option == "table":
        if not isinstance(value, str) or not _TABLE.fullmatch(value):
            message = f"table must be a word of ASCII letters, digits and _, not {value!r:.80}"
            raise ConfigurationError(message, backend=BACKEND_ID, option=option)
        return value
    fault = "" if isinstance(value, str) and value and _NUL not in value else "not empty"
    try:
        nbytes = len(str(value).encode())
    except UnicodeEncodeError:
        fault, nbytes = "encodable", 0
    if fault or nbytes > MAX_ARRAY_ID_NBYTES:
        message = (
            f"{option} must be a string of 1 to {MAX_ARRAY_ID_NBYTES} bytes in UTF-8, without NUL, "
            f"not {value!r:.80}"
        )
        raise ConfigurationError(message, backend=BACKEND_ID, option=option)
    return str(value)


def _located(url: object, option: str) -> tuple[type[Driver], str]:
    """Return the driver for a url, and the place in it.

    Raises:
        ConfigurationError: It is none of a database.
    """
    text = url if isinstance(url, str) else ""
    scheme, separator, rest = text.partition("://")
    engine, _, client = scheme.lower().partition("+")
    if not separator or not rest or _NUL in text or not _is_encodable(text):
        message = f"{option} must be a url such as sqlite:///data/waves.db, as a str"
        raise ConfigurationError(message, backend=BACKEND_ID, option=option)
    # Imported when they are needed: a client takes longer than everything else here.
    if engine == "sqlite" and client in ("", "pysqlite"):
        from zarr_backends_sql._sqlite import SqliteDriver  # noqa: PLC0415

        return SqliteDriver, _path(rest, option)
    if engine == "postgresql" and client in ("", "psycopg"):
        from zarr_backends_sql._postgresql import PostgresqlDriver  # noqa: PLC0415

        return PostgresqlDriver, f"postgresql://{rest}"
    if engine in ("mysql", "mariadb") and client in ("", "pymysql"):
        from zarr_backends_sql._mysql import MysqlDriver  # noqa: PLC0415

        return MysqlDriver, f"mysql://{rest}"
    message = (
        f"{option} has the scheme {scheme!r:.40}; there are sqlite, postgresql (with psycopg), "
        "mysql and mariadb (with pymysql)"
    )
    raise ConfigurationError(message, backend=BACKEND_ID, option=option)


def _path(rest: str, option: str) -> str:
    """Return the absolute path in what follows ``sqlite://``.

    Raises:
        ConfigurationError: There is none, or it is a folder.
    """
    parts = urlsplit(f"//{rest}")
    if parts.netloc or not parts.path.strip("/") or parts.query or parts.fragment:
        message = (
            f"{option} must be sqlite:///relative/file.db or sqlite:////absolute/file.db, with "
            "'?' in a name as %3F and '#' as %23"
        )
        raise ConfigurationError(message, backend=BACKEND_ID, option=option)
    path = unquote(parts.path[1:])
    if path.startswith(":memory:") or _NUL in path:
        message = (
            f"{option} is no file; for an array in memory take memory:, or durability='memory' "
            "with a file that other processes can open"
        )
        raise ConfigurationError(message, backend=BACKEND_ID, option=option)
    path = os.path.abspath(path)  # noqa: PTH100  # resolve() would follow links
    if os.path.isdir(path):  # noqa: PTH112  # a string all along
        message = f"{option} is the folder {path}; give a file in it"
        raise ConfigurationError(message, backend=BACKEND_ID, option=option)
    return path


def _check_number(value: object, option: str, kinds: tuple[type, ...]) -> None:
    """Refuse what is no positive number.

    Raises:
        ConfigurationError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < 10**6:  # type: ignore[operator]  # checked just before
        message = f"{option} must be a positive number below a million, not {value!r:.80}"
        raise ConfigurationError(message, backend=BACKEND_ID, option=option)


def _is_encodable(text: str) -> bool:
    """Whether a text is Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
