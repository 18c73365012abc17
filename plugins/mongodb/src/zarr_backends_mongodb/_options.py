"""Options as users and urls give them, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from zarr_backends import ConfigurationError

__all__ = ["BACKEND_ID", "Place", "Policy", "checked_text", "options_of_url", "place_of"]
__all__ += ["checked_number", "policy_of"]

BACKEND_ID = "mongo_gridfs"

_SCHEMES = ("mongodb", "mongodb+srv")

_NUL = "\0"

_READ_CONCERNS = ("local", "available", "majority", "linearizable")

_PREFERENCES: Mapping[str, Any] = {
    "primary": ReadPreference.PRIMARY,
    "primaryPreferred": ReadPreference.PRIMARY_PREFERRED,
    "secondary": ReadPreference.SECONDARY,
    "secondaryPreferred": ReadPreference.SECONDARY_PREFERRED,
    "nearest": ReadPreference.NEAREST,
}


class Place(NamedTuple):
    """Where the servers are, and which database is meant."""

    url: str
    database: str
    hosts: str
    """The hosts alone, to be shown."""
    query: Mapping[str, Any]
    """What the url says behind its question mark, as pymongo understands it."""
    srv_name: str | None
    """The name of the records that ``mongodb+srv`` stands for, None for other urls."""


class Policy(NamedTuple):
    """When a write counts as done, and what is read."""

    write_concern: WriteConcern
    read_concern: ReadConcern
    read_preference: Any


def options_of_url(url: str) -> dict[str, Any]:
    """Return the options in ``mongodb://host/database/bucket/array_id?query``.

    Args:
        url: The database stays in the url that is returned: it is where users are looked
            up, unless the query has an ``authSource``.

    Raises:
        ConfigurationError: The url is none of MongoDB.
    """
    _scheme_of(url)
    head, mark, query = url.partition("?")
    scheme, _, rest = head.partition("://")
    authority, _, path = rest.partition("/")
    database, _, below = path.partition("/")
    bucket, _, array_id = below.partition("/")
    place = place_of(f"{scheme}://{authority}/{database}{mark}{query}", None)
    options = {"url": place.url, "database": place.database}
    options |= {"bucket": _unquoted(bucket)} if bucket else {}
    options |= {"array_id": _unquoted(array_id)} if array_id else {}
    return options


def place_of(url: object, database: object) -> Place:
    """Return what a url means.

    Args:
        url: Such as ``mongodb://host1,host2/database?replicaSet=rs0``.
        database: Name of a database, None where the url has it.

    Raises:
        ConfigurationError: The url is none of MongoDB, or nothing names a database.
    """
    scheme = _scheme_of(url)
    text = str(url)
    # The name behind mongodb+srv is looked up when it is needed, and not for checking a url.
    checked, service = _apart(text) if scheme != _SCHEMES[0] else (text, "")
    fault = ""
    parsed: dict[str, Any] = {}
    try:
        parsed = parse_uri("mongodb" + checked[len(scheme) :], validate=True, warn=False)
    except Exception as error:  # noqa: BLE001  # pymongo raises errors of several trees here
        # They may quote what they are about: a password. So they are named, and not chained.
        fault = f"; pymongo raised {type(error).__name__}"
    if not parsed or parsed["collection"]:
        message = f"url must be mongodb://[user:password@]host[:port]/database[?options]{fault}"
        raise ConfigurationError(message, backend=BACKEND_ID, option="url")
    if database is None and not parsed["database"]:
        message = "give the option database, or a url with one: mongodb://host/database"
        raise ConfigurationError(message, backend=BACKEND_ID, option="database")
    name = parsed["database"] if database is None else database
    hosts = ",".join(f"{host}:{port}" for host, port in parsed["nodelist"])
    srv_name = f"_{service}._tcp.{parsed['nodelist'][0][0]}" if service else None
    return Place(text, checked_text(name, "database"), hosts, parsed["options"], srv_name)


def policy_of(
    place: Place, write_concern: object, read_concern: object, read_preference: object
) -> Policy:
    """Return what is asked of the servers: options first, then the url, then the majority.

    Args:
        place: It holds what the url says.
        write_concern: A number of servers, ``"majority"`` or the name of a rule.
        read_concern: A level.
        read_preference: A mode.

    Raises:
        ConfigurationError: One of them is impossible.
    """
    journal = place.query.get("journal")
    w = place.query.get("w", "majority") if write_concern is None else write_concern
    if isinstance(w, bool) or not isinstance(w, int | str) or w in (0, "") or _is_negative(w):
        message = f"write_concern must be 'majority' or a number from 1 up, not {w!r:.80}"
        raise ConfigurationError(message, backend=BACKEND_ID, option="write_concern")
    # What fewer servers have than a majority, a majority cannot tell about at once.
    default = "majority" if w == "majority" else "local"
    level = place.query.get("readConcernLevel", default) if read_concern is None else read_concern
    if level not in _READ_CONCERNS:
        message = f"read_concern must be one of {', '.join(_READ_CONCERNS)}, not {level!r:.80}"
        raise ConfigurationError(message, backend=BACKEND_ID, option="read_concern")
    mode = place.query.get("readPreference", "primary")
    mode = mode if read_preference is None else read_preference
    if not isinstance(mode, str) or mode not in _PREFERENCES:
        message = f"read_preference must be one of {', '.join(_PREFERENCES)}, not {mode!r:.80}"
        raise ConfigurationError(message, backend=BACKEND_ID, option="read_preference")
    return Policy(WriteConcern(w=w, j=journal), ReadConcern(level), _PREFERENCES[mode])


def checked_text(value: object, option: str) -> str:
    """Return a name.

    Args:
        value: What a user gave.
        option: ``"array_id"``, or what may hold fewer characters: a database, a bucket.

    Raises:
        ConfigurationError: It is none.
    """
    forbidden = _NUL if option == "array_id" else '\0$/\\ "'
    if isinstance(value, str) and value and not set(forbidden) & set(value):
        try:
            value.encode()
        except UnicodeEncodeError:
            pass
        else:
            return value
    what = "NUL" if option == "array_id" else 'NUL, spaces and any of $/\\"'
    message = f"{option} must be a string of Unicode, not empty, without {what}, not {value!r:.80}"
    raise ConfigurationError(message, backend=BACKEND_ID, option=option)


def checked_number(value: object, option: str, kinds: tuple[type, ...], end: float) -> Any:
    """Return a positive number.

    Args:
        value: What a user gave.
        option: Its name.
        kinds: Types that it may have.
        end: The first number that is too large.

    Raises:
        ConfigurationError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < end:  # type: ignore[operator]  # checked just before
        message = f"{option} must be a positive number below {end:,}, not {value!r:.80}"
        raise ConfigurationError(message, backend=BACKEND_ID, option=option)
    return value


def _scheme_of(url: object) -> str:
    """Return the scheme of a url.

    Raises:
        ConfigurationError: It is none of MongoDB's.
    """
    scheme, separator, _ = url.partition("://") if isinstance(url, str) else ("", "", "")
    try:
        if separator and scheme in _SCHEMES and _NUL not in str(url) and str(url).encode():
            return scheme
    except UnicodeEncodeError:
        pass
    message = "url must be a string such as mongodb://host/database or mongodb+srv://..."
    raise ConfigurationError(message, backend=BACKEND_ID, option="url")


def _apart(url: str) -> tuple[str, str]:
    """Return a url without what only mongodb+srv may say, and the service that it asks for."""
    head, mark, query = url.partition("?")
    options = query.replace(";", "&").split("&")
    rest = [option for option in options if not option.lower().startswith("srv")]
    services = [option for option in options if option.lower().startswith("srvservicename=")]
    return f"{head}{mark}{'&'.join(rest)}", [*services, "=mongodb"][0].partition("=")[2]


def _unquoted(text: str) -> str:
    """Return a part of a url without its percent signs.

    Raises:
        ConfigurationError: There is no text behind them.
    """
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        message = "what stands behind the % signs of the url is not UTF-8"
        raise ConfigurationError(message, backend=BACKEND_ID, option="url") from error


def _is_negative(number: int | str) -> bool:
    """Whether something is a number below zero."""
    return isinstance(number, int) and number < 0
