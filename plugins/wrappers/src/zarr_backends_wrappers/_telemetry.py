"""Spans and metrics of OpenTelemetry; the only module that imports it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from opentelemetry import metrics, trace

from zarr_backends_wrappers._operations import Operation

__all__ = ["Telemetry"]

_NAME = "zarr_backends"


class _Measured(Protocol):
    """What one call took."""

    errors: int
    nbytes_read: int
    nbytes_written: int
    seconds: float


class Telemetry:
    """Reports to the providers that are set when it is made.

    Args:
        inner: Id of the backend that is measured.
    """

    def __init__(self, inner: str) -> None:
        """Make the instruments."""
        self._inner = inner
        self._tracer = trace.get_tracer(_NAME)
        meter = metrics.get_meter(_NAME)
        self._seconds = meter.create_histogram(
            "zarr_backends.operation.duration", "s", "Time that an operation took"
        )
        self._nbytes = meter.create_counter(
            "zarr_backends.operation.io", "By", "Bytes of values that were moved"
        )

    def span(self, operation: Operation) -> AbstractContextManager[Any]:
        """Return a context that is a span."""
        attributes = {"zarr_backends.backend": self._inner}
        if operation.about is not None:
            attributes["zarr_backends.about"] = str(operation.about)
        return self._tracer.start_as_current_span(
            f"zarr_backends.{operation.name}", attributes=attributes
        )

    def note(self, name: str, measured: _Measured) -> None:
        """Report what a call took."""
        labels: dict[str, str | bool] = {
            "backend": self._inner,
            "operation": name,
            "failed": bool(measured.errors),
        }
        self._seconds.record(measured.seconds, labels)
        for direction in ("read", "write"):
            nbytes = measured.nbytes_read if direction == "read" else measured.nbytes_written
            if nbytes:
                self._nbytes.add(nbytes, {**labels, "direction": direction})
