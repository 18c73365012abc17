"""The backend ``latency``: adds the delay and the bandwidth of a network."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from zarr_backends_wrappers._delays import Line
from zarr_backends_wrappers._inner import Inner
from zarr_backends_wrappers._interceptor import Interceptor
from zarr_backends_wrappers._operations import Operation, received_nbytes, sent_nbytes
from zarr_backends_wrappers._values import count

__all__ = ["LatencyBackend"]


class LatencyBackend(Interceptor):
    """Behaves like the inner backend at the other end of a line."""

    backend_id: ClassVar[str] = "latency"

    def connect(
        self,
        *,
        inner: Inner,
        latency_s: float = 0.05,
        distribution: Literal["fixed", "uniform", "exponential"] = "fixed",
        nbytes_per_s: float | None = None,
        max_concurrency: int = 32,
    ) -> None:
        """Take the options.

        Args:
            inner: What is at the other end.
            latency_s: Seconds that every call takes on top, on average.
            distribution: How they are spread; ``"uniform"`` is from 0 to twice the average.
            nbytes_per_s: Bytes of values that go through in a second, in both directions and
                for all threads together; None for no limit.
            max_concurrency: Calls at a time that arrays make, as of a server.

        Raises:
            ConfigurationError: A value is impossible.
        """
        self.take(inner)
        self.max_concurrency = count(self.backend_id, "max_concurrency", max_concurrency)
        self._line = Line(self.backend_id, latency_s, distribution, nbytes_per_s)

    def renew(self) -> None:
        """Make the locks."""
        self._line.renew()

    def intercept(self, operation: Operation) -> Any:
        """Wait before and after the call.

        Returns:
            What the inner backend returns.
        """
        self._line.wait()
        self._line.carry(sent_nbytes(operation))
        result = operation.proceed()
        self._line.carry(received_nbytes(result))
        return result
