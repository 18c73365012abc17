"""Numbers, log lines, and OpenTelemetry's spans and metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import zarr_backends as zb


def use(store: Any) -> None:
    """Write 10 bytes, read them twice, miss once, fail once."""
    store.write_chunk((0,), b"0123456789")
    store.read_chunk((0,))
    store.read_chunk_range((0,), 2, 5)
    with pytest.raises(zb.ChunkNotFoundError):
        store.read_chunk((1,))
    with pytest.raises(zb.NetworkError):
        store.delete_chunk((0,))


@pytest.fixture
def failing(wrap: Callable[..., Any]) -> Any:
    """Return a store whose deletions fail."""
    return wrap("mock", fail_on=["delete_chunk"])


def test_calls_bytes_and_times_are_counted(wrap: Callable[..., Any], failing: int) -> None:
    """By operation."""
    store = wrap("instrumented", inner=failing)
    use(store)
    found = store.statistics
    assert (found["write_chunk"].calls, found["write_chunk"].nbytes_written) == (1, 10)
    assert (found["read_chunk"].calls, found["read_chunk"].nbytes_read) == (2, 10)
    assert (found["read_chunk"].missing, found["read_chunk"].errors) == (1, 0)
    assert found["read_chunk_range"].nbytes_read == 3
    assert found["delete_chunk"].errors == 1
    assert 0 < found["read_chunk"].slowest_s <= found["read_chunk"].seconds
    store.reset()
    assert store.statistics == {}


def test_every_call_is_logged(
    wrap: Callable[..., Any], failing: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Failures as warnings."""
    with caplog.at_level(logging.DEBUG, "zarr_backends.instrumented"):
        use(wrap("instrumented", inner=failing, log=True))
    assert [record.levelname for record in caplog.records] == ["DEBUG"] * 4 + ["WARNING"]
    assert caplog.messages[0].startswith("write_chunk (0,): done in ")


def test_calls_become_spans_and_metrics(wrap: Callable[..., Any], failing: int) -> None:
    """Of the providers that the program has set."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([reader]))
    use(wrap("instrumented", inner=failing, opentelemetry=True))
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans][:2] == [
        "zarr_backends.write_chunk",
        "zarr_backends.read_chunk",
    ]
    assert not spans[-1].status.is_ok
    found = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
    assert {metric.name for metric in found} == {
        "zarr_backends.operation.duration",
        "zarr_backends.operation.io",
    }
