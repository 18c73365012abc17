"""Values of options, checked."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from zarr_backends import ConfigurationError

__all__ = ["choice", "count", "flag", "number", "rate", "refusal"]


def refusal(backend: str, option: str, value: object, remedy: str) -> ConfigurationError:
    """Return the error about the value of an option.

    Args:
        backend: Id of the wrapper.
        option: Name of the option.
        value: What was given.
        remedy: What it must be, behind "must be".
    """
    message = f"{option} must be {remedy}, not {value!r:.80}"
    return ConfigurationError(message, backend=backend, option=option)


def number(backend: str, option: str, value: Any, *, above: float | None = None) -> float:
    """Return a finite number of 0 or more; above `above`, where that is given.

    Raises:
        ConfigurationError: It is none.
    """
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if fits and (value > above if above is not None else value >= 0):
        return float(value)
    failure = refusal(
        backend, option, value, f"a number above {above or 0:g}" + " or 0" * (not above)
    )
    raise failure


def rate(backend: str, option: str, value: Any) -> float:
    """Return a share between 0 and 1.

    Raises:
        ConfigurationError: It is none.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    failure = refusal(backend, option, value, "a share from 0 to 1")
    raise failure


def count(backend: str, option: str, value: Any, *, least: int = 1) -> int:
    """Return a whole number of `least` or more.

    Raises:
        ConfigurationError: It is none.
    """
    if type(value) is int and value >= least:
        return value
    failure = refusal(backend, option, value, f"a whole number of {least} or more")
    raise failure


def flag(backend: str, option: str, value: Any) -> bool:
    """Return a switch.

    Raises:
        ConfigurationError: It is none.
    """
    if isinstance(value, bool):
        return value
    failure = refusal(backend, option, value, "True or False")
    raise failure


def choice(backend: str, option: str, value: Any, choices: Collection[str]) -> str:
    """Return one of some words.

    Raises:
        ConfigurationError: It is none of them.
    """
    if isinstance(value, str) and value in choices:
        return value
    failure = refusal(backend, option, value, f"one of {', '.join(map(repr, sorted(choices)))}")
    raise failure
