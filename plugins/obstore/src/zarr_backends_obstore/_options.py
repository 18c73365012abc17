"""Options, checked where they are given: what is wrong is said with its name and the remedy."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from zarr_backends import ConfigurationError

__all__ = [
    "checked_bool",
    "checked_count",
    "checked_mapping",
    "checked_prefix",
    "checked_seconds",
    "checked_text",
    "refuse",
    "secrets_of",
]

_BACKEND = "obstore"

_SECRET_NAME = re.compile(r"key|token|secret|sig|pass|cred|connection.?string", re.IGNORECASE)
"""What names of options with secret values have in them."""

_PARTS = re.compile(r"(?:AccountKey|SharedAccessSignature|sig)=([^;&]+)")
"""The secrets in a connection string and in a signature."""

_SHORTEST_SECRET = 4
"""Characters of a secret that is looked for in messages; a shorter one is in every word."""


def checked_text(name: str, value: object, *, needed: bool = False) -> str | None:
    """Return a text, None where none is given.

    Args:
        name: Of the option.
        value: As given.
        needed: Whether there has to be one.

    Raises:
        ConfigurationError: It is no text, empty, or has a NUL in it.
    """
    if value is None and not needed:
        return None
    if not isinstance(value, str):
        refuse(name, f"must be a str, not {type(value).__name__}")
    if not value or "\0" in value:
        refuse(name, "is empty or has a NUL in it; give another one")
    return value


def checked_seconds(name: str, value: object) -> float:
    """Return a positive, finite number of seconds.

    Raises:
        ConfigurationError: It is none.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < value < math.inf:  # type: ignore[operator]  # it is a number
        refuse(name, f"must be a positive number of seconds, not {value!r:.80}")
    return float(value)  # type: ignore[arg-type]  # it is a number


def checked_count(name: str, value: object, *, least: int = 1) -> int:
    """Return a whole number.

    Raises:
        ConfigurationError: It is none, or less than `least`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        refuse(name, f"must be an int of {least} or more, not {value!r:.80}")
    return value


def checked_bool(name: str, value: object) -> bool:
    """Return True or False.

    Raises:
        ConfigurationError: It is neither.
    """
    if not isinstance(value, bool):
        refuse(name, f"must be True or False, not {value!r:.80}")
    return value


def checked_mapping(name: str, value: object) -> dict[str, Any]:
    """Return a mapping of names to values; None is an empty one.

    Raises:
        ConfigurationError: It is no mapping, or a name is no str.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        refuse(name, f"must map names to values, not be {type(value).__name__}")
    return dict(value)


def checked_prefix(name: str, value: object) -> str:
    """Return the place of an array in a bucket, without slashes at its ends.

    Raises:
        ConfigurationError: It is no text, or has empty segments, "." or "..".
    """
    if not isinstance(value, str):
        refuse(name, f"must be a str, not {type(value).__name__}")
    text = value.strip("/")
    if text and any(part in ("", ".", "..") for part in text.split("/")):
        message = f"{text!r:.80} has an empty segment, '.' or '..' in it; name the place itself"
        refuse(name, message)
    if "\0" in text:
        refuse(name, "has a NUL in it; give another one")
    return text


def secrets_of(options: Mapping[str, Any]) -> frozenset[str]:
    """Return the secret texts among options, also inside mappings."""
    found: set[str] = set()
    for name, value in options.items():
        if isinstance(value, Mapping):
            found |= secrets_of(value)
        elif isinstance(value, str) and _SECRET_NAME.search(name):
            found.add(value)
            found |= set(_PARTS.findall(value))
    return frozenset(secret for secret in found if len(secret) >= _SHORTEST_SECRET)


def refuse(name: str, why: str) -> NoReturn:
    """Raise the error about an option.

    Raises:
        ConfigurationError: Always.
    """
    message = f"option {name}: {why}"
    raise ConfigurationError(message, backend=_BACKEND, option=name)
