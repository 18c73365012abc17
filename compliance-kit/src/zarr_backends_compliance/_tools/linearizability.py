"""Whether what several clients saw of one chunk can have happened one thing after another.

Each operation took effect at one moment between its call and its return, if the contract is
kept. The search of Wing and Gong, with the memory of Lowe, looks for an order of these
moments that explains every answer:

1. An operation can come next unless another one, not yet placed, had returned before it began.
2. It is placed if the value that it saw is the value of the chunk then.
3. A set of placed operations with the value that they lead to is tried once.

Values are numbers, each written once; None is an absent chunk.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

__all__ = ["Operation", "fault_in"]

_MOST_STATES = 200_000
"""States after which the search gives up; histories of the checks need some hundreds."""


class Operation(NamedTuple):
    """Something that one client did to a chunk."""

    kind: Literal["read", "write", "update"]
    start: float
    """Time of the call, of a clock that all clients share."""
    end: float
    """Time of the return; infinite where it is unknown whether it was done."""
    value: int | None
    """What was read, or written; None where the chunk was absent, or deleted."""
    old: int | None = None
    """What an update replaced."""

    @property
    def is_certain(self) -> bool:
        """Whether it was done for sure."""
        return self.end < math.inf

    def __str__(self) -> str:
        """Show it as a call."""
        value = "nothing" if self.value is None else self.value
        if self.kind == "write":
            return "delete" if self.value is None else f"write {value}"
        if self.kind == "read":
            return f"read {value}"
        return f"update {'nothing' if self.old is None else self.old} to {value}"


def fault_in(history: Sequence[Operation], initial: int | None = None) -> str:
    """Return why a history of one chunk cannot have happened, "" where it can.

    Args:
        history: What all clients did, in any order.
        initial: What the chunk held before.
    """
    operations = sorted(history, key=lambda operation: operation.start)
    certain = sum(1 << i for i, one in enumerate(operations) if one.is_certain)
    todo: list[tuple[int, int | None]] = [(0, initial)]
    seen = set(todo)
    furthest = todo[0]
    while todo and len(seen) < _MOST_STATES:
        placed, value = todo.pop()
        if placed & certain == certain:
            return ""
        if placed.bit_count() > furthest[0].bit_count():
            furthest = placed, value
        for state in _next_states(operations, placed, value):
            if state not in seen:
                seen.add(state)
                todo.append(state)
    return _explanation(operations, *furthest) if not todo else ""


def _next_states(
    operations: Sequence[Operation], placed: int, value: int | None
) -> Iterator[tuple[int, int | None]]:
    """Yield what there is after each operation that can come next."""
    for i in _candidates(operations, placed):
        one = operations[i]
        if one.kind == "write" or value == (one.value if one.kind == "read" else one.old):
            yield placed | 1 << i, one.value


def _candidates(operations: Sequence[Operation], placed: int) -> Iterator[int]:
    """Yield the operations that are not placed and began before any such had returned."""
    first_end = math.inf
    found = []
    for i in range((~placed & placed + 1).bit_length() - 1, len(operations)):
        if operations[i].start > first_end:
            break
        if not placed >> i & 1:
            found.append(i)
            first_end = min(first_end, operations[i].end)
    yield from (i for i in found if operations[i].start <= first_end)


def _explanation(operations: Sequence[Operation], placed: int, value: int | None) -> str:
    """Say where the longest explanation of a history ends."""
    held = "nothing" if value is None else value
    stuck = [operations[i] for i in _candidates(operations, placed)]
    before = [one for i, one in enumerate(operations) if placed >> i & 1 and one.kind != "read"]
    last = ", ".join(str(one) for one in before[-3:]) or "nothing was done"
    seen = "; ".join(str(one) for one in stuck[:4])
    return f"after {last} the chunk held {held}, which contradicts what came next: {seen}"
