"""Retries: nothing lost, nothing done twice, attempts as configured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import zarr_backends as zb

_FAST = {"initial_s": 0.0}


def test_ten_thousand_operations_of_a_store_that_fails_three_times_in_ten(
    wrap: Callable[..., Any],
) -> None:
    """4,000 writes, 4,000 reads and 2,000 deletions: none lost, each made once in the store."""
    mock = wrap("mock", error_rate=0.3, seed=1, kept_calls=20_000)
    store = wrap("retry", inner=mock, attempts=40, **_FAST)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda i: store.write_chunk((i,), b"%d" % i), range(4000)))
        read = list(threads.map(lambda i: bytes(store.read_chunk((i,))), range(4000)))
        list(threads.map(lambda i: store.delete_chunk((i,)), range(2000)))
    assert read == [b"%d" % i for i in range(4000)]
    made = Counter(call.operation for call in mock.calls if not call.fault)
    assert made == {"write_chunk": 4000, "read_chunk": 4000, "delete_chunk": 2000}
    assert store.retries == len(mock.calls) - 10_000
    assert max(Counter(call[1:3] for call in mock.calls).values()) <= 40
    assert sorted(store.list_chunks()) == [(i,) for i in range(2000, 4000)]


def test_changes_whose_answers_are_lost_are_made_again_without_harm(
    wrap: Callable[..., Any],
) -> None:
    """The store made them, and said nothing; writing or deleting twice is as once."""
    mock = wrap("mock", error_rate=0.3, error_when="after", seed=5)
    store = wrap("retry", inner=mock, attempts=40, **_FAST)
    for i in range(300):
        store.write_chunk((i,), b"%d" % i)
    for i in range(0, 300, 3):
        store.delete_chunk((i,))
    left = [i for i in range(300) if i % 3]
    assert sorted(store.list_chunks()) == [(i,) for i in left]
    assert [bytes(store.read_chunk((i,))) for i in left] == [b"%d" % i for i in left]


def test_an_array_over_a_store_that_fails_is_right(wrap: Callable[..., Any]) -> None:
    """Partial writes are updates, and each is made exactly once."""
    store = wrap("retry", inner=wrap("mock", error_rate=0.3, seed=2), attempts=40, **_FAST)
    a = zb.create(store, shape=(60, 60), chunks=(8, 8), dtype="int64", overwrite=True)
    expected = np.zeros((60, 60), dtype="int64")
    for i in range(0, 60, 7):
        a[i : i + 9, ::3] = i
        expected[i : i + 9, ::3] = i
    assert np.array_equal(a[...], expected)


@pytest.mark.parametrize("attempts", [1, 3, 7])
def test_there_are_as_many_attempts_as_configured(wrap: Callable[..., Any], attempts: int) -> None:
    """The last error is passed on as it was."""
    mock = wrap("mock", fail_on=["read_chunk"])
    store = wrap("retry", inner=mock, attempts=attempts, **_FAST)
    with pytest.raises(zb.NetworkError):
        store.read_chunk((0,))
    assert mock.counts["read_chunk"] == attempts
    assert store.retries == attempts - 1


@pytest.mark.parametrize("error", ["PermissionDeniedError", "StorageFullError", "BackendError"])
def test_only_transient_errors_are_retried(wrap: Callable[..., Any], error: str) -> None:
    """For others there is one attempt."""
    mock = wrap("mock", fail_on=["write_chunk"], error=error)
    with pytest.raises(getattr(zb, error)):
        wrap("retry", inner=mock, **_FAST).write_chunk((0,), b"x")
    assert mock.counts["write_chunk"] == 1


def test_what_is_missing_is_asked_for_once(wrap: Callable[..., Any]) -> None:
    """Absence is an answer."""
    mock = wrap("mock")
    with pytest.raises(zb.ChunkNotFoundError) as caught:
        wrap("retry", inner=mock).read_chunk((0,))
    assert mock.counts["read_chunk"] == 1
    assert caught.value.backend == "retry"


def test_the_deadline_ends_the_attempts(wrap: Callable[..., Any]) -> None:
    """No attempt begins after it."""
    mock = wrap("mock", fail_on=["read_chunk"], latency_s=0.02)
    store = wrap("retry", inner=mock, attempts=10_000, deadline_s=0.5, **_FAST)
    with pytest.raises(zb.NetworkError):
        store.read_chunk((0,))
    assert 1 < mock.counts["read_chunk"] <= 26


def test_an_update_whose_answer_was_lost_is_not_made_again(wrap: Callable[..., Any]) -> None:
    """It was made, so another attempt would count twice."""
    mock = wrap("mock", fail_nth={"update_chunk": 1}, error_when="after")
    store = wrap("retry", inner=mock, **_FAST)
    with pytest.raises(zb.NetworkError):
        store.update_chunk((0,), _count)
    assert bytes(store.read_chunk((0,))) == b"1"
    assert mock.counts["update_chunk"] == 1


def test_an_update_that_was_not_begun_is_made_again(wrap: Callable[..., Any]) -> None:
    """The transform was not called, so nothing was written."""
    mock = wrap("mock", error_rates={"update_chunk": 0.5}, seed=3)
    store = wrap("retry", inner=mock, attempts=40, **_FAST)
    for _ in range(100):
        store.update_chunk((0,), _count)
    assert bytes(store.read_chunk((0,))) == b"100"


@pytest.mark.parametrize("options", [{"error": "ConflictError"}, {"retry_updates": True}])
def test_an_update_is_made_again_where_that_is_said_to_be_safe(
    wrap: Callable[..., Any], options: dict[str, Any]
) -> None:
    """By a conflict (here it lies: it comes after the update), or by whoever writes it."""
    retried = {name: options.pop(name) for name in list(options) if name == "retry_updates"}
    mock = wrap("mock", fail_nth={"update_chunk": 1}, error_when="after", **options)
    store = wrap("retry", inner=mock, **retried, **_FAST)
    store.update_chunk((0,), _count)
    assert bytes(store.read_chunk((0,))) == b"2"


def test_set_if_absent_finds_its_own_value(wrap: Callable[..., Any]) -> None:
    """The first attempt had set it, and its answer was lost."""
    mock = wrap("mock", fail_nth={"set_if_absent": 1}, error_when="after")
    store = wrap("retry", inner=mock, **_FAST)
    assert store.set_if_absent("lock", b"mine")
    assert not store.set_if_absent("lock", b"theirs")


def test_a_listing_that_fails_gives_each_entry_once(wrap: Callable[..., Any]) -> None:
    """It begins anew and leaves out what it has given."""
    mock = wrap("mock", seed=4)
    for i in range(3500):
        mock.inner.write_chunk((i,), b"x")
    mock = wrap("mock", inner=mock.inner, fail_nth={"list_chunks": 3})
    found = list(wrap("retry", inner=mock, **_FAST).list_chunks())
    assert sorted(found) == [(i,) for i in range(3500)]
    assert len(found) == len(set(found))


def test_nothing_is_retried_in_a_transaction(
    wrap: Callable[..., Any], document: dict[str, Any]
) -> None:
    """After a failure the whole of it is in doubt."""
    mock = wrap("mock", inner=Transactional.create(), fail_nth={"write_chunk": 1})
    store = wrap("retry", inner=mock, **_FAST)
    store.write_metadata(document, 3)
    with pytest.raises(zb.NetworkError), store.transaction():
        store.write_chunk((0,), b"x")
    store.write_chunk((0,), b"x")
    assert mock.counts["write_chunk"] == 2


class Transactional(zb.get_backend("memory")):  # type: ignore[misc]  # found at run time
    """A backend in memory whose transactions are none."""

    def transaction(self) -> Any:
        """Return a context that does nothing."""
        return nullcontext()


def _count(old: bytes | None) -> Any:
    return b"%d" % (int(bytes(old or b"0")) + 1)
