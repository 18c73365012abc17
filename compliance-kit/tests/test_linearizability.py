"""The search for an order of calls: what it accepts, what it refuses, and that it ends."""

from __future__ import annotations

import math
import random
from itertools import permutations

import pytest

from zarr_backends_compliance._tools.linearizability import Operation, fault_in


def write(start: float, end: float, value: int | None) -> Operation:
    """Return a write, or a deletion."""
    return Operation("write", start, end, value)


def read(start: float, end: float, value: int | None) -> Operation:
    """Return a read."""
    return Operation("read", start, end, value)


def update(start: float, end: float, old: int | None, value: int | None) -> Operation:
    """Return an update."""
    return Operation("update", start, end, value, old)


POSSIBLE = {
    "nothing": [],
    "absent at first": [read(0, 1, None)],
    "one after the other": [write(0, 1, 1), read(2, 3, 1), write(4, 5, None), read(6, 7, None)],
    "a read beside a write sees the old": [write(0, 1, 1), write(2, 6, 2), read(3, 4, 1)],
    "a read beside a write sees the new": [write(0, 1, 1), write(2, 6, 2), read(3, 4, 2)],
    "two writes in either order": [write(0, 5, 1), write(0, 5, 2), read(6, 7, 1)],
    "an order that has to be searched": [
        write(0, 10, 1), write(0, 10, 2), write(0, 10, 3),
        read(1, 2, 3), read(3, 4, 1), read(5, 6, 2),
    ],
    "updates in a chain": [update(0, 9, None, 1), update(0, 9, 1, 2), update(0, 9, 2, 3)],
    "unknown, and done": [write(0, math.inf, 1), read(5, 6, 1)],
    "unknown, and not done": [write(0, math.inf, 1), read(5, 6, None)],
    "ends where the next begins": [write(0, 1, 1), write(1, 2, 2), read(2, 3, 1)],
}  # fmt: skip

IMPOSSIBLE = {
    "never written": [read(0, 1, 7)],
    "stale": [write(0, 1, 1), write(2, 3, 2), read(4, 5, 1)],
    "lost": [write(0, 1, 1), read(2, 3, None)],
    "back in time": [write(0, 1, 1), write(2, 9, 2), read(3, 4, 2), read(5, 6, 1)],
    "two readers disagree": [
        write(0, 9, 1), write(0, 9, 2),
        read(1, 2, 1), read(3, 4, 2), read(5, 6, 1),
    ],
    "deleted and there": [write(0, 1, 1), write(2, 3, None), read(4, 5, 1)],
    "a lost update": [update(0, 5, None, 1), update(0, 5, None, 2)],
    "an update that was overtaken": [write(0, 1, 1), update(2, 9, 1, 2), write(3, 4, 5),
                                     read(10, 11, 2)],
    "from the future": [read(0, 1, 1), write(2, 3, 1)],
    "unknown, but begun later": [read(0, 1, 1), write(2, math.inf, 1)],
}  # fmt: skip


@pytest.mark.parametrize("name", POSSIBLE)
def test_a_history_that_is_possible(name: str) -> None:
    """Whatever order it is given in, nothing is wrong with it."""
    for history in list(permutations(POSSIBLE[name]))[:50]:
        assert fault_in(history) == ""


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_history_that_is_impossible(name: str) -> None:
    """Whatever order it is given in, the fault is told."""
    for history in list(permutations(IMPOSSIBLE[name]))[:50]:
        assert "contradicts what came next" in fault_in(history)


def test_the_explanation_names_the_calls() -> None:
    """It says what was held and what was seen instead."""
    assert fault_in(IMPOSSIBLE["stale"]) == (
        "after write 1, write 2 the chunk held 2, which contradicts what came next: read 1"
    )


def test_what_was_there_before_counts() -> None:
    """A history may begin with a value."""
    assert fault_in([read(0, 1, 5)], initial=5) == ""
    assert fault_in([read(0, 1, None)], initial=5) != ""


def simulated(seed: int, calls: int) -> list[Operation]:
    """Return the history of an atomic register, calls overlapping by four."""
    chance = random.Random(seed)  # noqa: S311  # not for secrecy
    value, history = None, []
    for n in range(calls):
        start, end = n - 2 * chance.random(), n + 2 * chance.random()
        kind = chance.choice(["read", "write", "update"])
        old = value
        value = value if kind == "read" else chance.choice([n, n, None])
        history.append(Operation(kind, start, end, value, old if kind == "update" else None))
    return history


@pytest.mark.parametrize("seed", range(20))
def test_histories_of_a_register_are_possible(seed: int) -> None:
    """Long ones as well."""
    assert fault_in(simulated(seed, 500)) == ""


@pytest.mark.parametrize("seed", range(20))
def test_a_stale_read_in_a_long_history_is_found(seed: int) -> None:
    """One read gives what was replaced long ago."""
    history = simulated(seed, 300)
    history[200] = read(200, 200.1, next(o.value for o in history if o.kind == "write" and o.value))
    assert fault_in(history) != ""
