"""Many values, several at a time: most of what a server takes for each is waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from zarr_backends_compliance._kernel.trial import Trial

__all__ = ["each", "fill"]

_AT_A_TIME = 8


def fill(t: Trial, backend: Any, numbers: Iterable[int]) -> None:
    """Write a byte to each chunk of a row.

    Args:
        t: The trial.
        backend: The array.
        numbers: Which chunks.
    """
    each(t, lambda number: backend.write_chunk((number,), b"x"), numbers)


def each(t: Trial, call: Callable[[Any], object], values: Iterable[Any]) -> None:
    """Call something with each of many values, in no order."""
    given = list(values)
    t.threads(_AT_A_TIME, lambda i: [call(value) for value in given[i::_AT_A_TIME]])
