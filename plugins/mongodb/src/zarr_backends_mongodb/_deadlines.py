"""The time of one call, and steps that are taken again while there is some left.

The client keeps to the time that is left, connecting and looking for a primary included.
Its own second try is not enough here: it makes none for a server alone that restarts, and
none for statements on several documents. Every step of this package may be taken twice.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

import pymongo
from pymongo.errors import (
    AutoReconnect,
    NetworkTimeout,
    OperationFailure,
    ServerSelectionTimeoutError,
)

from zarr_backends import (
    BackendTimeoutError,
    NetworkError,
    PermissionDeniedError,
    ZarrBackendsError,
)
from zarr_backends_mongodb._errors import failure_of
from zarr_backends_mongodb._options import BACKEND_ID

__all__ = ["Deadline", "Refusal"]

_T = TypeVar("_T")

_MAX_PAUSE_S = 0.2

_AUTHENTICATION_FAILED = 18


class Refusal:
    """What the calls of a client know of a login that failed.

    The client closes its connections then, and others who are waiting for one are told no
    more than that they are closed.
    """

    error: PermissionDeniedError | None = None
    """The failure, until something succeeds."""


class Deadline:
    """Time that a call may spend with the servers; what a caller does in between is free.

    Args:
        timeout_s: Seconds.
        refusal: What other calls of the same client know.
    """

    def __init__(self, timeout_s: float, refusal: Refusal | None = None) -> None:
        """Set the time; none of it passes yet."""
        self.timeout_s = timeout_s
        self._refusal = refusal or Refusal()
        self.left = timeout_s

    def take(self, step: Callable[[], _T]) -> _T:
        """Take a step, again where a connection was lost, or a server was not ready for it.

        Args:
            step: What asks the servers.

        Returns:
            What it returns.

        Raises:
            ZarrBackendsError: What its error means.
        """
        tries = 0
        while True:
            try:
                return self._attempt(step)
            except ZarrBackendsError:
                raise
            except Exception as error:
                tries += 1
                failure = self._failure_of(error)
                if failure or not _can_pass(error) or self.left <= _pause_s(tries):
                    raise (failure or failure_of(error)) from error
            self.pause(tries)

    def pause(self, tries: int) -> None:
        """Let others go first.

        Args:
            tries: How often something was tried in vain.

        Raises:
            BackendTimeoutError: There is no time left.
        """
        pause_s = random.uniform(0.0, _pause_s(tries))  # noqa: S311  # no secret
        self.left -= pause_s
        if self.left <= 0:
            raise self._too_late()
        time.sleep(pause_s)

    def _attempt(self, step: Callable[[], _T]) -> _T:
        """Take a step once, in the time that is left."""
        if self.left <= 0:
            raise self._too_late()
        started = time.monotonic()
        try:
            with pymongo.timeout(self.left):
                result = step()
        finally:
            self.left -= time.monotonic() - started
        self._refusal.error = None
        return result

    def _failure_of(self, error: Exception) -> ZarrBackendsError | None:
        """Return the failure of a login, of this call or of another; None without any."""
        if isinstance(error, OperationFailure) and error.code == _AUTHENTICATION_FAILED:
            text = failure_of(error).message
            self._refusal.error = PermissionDeniedError(text, backend=BACKEND_ID)
            return self._refusal.error
        refused = self._refusal.error
        if refused is None or not isinstance(error, AutoReconnect):
            return None
        return PermissionDeniedError(refused.message, backend=BACKEND_ID)

    def _too_late(self) -> BackendTimeoutError:
        """Return the error about a time that is over."""
        message = f"MongoDB was not done within {self.timeout_s:g} s"
        return BackendTimeoutError(message, backend=BACKEND_ID)


def _can_pass(error: Exception) -> bool:
    """Whether an error is about a connection, or a server's state, and not about the time."""
    if isinstance(error, NetworkTimeout | ServerSelectionTimeoutError):
        return False
    if isinstance(error, OperationFailure):
        return isinstance(failure_of(error), NetworkError)
    return isinstance(error, AutoReconnect) and not error.timeout


def _pause_s(tries: int) -> float:
    """Return how long to wait at most after some tries."""
    return min(_MAX_PAUSE_S, 0.002 * 2.0 ** min(tries, 10))
