"""Options, checked where they are given: what is wrong is said with its name and the remedy."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from zarr_backends import ConfigurationError

__all__ = [
    "checked_bool",
    "checked_count",
    "checked_mapping",
    "checked_prefix",
    "checked_seconds",
    "checked_text",
    "redacted_url",
    "secrets_of",
]

_SECRET_NAME = re.compile(
    r"key|token|secret|sig|pass|pwd|cred|auth|connection.?string", re.IGNORECASE
)
"""What names of options with secret values have in them."""

_URL_PASSWORD = re.compile(r"(?<=://)([^:/?#@]*):(.*)@", re.DOTALL)
"""User and password of a url; up to the last "@", as passwords are not always encoded."""

_SHORTEST_SECRET = 4
"""Characters of a secret that is looked for in messages; a shorter one is in every word."""


def checked_text(name: str, value: object, *, backend: str, needed: bool = True) -> str:
    """Return a text.

    Args:
        name: Of the option.
        value: As given; None stands for "" where it is not `needed`.
        backend: Id of the backend, for the error.
        needed: Whether it must not be empty.

    Raises:
        ConfigurationError: It is none, or has a NUL in it.
    """
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or "\0" in value:
        kind = "text without NUL" if isinstance(value, str) else f"str, not {type(value).__name__}"
        failure = _refused(backend, name, f"must be a {kind}")
        raise failure
    if needed and not value:
        failure = _refused(backend, name, "is empty; give one")
        raise failure
    return value


def checked_seconds(name: str, value: object, *, backend: str) -> float:
    """Return a positive, finite number of seconds.

    Raises:
        ConfigurationError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        failure = _refused(backend, name, f"must be seconds, not {value!r:.80}")
        raise failure
    if not 0 < value < math.inf:
        failure = _refused(
            backend, name, f"must be a positive number of seconds, not {value!r:.80}"
        )
        raise failure
    return float(value)


def checked_count(name: str, value: object, *, backend: str, least: int = 1) -> int:
    """Return a whole number.

    Raises:
        ConfigurationError: It is none, or less than `least`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        failure = _refused(backend, name, f"must be an int of {least} or more, not {value!r:.80}")
        raise failure
    return value


def checked_bool(name: str, value: object, *, backend: str) -> bool:
    """Return True or False.

    Raises:
        ConfigurationError: It is neither.
    """
    if not isinstance(value, bool):
        failure = _refused(backend, name, f"must be True or False, not {value!r:.80}")
        raise failure
    return value


def checked_mapping(name: str, value: object, *, backend: str) -> dict[str, Any]:
    """Return a mapping of names to values; None is an empty one.

    Raises:
        ConfigurationError: It is no mapping, or a name is no str.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        failure = _refused(
            backend, name, f"must map names to values, not be {type(value).__name__}"
        )
        raise failure
    return dict(value)


def checked_prefix(name: str, value: object, *, backend: str) -> str:
    """Return the place of an array in a bucket, without slashes at its ends.

    Raises:
        ConfigurationError: It is no text, or has empty segments, "." or "..".
    """
    text = checked_text(name, value, backend=backend, needed=False).strip("/")
    if text and any(part in ("", ".", "..") for part in text.split("/")):
        message = f"{text!r:.80} has an empty segment, '.' or '..' in it; name the place itself"
        failure = _refused(backend, name, message)
        raise failure
    return text


def secrets_of(options: Mapping[str, Any]) -> frozenset[str]:
    """Return the secret texts among options, also inside mappings and urls."""
    found: set[str] = set()
    for name, value in options.items():
        if isinstance(value, Mapping):
            found |= secrets_of(value)
        elif isinstance(value, str):
            found |= {password for _, password in _URL_PASSWORD.findall(value)}
            if _SECRET_NAME.search(name) and "://" not in value:
                found.add(value)
        elif isinstance(value, list | tuple) and _SECRET_NAME.search(name):
            found |= {item for item in value if isinstance(item, str)}
    return frozenset(secret for secret in found if len(secret) >= _SHORTEST_SECRET)


def redacted_url(url: str) -> str:
    """Return a url with ``***`` in place of its password."""
    return _URL_PASSWORD.sub(r"\1:***@", url)


def _refused(backend: str, name: str, why: str) -> ConfigurationError:
    """Return the error about an option."""
    return ConfigurationError(f"option {name}: {why}", backend=backend, option=name)
