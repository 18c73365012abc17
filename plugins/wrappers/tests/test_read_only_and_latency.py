"""The two smallest wrappers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import zarr_backends as zb


def test_every_change_is_refused(wrap: Callable[..., Any], document: dict[str, Any]) -> None:
    """By chunk, by key, in batches, in part; reads are not."""
    store = wrap("read_only")
    store.inner.write_chunk((0,), b"x")
    changes = [
        lambda: store.write_chunk((0,), b"y"),
        lambda: store.delete_chunk((0,)),
        lambda: store.write_metadata(document, 3),
        lambda: store.update_chunk((0,), lambda _: b"y"),
        lambda: store.set("c/0", b"y"),
        lambda: store.delete("c/0"),
        lambda: store.set_if_absent("c/1", b"y"),
        store.delete_prefix,
    ]
    for change in changes:
        with pytest.raises(zb.PermissionDeniedError, match="is read-only"):
            change()
    assert bytes(store.read_chunk((0,))) == b"x"
    assert list(store.list_keys("c/")) == ["c/0"]


def test_an_array_that_is_read_only_can_be_opened() -> None:
    """And read."""
    a = zb.create("memory://ro/a", shape=3, dtype="int8", overwrite=True)
    a[:] = 1
    b = zb.open(storage="read_only", inner="memory://ro/a")
    assert b[...].tolist() == [1, 1, 1]
    with pytest.raises(zb.PermissionDeniedError):
        b[0] = 2


def test_latency_and_bandwidth_are_added(
    wrap: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call waits for the line, and its bytes behind those of others."""
    slept = []
    monkeypatch.setattr("zarr_backends_wrappers._delays.time.sleep", slept.append)
    monkeypatch.setattr("zarr_backends_wrappers._delays.time.monotonic", lambda: 100.0)
    store = wrap("latency", latency_s=0.25, nbytes_per_s=1000)
    store.write_chunk((0,), b"x" * 500)
    store.read_chunk((0,))
    assert slept == pytest.approx([0.25, 0.5, 0.25, 1.0])


def test_arrays_make_more_calls_at_a_time(wrap: Callable[..., Any]) -> None:
    """As they do to a server."""
    assert wrap("latency").max_concurrency == 32
