"""The backend ``circuit_breaker``: fails at once while the inner backend is known to be down."""

from __future__ import annotations

from typing import Any, ClassVar

from zarr_backends import (
    ArrayExistsError,
    BackendError,
    ConflictError,
    CorruptStorageError,
    NotFoundError,
    PermissionDeniedError,
    StorageFullError,
)
from zarr_backends_wrappers._breaker import Breaker, BreakerState
from zarr_backends_wrappers._inner import Inner
from zarr_backends_wrappers._interceptor import Interceptor
from zarr_backends_wrappers._operations import Operation
from zarr_backends_wrappers._values import count, number

__all__ = ["CircuitBreakerBackend", "CircuitOpenError"]

_ANSWERS = (
    ArrayExistsError,
    ConflictError,
    CorruptStorageError,
    NotFoundError,
    PermissionDeniedError,
    StorageFullError,
)
"""Errors of a store that works: it said no."""


class CircuitOpenError(BackendError):
    """The circuit is open: the store failed a moment ago, and was not asked."""


class CircuitBreakerBackend(Interceptor):
    """Stops calling a backend that fails, and tries again after a while."""

    backend_id: ClassVar[str] = "circuit_breaker"
    waits: ClassVar[bool] = False

    def connect(
        self,
        *,
        inner: Inner,
        failure_threshold: int = 5,
        recovery_s: float = 30.0,
        trial_calls: int = 1,
    ) -> None:
        """Take the options.

        Args:
            inner: What may fail.
            failure_threshold: Failures in a row that open the circuit.
            recovery_s: Seconds for which calls then fail at once.
            trial_calls: Calls at a time that may try afterwards whether it is back.

        Raises:
            ConfigurationError: A value is impossible.
        """
        self.take(inner)
        self._breaker = Breaker(
            count(self.backend_id, "failure_threshold", failure_threshold),
            number(self.backend_id, "recovery_s", recovery_s, above=0),
            count(self.backend_id, "trial_calls", trial_calls),
        )

    def renew(self) -> None:
        """Make the locks."""
        self._breaker.renew()

    @property
    def state(self) -> BreakerState:
        """``"closed"``, ``"open"`` or ``"half_open"``."""
        return self._breaker.state

    def reset(self) -> None:
        """Close the circuit."""
        self._breaker.succeeded()

    def intercept(self, operation: Operation) -> Any:
        """Make the call if the circuit allows it, and take note of what comes of it.

        Returns:
            What the inner backend returns.

        Raises:
            CircuitOpenError: It does not.
            BackendError: The inner backend failed.
        """
        if not self._breaker.enter():
            after_s = self._breaker.retry_after_s
            message = f"{self!r} failed repeatedly and is not asked for another {after_s:.1f} s"
            raise CircuitOpenError(message, backend=self.backend_id)
        try:
            result = operation.proceed()
        except _ANSWERS:
            self._breaker.succeeded()
            raise
        except BackendError:
            self._breaker.failed()
            raise
        except BaseException:
            self._breaker.abandoned()
            raise
        self._breaker.succeeded()
        return result
