"""Writers that are killed in the middle of a write, and what has to be left of their work.

A writer notes in a file outside the store when it begins something and when it was told that
it is done. Where the last note is a beginning, the kill came in the middle, and proof of
that is the note. What was told to be done has to be there afterwards; what was only begun
may be there or not, but never in part.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from zarr_backends_compliance._kernel.children import Child
from zarr_backends_compliance._kernel.trial import Log, Trial
from zarr_backends_compliance._kernel.verdicts import skip, violated

__all__ = ["Ledger", "killed", "noted"]

Number: TypeAlias = int | None
"""Number of a stamped value; None for an absent chunk."""

_WARM = 2
"""Things that a writer has done before it is killed."""

_STARTS_S = 30.0
"""Seconds that a writer may take for these; more, and another one's lock keeps it waiting."""

_TRIES = 4
"""Writers that are killed for each that has to be killed in the middle of something."""

_SPENT_S = 12.0
"""Seconds after which it is left at what has been tried."""

_GOLDEN = 0.618
"""Multiples of it, without their whole parts, are spread evenly."""


@contextmanager
def noted(log: Log, number: Number, *chunks: int) -> Iterator[None]:
    """Note the beginning and the end of something.

    Args:
        log: Where to.
        number: What the chunks hold afterwards.
        *chunks: Which chunks.

    Yields:
        Nothing.
    """
    log.add("begin", number, chunks, time.monotonic())
    yield
    log.add("end", number, chunks, time.monotonic())


def killed(t: Trial, work: Callable[..., Any], *arguments: Any) -> Iterator[list[list[Any]]]:
    """Kill one writer after the other, at moments spread over what it does.

    Args:
        t: The trial; its profile says how many have to be killed in the middle.
        work: Runs as ``work(trial, log, first_number, *arguments)`` until it is killed.
        *arguments: What it is given beside.

    Yields:
        The notes of each writer after its death.
    """
    landed, start = 0, time.monotonic()
    for attempt in range(_TRIES * t.profile.kills):
        if landed == t.profile.kills or time.monotonic() - start > _SPENT_S:
            break
        log = t.log(f"{work.__name__}-{attempt}")
        child = t.start(work, log, (attempt + 1) * 10**6, *arguments)
        took_s = _warmed_up(child, log)
        time.sleep(took_s * ((attempt + 1) * _GOLDEN % 1))
        child.kill()
        notes = log.entries()
        landed += notes[-1][0] == "begin"
        yield notes
    t.notes["killed in the middle"] = landed
    if not landed:
        skip("a write that takes long enough to be killed in its middle")


def _warmed_up(child: Child, log: Log) -> float:
    """Wait until a writer has done something; return how long the last thing took it."""
    deadline = time.monotonic() + _STARTS_S
    while len(notes := log.entries()) < 2 * _WARM + 1:
        if not child.is_running():
            child.result()
            violated("a writer ended by itself")
        if time.monotonic() > deadline:
            child.kill()
            violated(f"after a writer was killed the next one got nothing done in {_STARTS_S:g} s")
        time.sleep(0.0005)
    last = [note for note in notes if note[0] == "end"][-1]
    began = [note for note in notes if note[0] == "begin" and note[1:3] == last[1:3]][-1]
    return float(last[3] - began[3])


class Ledger:
    """What every chunk may hold, by the notes of the writers."""

    def __init__(self, chunks: int, number: Number = None) -> None:
        """Begin with chunks that are all alike."""
        self._may: list[set[Number]] = [{number} for _ in range(chunks)]

    def read(self, notes: list[list[Any]]) -> None:
        """Take the notes of a writer over."""
        for word, number, chunks, _ in notes:
            for chunk in chunks:
                self._may[chunk] = {number} if word == "end" else self._may[chunk] | {number}

    def compare(self, seen: list[Number], what: str = "chunk") -> None:
        """Fail where something is neither what was acknowledged last nor what was begun.

        Args:
            seen: What the chunks hold after a kill.
            what: What they are, for the message.
        """
        for i, (number, may) in enumerate(zip(seen, self._may, strict=True)):
            if number not in may:
                held = "is absent" if number is None else f"holds write {number}"
                expected = " or ".join("absent" if n is None else str(n) for n in may)
                violated(
                    f"after its writer was killed {what} {i} {held}; by what was acknowledged "
                    f"it had to be {expected}"
                )
            self._may[i] = {number}
