"""Time limits that hold whatever a database client does.

Clients wait for an answer as long as the connection lives. A `Deadline` therefore
watches the connections that a call uses, and interrupts them when its time is over: the
call then fails in the thread that made it. One thread in the process keeps all deadlines.
It lives while there is something to watch.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from zarr_backends import BackendTimeoutError

__all__ = ["Deadline", "current_deadline", "within_deadline"]

T = TypeVar("T")

_local = threading.local()


class Deadline:
    """The time that one call may spend in the database.

    Time is counted inside ``with`` blocks alone, so that a caller's own code can run in
    between. Blocks may be nested.

    Args:
        timeout_s: Seconds.
    """

    def __init__(self, timeout_s: float) -> None:
        """Set the time; none of it passes yet."""
        self.timeout_s = timeout_s
        self.end = 0.0
        self.expired = False
        self._left = timeout_s
        self._depth = 0
        self._lock = threading.Lock()
        self._interrupts: list[Callable[[], None]] = []
        self._before: Deadline | None = None

    @property
    def remaining(self) -> float:
        """Seconds that are left."""
        return max(0.0, self.end - time.monotonic()) if self._depth else self._left

    def watch(self, interrupt: Callable[[], None]) -> None:
        """Have something done when the time is over, unless the block has ended before.

        Args:
            interrupt: Called once, by another thread, or at once where it is too late.
        """
        with self._lock:
            self._interrupts.append(interrupt)
            expired = self.expired
        if expired:
            interrupt()

    def expire(self) -> None:
        """Interrupt everything that is watched."""
        with self._lock:
            if self._depth:
                self.expired = True
                for interrupt in self._interrupts:
                    with suppress(Exception):
                        interrupt()

    def __enter__(self) -> Self:
        """Let the time run."""
        self._depth += 1
        if self._depth == 1:
            self.end = time.monotonic() + self._left
            self._before = current_deadline()
            _local.deadline = self
            _keeper.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the time."""
        if self._depth == 1:
            _keeper.remove(self)
            _local.deadline, self._before = self._before, None
            self._left = max(0.0, self.end - time.monotonic())
        with self._lock:
            self._depth -= 1
            if not self._depth:
                self._interrupts.clear()


class _Keeper:
    """Every deadline that runs in this process, and the thread that waits for the next."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start anew; in a forked child there is no such thread, and the lock may be held."""
        self._changed = threading.Condition()
        self._deadlines: dict[int, Deadline] = {}
        self._wakes_at: float | None = None

    def add(self, deadline: Deadline) -> None:
        """Take on a deadline."""
        with self._changed:
            self._deadlines[id(deadline)] = deadline
            if self._wakes_at is None:
                self._wakes_at = deadline.end
                threading.Thread(target=self._keep, name="zarr-backends-sql", daemon=True).start()
            elif deadline.end < self._wakes_at:
                self._changed.notify()

    def remove(self, deadline: Deadline) -> None:
        """Drop a deadline."""
        with self._changed:
            self._deadlines.pop(id(deadline), None)

    def _keep(self) -> None:
        """Let deadlines expire until there are none."""
        while due := self._next():
            for deadline in due:
                deadline.expire()

    def _next(self) -> list[Deadline]:
        """Wait for deadlines whose time is over; return them, none where none is left."""
        with self._changed:
            while self._deadlines:
                now = time.monotonic()
                due = [one for one in self._deadlines.values() if one.end <= now]
                for deadline in due:
                    del self._deadlines[id(deadline)]
                if due:
                    return due
                self._wakes_at = min(one.end for one in self._deadlines.values())
                self._changed.wait(self._wakes_at - now)
            self._wakes_at = None
            return []


_keeper = _Keeper()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keeper.forget)


def current_deadline() -> Deadline | None:
    """Return the deadline that runs in this thread, None where there is none."""
    return getattr(_local, "deadline", None)


def within_deadline(make: Callable[[], T], discard: Callable[[T], object]) -> T:
    """Return what a function makes that cannot be interrupted.

    It runs in a thread, which is left to itself when the time of this thread's deadline is
    over. What it makes too late is discarded.

    Args:
        make: The function.
        discard: Called with what was made too late.

    Raises:
        BackendTimeoutError: The time is over.
    """
    deadline = current_deadline()
    if deadline is None:
        return make()
    attempt = _Attempt(make, discard)
    threading.Thread(target=attempt.run, name="zarr-backends-sql-connect", daemon=True).start()
    if not attempt.ended.wait(deadline.remaining) and attempt.leave():
        message = f"no connection within {deadline.timeout_s:g} s"
        raise BackendTimeoutError(message, backend="sql") from TimeoutError("connecting")
    if attempt.error is not None:
        raise attempt.error
    return attempt.made  # type: ignore[no-any-return]  # what make() returned


class _Attempt:
    """A call in another thread that may be left alone."""

    def __init__(self, make: Callable[[], Any], discard: Callable[[Any], object]) -> None:
        self.ended = threading.Event()
        self.error: BaseException | None = None
        self.made: Any = None
        self._make, self._discard = make, discard
        self._left = False
        self._lock = threading.Lock()

    def run(self) -> None:
        """Make it."""
        try:
            made = self._make()
        except BaseException as error:  # noqa: BLE001  # raised in the thread that waits
            self.error = error
        else:
            with self._lock:
                self.made = made
                if self._left:
                    self._discard(made)
        self.ended.set()

    def leave(self) -> bool:
        """Wait no longer; return whether it is not made yet."""
        with self._lock:
            self._left = self.made is None and self.error is None
            return self._left
