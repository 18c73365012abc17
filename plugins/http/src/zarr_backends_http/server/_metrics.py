"""Counts of what the server does, in the text format of Prometheus."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

__all__ = ["Metrics"]

_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the classes of durations, in seconds."""

_NAME = "zarr_backends_http"


class Metrics:
    """What has been counted since the start."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._durations: Counter[float] = Counter()
        self._seconds = 0.0
        self._received = self._sent = 0
        self.in_flight = 0

    def count(  # noqa: PLR0913  # by name
        self, method: str, route: str, status: int, *, seconds: float, received: int, sent: int
    ) -> None:
        """Count a request that is over."""
        bound = next((bound for bound in _BOUNDS if seconds <= bound), float("inf"))
        with self._lock:
            self._requests[method, route, status] += 1
            self._durations[bound] += 1
            self._seconds += seconds
            self._received += received
            self._sent += sent

    def text(self) -> str:
        """Return everything."""
        with self._lock:
            return "\n".join([*self._lines(), ""])

    def _lines(self) -> Iterator[str]:
        """Yield the lines."""
        yield from _head("requests_total", "counter", "Requests by method, route and status.")
        for (method, route, status), number in sorted(self._requests.items()):
            labels = f'method="{method}",route="{route}",status="{status}"'
            yield f"{_NAME}_requests_total{{{labels}}} {number}"
        yield from _head("request_seconds", "histogram", "Duration of requests in seconds.")
        total = 0
        for bound in (*_BOUNDS, float("inf")):
            total += self._durations[bound]
            label = "+Inf" if bound == float("inf") else f"{bound:g}"
            yield f'{_NAME}_request_seconds_bucket{{le="{label}"}} {total}'
        yield f"{_NAME}_request_seconds_sum {self._seconds:.6f}"
        yield f"{_NAME}_request_seconds_count {total}"
        for name, kind, what, value in (
            ("received_bytes_total", "counter", "Bytes of bodies received.", self._received),
            ("sent_bytes_total", "counter", "Bytes of bodies sent.", self._sent),
            ("requests_in_flight", "gauge", "Requests that are being answered.", self.in_flight),
        ):
            yield from _head(name, kind, what)
            yield f"{_NAME}_{name} {value}"


def _head(name: str, kind: str, what: str) -> Iterator[str]:
    """Yield what comes before the values of a metric."""
    yield f"# HELP {_NAME}_{name} {what}"
    yield f"# TYPE {_NAME}_{name} {kind}"
