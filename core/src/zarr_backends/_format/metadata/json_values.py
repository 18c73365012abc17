"""Attributes as JSON holds them: NumPy's scalars and arrays become plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zarr_backends.errors import ConfigurationError

__all__ = ["json_object"]


def json_object(value: Mapping[str, Any], option: str) -> dict[str, Any]:
    """Return a deep copy of an object in which everything is plain JSON.

    Args:
        value: Strings, numbers, booleans, None, lists, tuples and mappings with string
            keys; NumPy's scalars and arrays of numbers, booleans and text are turned into
            numbers, strings and lists. NaN stays NaN.
        option: Name of the argument, for messages.

    Raises:
        ConfigurationError: `value` holds something that JSON has no word for.
    """
    if not isinstance(value, Mapping):
        message = f"{option} must be a mapping, not a {type(value).__name__}"
        raise ConfigurationError(message, option=option)
    try:
        return _plain(value, option)  # type: ignore[no-any-return]
    except RecursionError as error:
        message = f"{option} is nested too deeply, or contains itself"
        raise ConfigurationError(message, option=option) from error


def _plain(value: Any, option: str) -> Any:
    """Return `value` as JSON.

    Raises:
        ConfigurationError: It cannot be.
    """
    if isinstance(value, np.generic | np.ndarray) and value.dtype.kind in "biufUT":
        return _plain(value.tolist(), option)
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        # Subclasses, such as enumerations, are written as the number they are.
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, list | tuple):
        return [_plain(item, option) for item in value]
    if isinstance(value, Mapping):
        return {_key(key, option): _plain(item, option) for key, item in value.items()}
    message = (
        f"{option} holds {value!r:.80} of type {type(value).__name__}, which JSON has no word "
        "for; use strings, numbers, booleans, None, lists and dicts"
    )
    raise ConfigurationError(message, option=option)


def _key(key: object, option: str) -> str:
    """Return the key of an object.

    Raises:
        ConfigurationError: It is no string; JSON would silently make it one.
    """
    if isinstance(key, str):
        return str(key)
    message = f"{option} has the key {key!r:.80}; keys are strings: write {str(key)!r:.80}"
    raise ConfigurationError(message, option=option)
