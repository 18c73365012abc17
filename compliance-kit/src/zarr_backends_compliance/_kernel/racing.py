"""Work that is done at the same time: in threads, and in processes that begin together."""

from __future__ import annotations

import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from zarr_backends import ConflictError, SupportsFlush
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import violated

__all__ = [
    "done",
    "eager_threads",
    "in_step",
    "paced",
    "processes",
    "side_by_side",
    "until_done",
]

_SPANS_S = {"quick": 0.15, "standard": 0.3, "soak": 1.0}
"""Seconds that work lasts at least, so that fast backends meet each other often enough."""

_SLOW = 4
"""Spans after which slow work ends before its time."""

_STEP_S = 0.002
"""Seconds between two moments of the clock."""

_TRIES = 500
"""Refusals in a row after which a backend is said to make no progress."""


def paced(t: Trial) -> Iterator[int]:
    """Yield 0, 1, 2, ... for as long as something is to be repeated."""
    start, span = time.monotonic(), _SPANS_S[t.profile.name]
    n = 0
    while n < t.profile.rounds or time.monotonic() - start < span:
        if n and time.monotonic() - start > _SLOW * span:
            return
        yield n
        n += 1


@contextmanager
def eager_threads() -> Iterator[None]:
    """Let threads of Python take turns much more often than they do by themselves."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(2e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def side_by_side(
    t: Trial,
    works: Sequence[Callable[[], object]],
    watches: Sequence[Callable[[], object]] = (),
) -> None:
    """Run every work once, each in a thread, and every watch again and again until they end.

    Raises:
        BaseException: What the first of them raised.
    """
    left = len(works)
    lock, failed = threading.Lock(), threading.Event()

    def run(i: int) -> None:
        nonlocal left
        try:
            if i < len(works):
                works[i]()
            while i >= len(works) and left and not failed.is_set():
                watches[i - len(works)]()
        except BaseException:
            failed.set()
            raise
        finally:
            with lock:
                left -= i < len(works)

    with eager_threads():
        t.threads(len(works) + len(watches), run)


def processes(t: Trial, count: int, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Run ``function(trial, i, *arguments)`` in processes that begin together.

    Returns:
        What each returned.
    """
    gate = f"gate-{secrets.token_hex(4)}"
    children = [t.start(_gated, gate, function, i, *arguments) for i in range(count)]
    try:
        _await(lambda: len(t.log(gate).entries()) >= count or not children[0].is_running())
        t.log(f"{gate}-open").add()
        return [child.result() for child in children]
    finally:
        for child in children:
            child.end()


def in_step(moment: int | None = None) -> int:
    """Wait for a moment of a clock that all processes share.

    Args:
        moment: Its number; None stands for the next. One that is over is not waited for.

    Returns:
        The number of the moment.
    """
    if moment is None:
        moment = int(time.monotonic() / _STEP_S) + 1
    while (left := moment * _STEP_S - time.monotonic()) > 0:
        if left > _STEP_S / 4:
            time.sleep(left - _STEP_S / 4)
    return moment


def _gated(trial: Trial, gate: str, function: Callable[..., Any], i: int, *arguments: Any) -> Any:
    """Wait for the others, then run a function."""
    trial.log(gate).add(i)
    _await(lambda: bool(trial.log(f"{gate}-open").entries()))
    return function(trial, i, *arguments)


def _await(condition: Callable[[], bool]) -> None:
    """Wait for a condition of the kit's own, for a time."""
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.001)


def done(backend: Any, call: Callable[..., object], *arguments: Any) -> bool:
    """Call something and make it durable.

    Returns:
        Whether it was done: False where the backend refused it because of a conflict, and
        so nothing was changed.
    """
    try:
        call(*arguments)
        if isinstance(backend, SupportsFlush):
            backend.flush()
    except ConflictError:
        discard = getattr(backend, "discard", None)
        if callable(discard):
            discard()
        return False
    return True


def until_done(t: Trial, backend: Any, name: str, *arguments: Any) -> Any:
    """Call a method until it is done, as a caller does who meets conflicts.

    Returns:
        The instance to go on with: a new one where the old one is stuck in its conflict.
    """
    for _ in range(_TRIES):
        if done(backend, getattr(backend, name), *arguments):
            return backend
        if isinstance(backend, SupportsFlush) and not hasattr(backend, "discard"):
            backend = t.open("a")
        time.sleep(t.random.random() * 0.002)
    return violated(f"{name} was refused by a ConflictError {_TRIES} times in a row")
