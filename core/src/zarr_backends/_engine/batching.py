"""Chunks in groups, for backends that move several in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

__all__ = ["grouped"]

T = TypeVar("T")

_ROUND_TRIP = 16
"""Chunks of one round trip: most of the latency is shared, and little memory is held."""


def grouped(items: Iterable[T], length: int = _ROUND_TRIP) -> Iterator[list[T]]:
    """Yield the items in lists of a fixed length, the last one perhaps shorter."""
    source = iter(items)
    while group := list(islice(source, length)):
        yield group
