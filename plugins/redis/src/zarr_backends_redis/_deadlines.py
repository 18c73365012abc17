"""The time that a call may take, whatever the client library does.

A `Deadline` runs inside its ``with`` block. The sockets of this package ask, before they
wait, how much of the current one of their thread is left.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

__all__ = ["Deadline", "current_deadline"]

_local = threading.local()


class Deadline:
    """A point in time, for one thread.

    Args:
        timeout_s: Seconds from now.
    """

    def __init__(self, timeout_s: float) -> None:
        """Let the time run."""
        self.timeout_s = timeout_s
        self._end = time.monotonic() + timeout_s
        self._outer: Deadline | None = None

    @property
    def remaining_s(self) -> float:
        """Seconds that are left, never less than 0."""
        return max(0.0, self._end - time.monotonic())

    def extend(self, seconds: float) -> None:
        """Give back time that was the caller's own."""
        self._end += seconds

    def share(self, count: int) -> Deadline:
        """Return an earlier one: the first of `count` equal parts of what is left."""
        return Deadline(self.remaining_s / count)

    def __enter__(self) -> Self:
        """Make it the one that sockets look at."""
        self._outer = current_deadline()
        _local.deadline = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Go back to the one before."""
        _local.deadline = self._outer


def current_deadline() -> Deadline | None:
    """Return the deadline of this thread, None where there is none."""
    return getattr(_local, "deadline", None)
