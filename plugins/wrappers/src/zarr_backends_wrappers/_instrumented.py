"""The backend ``instrumented``: counts, bytes and times of every operation."""

from __future__ import annotations

import logging
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, ClassVar

from zarr_backends import ConfigurationError, NotFoundError
from zarr_backends_wrappers._inner import Inner
from zarr_backends_wrappers._interceptor import Interceptor
from zarr_backends_wrappers._operations import Operation, received_nbytes, sent_nbytes
from zarr_backends_wrappers._values import flag

__all__ = ["InstrumentedBackend", "OperationStatistics"]

_logger = logging.getLogger("zarr_backends.instrumented")


@dataclass(slots=True)
class OperationStatistics:
    """What is known of the calls of one operation."""

    calls: int = 0
    """Number of calls."""
    errors: int = 0
    """Those that failed; what is not there is no failure."""
    missing: int = 0
    """Those that found nothing."""
    nbytes_written: int = 0
    """Bytes of values handed to the backend."""
    nbytes_read: int = 0
    """Bytes of values that came back."""
    seconds: float = 0.0
    """Time that all calls took together."""
    slowest_s: float = 0.0
    """Time that the slowest took."""

    @property
    def mean_s(self) -> float:
        """Time that a call took on average, 0 where there was none."""
        return self.seconds / self.calls if self.calls else 0.0


class InstrumentedBackend(Interceptor):
    """Measures what the inner backend does."""

    backend_id: ClassVar[str] = "instrumented"
    waits: ClassVar[bool] = False

    def connect(self, *, inner: Inner, log: bool = False, opentelemetry: bool = False) -> None:
        """Take the options.

        Args:
            inner: What is measured.
            log: Whether every call becomes a line of the logger
                ``zarr_backends.instrumented``, at the level DEBUG; failures at WARNING.
            opentelemetry: Whether every call becomes a span, and its time and bytes metrics,
                of the providers that the program has set.

        Raises:
            ConfigurationError: A value is impossible, or OpenTelemetry is not installed.
        """
        self.take(inner)
        self._log = flag(self.backend_id, "log", log)
        self._telemetry = None
        if flag(self.backend_id, "opentelemetry", opentelemetry):
            self._telemetry = _telemetry(self.backend_id, getattr(inner, "backend_id", ""))
        self.reset()

    def renew(self) -> None:
        """Make the lock."""
        self._lock = Lock()

    @property
    def statistics(self) -> dict[str, OperationStatistics]:
        """What was measured so far, by operation."""
        with self._lock:
            return {name: replace(found) for name, found in self._statistics.items()}

    def reset(self) -> None:
        """Forget what was measured."""
        self._statistics: dict[str, OperationStatistics] = {}

    def intercept(self, operation: Operation) -> Any:
        """Make the call and measure it.

        Returns:
            What the inner backend returns.

        Raises:
            NotFoundError: What was asked for is not there.
        """
        measured = OperationStatistics(1, nbytes_written=sent_nbytes(operation))
        with self._span(operation):
            begin = time.perf_counter()
            try:
                result = operation.proceed()
                measured.nbytes_read = received_nbytes(result)
                measured.missing = int(result is None and operation.name in ("get", "get_range"))
            except NotFoundError:
                measured.missing = 1
                raise
            except BaseException:
                measured.errors = 1
                raise
            finally:
                measured.seconds = measured.slowest_s = time.perf_counter() - begin
                self._note(operation, measured)
        return result

    def _span(self, operation: Operation) -> AbstractContextManager[Any]:
        """Return the context in which a call is made."""
        return nullcontext() if self._telemetry is None else self._telemetry.span(operation)

    def _note(self, operation: Operation, measured: OperationStatistics) -> None:
        """Add up what a call took, and tell whoever wants to know."""
        with self._lock:
            total = self._statistics.setdefault(operation.name, OperationStatistics())
            slowest_s = max(total.slowest_s, measured.slowest_s)
            for name in OperationStatistics.__slots__:
                setattr(total, name, getattr(total, name) + getattr(measured, name))
            total.slowest_s = slowest_s
        if self._telemetry is not None:
            self._telemetry.note(operation.name, measured)
        if self._log:
            _logger.log(
                logging.WARNING if measured.errors else logging.DEBUG,
                "%s %s: %s in %.6f s, %d bytes out, %d bytes in",
                operation.name,
                operation.about,
                "failed" if measured.errors else "missing" if measured.missing else "done",
                measured.seconds,
                measured.nbytes_written,
                measured.nbytes_read,
            )


def _telemetry(wrapper: str, inner: str) -> Any:
    """Return what talks to OpenTelemetry.

    Raises:
        ConfigurationError: It is not installed.
    """
    try:
        # Only who asks for it needs the package.
        from zarr_backends_wrappers._telemetry import Telemetry  # noqa: PLC0415
    except ModuleNotFoundError as error:
        message = 'opentelemetry=True needs: pip install "zarr-backends-wrappers[opentelemetry]"'
        raise ConfigurationError(message, backend=wrapper, option="opentelemetry") from error
    return Telemetry(inner)
