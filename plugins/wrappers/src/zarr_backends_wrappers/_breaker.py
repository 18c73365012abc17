"""The state machine of a circuit breaker, shared between threads.

- ``closed``: calls go through; failures in a row are counted.
- ``open``: after so many of them no call goes through, until the recovery time is over.
- ``half_open``: then a few calls go through on trial. A success closes the circuit again,
  a failure opens it for another recovery time.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import Literal, TypeAlias

__all__ = ["Breaker", "BreakerState"]

BreakerState: TypeAlias = Literal["closed", "open", "half_open"]


class Breaker:
    """Whether calls may go through.

    Args:
        failure_threshold: Failures in a row that open the circuit.
        recovery_s: Seconds for which it then stays open.
        trial_calls: Calls at a time that may try whether the store is back.
    """

    def __init__(self, failure_threshold: int, recovery_s: float, trial_calls: int) -> None:
        """Begin closed."""
        self._threshold = failure_threshold
        self._recovery_s = recovery_s
        self._trial_calls = trial_calls
        self._failures = 0
        self._opened_at: float | None = None
        self._trials = 0
        self.renew()

    def renew(self) -> None:
        """Make the lock."""
        self._lock = Lock()

    @property
    def state(self) -> BreakerState:
        """Whether calls go through now."""
        with self._lock:
            return self._state()

    @property
    def retry_after_s(self) -> float:
        """Seconds until a call may go through on trial."""
        with self._lock:
            if self._opened_at is None:
                return 0.0
            return max(0.0, self._opened_at + self._recovery_s - time.monotonic())

    def enter(self) -> bool:
        """Ask to make a call; who is let in says afterwards what came of it."""
        with self._lock:
            state = self._state()
            if state == "open" or (state == "half_open" and self._trials >= self._trial_calls):
                return False
            self._trials += state == "half_open"
            return True

    def succeeded(self) -> None:
        """Take note of a store that answered."""
        with self._lock:
            self._failures, self._trials, self._opened_at = 0, 0, None

    def failed(self) -> None:
        """Take note of a store that failed."""
        with self._lock:
            was = self._state()
            self._failures += 1
            if was == "half_open" or (was == "closed" and self._failures >= self._threshold):
                self._opened_at, self._trials = time.monotonic(), 0

    def abandoned(self) -> None:
        """Take note of a call that tells nothing of the store."""
        with self._lock:
            self._trials = max(0, self._trials - 1)

    def _state(self) -> BreakerState:
        """Return the state; the lock is held."""
        if self._opened_at is None:
            return "closed"
        over = time.monotonic() >= self._opened_at + self._recovery_s
        return "half_open" if over else "open"
