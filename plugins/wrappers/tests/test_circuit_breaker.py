"""The circuit breaker: opens, fails fast, tries, closes."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import zarr_backends as zb
from zarr_backends_wrappers import CircuitOpenError


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return what lets seconds go by; by themselves none do."""
    now = time.monotonic()

    def wait(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr("zarr_backends_wrappers._breaker.time.monotonic", lambda: now)
    return wait


@pytest.fixture
def dead(wrap: Callable[..., Any]) -> Any:
    """Return a store that is down, whose faults can be switched off."""
    mock = wrap("mock", fail_on=["read_chunk"])
    mock.inner.write_chunk((0,), b"there")
    return mock


def fail(store: Any, times: int) -> None:
    """Read in vain."""
    for _ in range(times):
        with pytest.raises(zb.BackendError):
            store.read_chunk((0,))


def test_over_a_dead_store_calls_fail_fast_and_recover_when_it_is_back(
    wrap: Callable[..., Any], dead: Any, wait: Callable[[float], None]
) -> None:
    """Three failures open the circuit; a trial closes it."""
    store = wrap("circuit_breaker", inner=dead, failure_threshold=3, recovery_s=10)
    fail(store, 50)
    assert dead.counts["read_chunk"] == 3
    assert store.state == "open"
    dead.script()
    wait(10)
    assert store.state == "half_open"
    assert bytes(store.read_chunk((0,))) == b"there"
    assert store.state == "closed"


def test_a_trial_that_fails_opens_the_circuit_again(
    wrap: Callable[..., Any], dead: Any, wait: Callable[[float], None]
) -> None:
    """One call is let through, and no second one."""
    store = wrap("circuit_breaker", inner=dead, failure_threshold=1, recovery_s=10)
    fail(store, 1)
    wait(10)
    fail(store, 3)
    assert dead.counts["read_chunk"] == 2
    assert store.state == "open"


def test_the_error_is_one_of_ours_and_not_transient(wrap: Callable[..., Any], dead: Any) -> None:
    """A retry around the breaker gives up at once."""
    store = wrap("circuit_breaker", inner=dead, failure_threshold=1)
    fail(store, 1)
    outer = wrap("retry", inner=store)
    with pytest.raises(CircuitOpenError, match="is not asked for another") as caught:
        outer.read_chunk((0,))
    assert not caught.value.transient
    assert outer.retries == 0


def test_what_is_not_found_is_no_failure(wrap: Callable[..., Any]) -> None:
    """A store that says no works."""
    store = wrap("circuit_breaker", failure_threshold=1)
    for _ in range(5):
        with pytest.raises(zb.ChunkNotFoundError):
            store.read_chunk((9,))
    assert store.state == "closed"


def test_a_success_ends_a_row_of_failures(wrap: Callable[..., Any]) -> None:
    """Only failures in a row count."""
    mock = wrap("mock", error_rates={"exists": 0.5}, seed=1)
    store = wrap("circuit_breaker", inner=mock, failure_threshold=1_000)
    outcomes = []
    for _ in range(20):
        try:
            outcomes.append(store.exists())
        except zb.NetworkError:
            outcomes.append(False)
    assert {True, False} == set(outcomes)
    assert store.state == "closed"


def test_the_state_is_shared_by_threads(wrap: Callable[..., Any], dead: Any) -> None:
    """Of many threads, few reach the store."""
    store = wrap("circuit_breaker", inner=dead, failure_threshold=4, recovery_s=60)
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda _: fail(store, 20), range(16)))
    assert 4 <= dead.counts["read_chunk"] <= 4 + 16


def test_reset_closes_the_circuit(wrap: Callable[..., Any], dead: Any) -> None:
    """By hand."""
    store = wrap("circuit_breaker", inner=dead, failure_threshold=1)
    fail(store, 1)
    store.reset()
    assert store.state == "closed"
