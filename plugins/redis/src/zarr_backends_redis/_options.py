"""Options as users give them, checked."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from zarr_backends import ConfigurationError
from zarr_backends_redis._errors import BACKEND_ID
from zarr_backends_redis._urls import Place, place_of_url

__all__ = ["DEFAULT_PREFIX", "Login", "Settings", "chosen_prefix", "settings_of", "ttl_ms_of"]

DEFAULT_PREFIX = "zarr"

_MOST = 10**6
"""Numbers are below, in whatever unit; a time to live in seconds may be more."""

_MAX_TTL_S = 10**10


@dataclass(frozen=True, slots=True)
class Login:
    """Who asks."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """What servers are reached with; instances that have the same share connections."""

    place: Place = field(repr=False)
    login: Login
    sentinel_login: Login
    ca_certificates: str | None
    client_certificate: str | None
    client_key: str | None
    min_replicas: int
    max_concurrency: int
    timeout_s: float


def settings_of(  # noqa: PLR0913  # the options
    *,
    url: object,
    username: object,
    password: object,
    sentinel_username: object,
    sentinel_password: object,
    ca_certificates: object,
    client_certificate: object,
    client_key: object,
    min_replicas: object,
    max_concurrency: object,
    timeout_s: object,
) -> Settings:
    """Return what a place is reached with.

    Args:
        url: As `place_of_url` takes it.
        username: In place of the url's.
        password: In place of the url's.
        sentinel_username: For the sentinels.
        sentinel_password: For the sentinels.
        ca_certificates: File of certificates that are trusted.
        client_certificate: File of the certificate that is shown.
        client_key: File of its key.
        min_replicas: How many replicas a write waits for.
        max_concurrency: Calls at a time.
        timeout_s: Seconds.

    Raises:
        ConfigurationError: One of them is of a wrong type, or impossible.
    """
    place = place_of_url(url)
    given = Login(_text(username, "username"), _text(password, "password"))
    _number(min_replicas, "min_replicas", (int,), least=0)
    _number(max_concurrency, "max_concurrency", (int,), least=1)
    _number(timeout_s, "timeout_s", (int, float))
    files = {
        "ca_certificates": _file(ca_certificates, "ca_certificates", tls=place.tls),
        "client_certificate": _file(client_certificate, "client_certificate", tls=place.tls),
        "client_key": _file(client_key, "client_key", tls=place.tls),
    }
    return Settings(
        place=replace(place, username=None, password=None, prefix=None),
        login=Login(given.username or place.username, given.password or place.password),
        sentinel_login=Login(
            _text(sentinel_username, "sentinel_username"),
            _text(sentinel_password, "sentinel_password"),
        ),
        min_replicas=min_replicas,  # type: ignore[arg-type]  # checked
        max_concurrency=max_concurrency,  # type: ignore[arg-type]  # checked
        timeout_s=float(timeout_s),  # type: ignore[arg-type]  # checked
        **files,
    )


def chosen_prefix(prefix: object, url: str) -> str:
    """Return the prefix that the option or the url names.

    Raises:
        ConfigurationError: They name two, or it is no text.
    """
    in_url = place_of_url(url).prefix
    given = _text(prefix, "prefix")
    if prefix is not None and not given:
        message = "prefix must not be empty: it keeps arrays apart, and in a cluster together"
        raise ConfigurationError(message, backend=BACKEND_ID, option="prefix")
    if given and in_url and given != in_url:
        message = f"prefix={given!r:.80} contradicts the url, which has {in_url!r:.80}"
        raise ConfigurationError(message, backend=BACKEND_ID, option="prefix")
    return given or in_url or DEFAULT_PREFIX


def ttl_ms_of(ttl_s: object) -> int:
    """Return a time to live in milliseconds; 0 means for ever.

    Raises:
        ConfigurationError: It is no positive number.
    """
    if ttl_s is None:
        return 0
    _number(ttl_s, "ttl_s", (int, float), most=_MAX_TTL_S)
    return max(1, round(ttl_s * 1000))  # type: ignore[operator]  # checked


def _text(value: object, option: str) -> str | None:
    """Return a text, or None.

    Raises:
        ConfigurationError: It is something else.
    """
    if value is None:
        return None
    if isinstance(value, str):
        text: str = value
        with suppress(UnicodeEncodeError):
            text.encode()
            return text
    # The value is not shown: it may be a password.
    message = f"{option} must be a str of Unicode characters, not a {type(value).__name__}"
    raise ConfigurationError(message, backend=BACKEND_ID, option=option)


def _file(value: object, option: str, *, tls: bool) -> str | None:
    """Return the absolute path of a file, or None.

    Raises:
        ConfigurationError: There is none, or the url does not ask for TLS.
    """
    if value is None:
        return None
    text: Any = value
    if not isinstance(value, str | os.PathLike) or "\0" in os.fspath(text):
        message = f"{option} must be the path of a PEM file, not {value!r:.80}"
    elif not tls:
        message = f"{option} needs a url with rediss in place of redis"
    elif not os.path.isfile(text):  # noqa: PTH113  # a path as users give it
        message = f"{option} must be the path of a PEM file; there is no file {str(text)!r:.200}"
    else:
        return str(os.path.abspath(text))  # noqa: PTH100  # resolve() would follow links
    raise ConfigurationError(message, backend=BACKEND_ID, option=option)


def _number(
    value: Any, option: str, kinds: tuple[type, ...], *, least: float = 0.001, most: float = _MOST
) -> None:
    """Refuse what is no number in bounds.

    Raises:
        ConfigurationError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:  # type: ignore[operator]  # a number
        kind = "an integer" if kinds == (int,) else "a number"
        message = f"{option} must be {kind} from {least:g} to {most:g}, not {value!r:.80}"
        raise ConfigurationError(message, backend=BACKEND_ID, option=option)
