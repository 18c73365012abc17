"""The cache: few inner reads, never a stale byte, bounded, on disk too."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zarr_backends as zb


@pytest.fixture
def slow(wrap: Callable[..., Any]) -> Any:
    """Return a counting store whose calls take 50 ms."""
    return wrap("mock", latency_s=0.05)


def test_the_second_read_of_an_array_asks_for_no_chunk(wrap: Callable[..., Any]) -> None:
    """Whole, or in part, it comes from memory (benchmarks/cache.py tells what that saves)."""
    mock = wrap("mock")
    a = zb.create(
        wrap("cache", inner=mock), shape=(40, 40), chunks=(10, 10), dtype="f8", overwrite=True
    )
    a[...] = np.random.default_rng(1).random((40, 40))
    first = a[...]
    mock.reset()
    assert np.array_equal(a[...], first)
    assert np.array_equal(a[3:17, ::2], first[3:17, ::2])
    assert not mock.calls


def test_64_threads_missing_one_chunk_make_one_inner_read(
    wrap: Callable[..., Any], slow: Any
) -> None:
    """They wait for the one that reads."""
    store = wrap("cache", inner=slow)
    store.write_chunk((0,), b"value")
    slow.reset()
    barrier = threading.Barrier(64)

    def read(_: Any) -> Any:
        barrier.wait()
        return bytes(store.read_chunk((0,)))

    with ThreadPoolExecutor(64) as threads:
        assert set(threads.map(read, range(64))) == {b"value"}
    assert slow.counts["get"] == 1


def test_a_thread_that_comes_late_reads_what_another_one_has_kept(
    wrap: Callable[..., Any], slow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It missed, then another one read and ended, and now it is its turn."""
    store = wrap("cache", inner=slow)
    store.write_chunk((0,), b"value")
    slow.reset()
    missed, look = [], type(store)._cached  # noqa: SLF001  # the moment between look and read

    def stumble(cache: Any, part: Any) -> Any:
        found = look(cache, part)
        if not missed:
            missed.append(part)
            cache.read_chunk((0,))
        return found

    monkeypatch.setattr(type(store), "_cached", stumble)
    assert bytes(store.read_chunk((0,))) == b"value"
    assert slow.counts["get"] == 1


def test_an_error_is_told_to_all_who_wait_and_not_kept(wrap: Callable[..., Any]) -> None:
    """The next one asks again."""
    mock = wrap("mock", fail_nth={"get": 1}, latency_s=0.02)
    store = wrap("cache", inner=mock)
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(store.get, "key") for _ in range(4)]
    failures = [future.exception() for future in futures]
    assert any(isinstance(failure, zb.NetworkError) for failure in failures)
    assert store.get("key") is None


@pytest.mark.parametrize("on", [None, "memory:"])
def test_what_is_written_through_it_is_never_read_stale(wrap: Callable[..., Any], on: Any) -> None:
    """Readers and writers of the same few chunks, while the inner store is slow."""
    store = wrap("cache", inner=wrap("mock", latency_s=0.001, distribution="uniform"), on=on)
    written = [0] * 4
    stale = []

    def write(i: int) -> None:
        for n in range(1, 80):
            store.write_chunk((i,), b"%d" % n)
            written[i] = n

    def read(i: int) -> None:
        while written[i] < 79:
            least = written[i]
            if least and int(bytes(store.read_chunk((i,)))) < least:
                stale.append((i, least))

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(lambda j: (write if j < 4 else read)(j % 4), range(12)))
    assert not stale


@pytest.mark.parametrize("change", ["set", "delete", "update", "set_many", "delete_many"])
def test_every_change_drops_what_is_cached(wrap: Callable[..., Any], change: str) -> None:
    """The whole value and parts of it."""
    inner = wrap("mock", inner=zb.get_backend("memory").create())
    store = wrap("cache", inner=inner)
    store.set("c/0", b"0123456789")
    assert bytes(store.get("c/0")) == b"0123456789"
    assert bytes(store.get_range("c/0", 2, 4)) == b"23"
    calls = {
        "set": lambda: store.set("c/0", b"new"),
        "delete": lambda: store.delete("c/0"),
        "update": lambda: store.update("c/0", lambda _: b"new"),
        "set_many": lambda: store.set_many({"c/0": b"new"}),
        "delete_many": lambda: store.delete_many(["c/0"]),
    }
    calls[change]()
    expected = None if change.startswith("delete") else b"new"
    found = store.get("c/0")
    assert (found if found is None else bytes(found)) == expected


def test_parts_are_cached_as_parts(wrap: Callable[..., Any]) -> None:
    """So shards are read from the cache too, and a whole value serves all its parts."""
    mock = wrap("mock")
    store = wrap("cache", inner=mock)
    store.set("c/0", b"0123456789")
    for _ in range(3):
        assert bytes(store.get_range("c/0", 2, 4)) == b"23"
    assert mock.counts["get_range"] == 1
    store.get("c/0")
    assert bytes(store.get_range("c/0", -3)) == b"789"
    assert mock.counts["get_range"] == 1


def test_the_least_recently_used_goes_first(wrap: Callable[..., Any]) -> None:
    """The cache keeps to its bytes."""
    mock = wrap("mock")
    store = wrap("cache", inner=mock, max_nbytes=3 * (1000 + 256))
    for i in range(4):
        mock.inner.set(f"c/{i}", bytes(1000))
    for i in (0, 1, 2, 0, 3):
        store.get(f"c/{i}")
    mock.reset()
    for i in (0, 2, 3):
        store.get(f"c/{i}")
    assert mock.counts["get"] == 0
    store.get("c/1")
    assert mock.counts["get"] == 1
    assert store.statistics.nbytes <= 3 * 1256


def test_a_value_that_is_too_large_is_passed_through(wrap: Callable[..., Any]) -> None:
    """It pushes nothing out."""
    store = wrap("cache", max_nbytes=1000)
    store.set("c/0", bytes(5000))
    assert len(store.get("c/0")) == 5000
    assert store.statistics.nbytes == 0


def test_hits_and_misses_are_counted(wrap: Callable[..., Any]) -> None:
    """A read of the inner store is a miss."""
    store = wrap("cache")
    store.set("c/0", b"x")
    for _ in range(4):
        store.get("c/0")
    assert store.statistics[:2] == (3, 1)
    assert store.statistics.hit_rate == 0.75


@pytest.mark.parametrize(("cache_missing", "calls"), [(False, 3), (True, 1)])
def test_absence_is_remembered_only_if_wanted(
    wrap: Callable[..., Any], cache_missing: bool, calls: int
) -> None:
    """And forgotten when the key is written."""
    mock = wrap("mock")
    store = wrap("cache", inner=mock, cache_missing=cache_missing)
    for _ in range(3):
        assert store.get("c/5") is None
    assert mock.counts["get"] == calls
    store.set("c/5", b"x")
    assert bytes(store.get("c/5")) == b"x"


def test_what_is_too_old_is_read_again(
    wrap: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After max_age_s what others wrote is seen."""
    store = wrap("cache", max_age_s=60)
    store.set("c/0", b"old")
    store.get("c/0")
    store.inner.set("c/0", b"new")
    assert bytes(store.get("c/0")) == b"old"
    now = time.time() + 61
    monkeypatch.setattr("zarr_backends_wrappers._cache.time.time", lambda: now)
    assert bytes(store.get("c/0")) == b"new"


@pytest.mark.parametrize("kind", ["memory", "filesystem", "content_addressed", "checksum"])
def test_with_validation_what_others_write_is_seen_at_once(
    wrap: Callable[..., Any], kind: str, tmp_path: Path
) -> None:
    """By the version that the inner backend tells, without reading the value."""
    inner = zb.get_backend("memory").create()
    if kind == "filesystem":
        inner = zb.get_backend(kind).create(path=tmp_path)
    elif kind != "memory":
        inner = wrap(kind, inner=inner)
    store = wrap("cache", inner=inner, validate=True)
    for value in (b"first", b"other", None, b"third"):
        if value is None:
            inner.delete("c/0")
        else:
            inner.set("c/0", value)
        for _ in range(2):
            found = store.get("c/0")
            assert (found if found is None else bytes(found)) == value


def test_validation_needs_versions(wrap: Callable[..., Any], tmp_path: Path) -> None:
    """Which not every backend tells."""
    with pytest.raises(zb.ConfigurationError, match="needs a backend that tells versions"):
        wrap("cache", inner=str(tmp_path / "a.zip"), validate=True)


def test_a_cache_on_disk_serves_the_next_process(wrap: Callable[..., Any], tmp_path: Path) -> None:
    """What is damaged is read anew; a file of somebody else is left alone."""
    (tmp_path / "letter.txt").write_text("mine")
    mock = wrap("mock")
    mock.inner.set("c/0", b"value")
    mock.inner.set("c/1", b"other")
    first = wrap("cache", inner=mock, on=str(tmp_path))
    first.get("c/0"), first.get("c/1")
    mock.reset()
    second = wrap("cache", inner=mock, on=str(tmp_path), max_nbytes=10_000)
    assert (bytes(second.get("c/0")), bytes(second.get("c/1"))) == (b"value", b"other")
    assert mock.counts["get"] == 0
    for path in tmp_path.glob("??/*/*"):
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    third = wrap("cache", inner=mock, on=str(tmp_path), max_nbytes=0)
    assert bytes(third.get("c/0")) == b"value"
    assert (tmp_path / "letter.txt").read_text() == "mine"


def test_a_write_drops_what_another_process_has_put_on_disk(
    wrap: Callable[..., Any], tmp_path: Path
) -> None:
    """Even if this instance has never seen it there."""
    mock = wrap("mock")
    mock.inner.set("c/0", b"old")
    writer = wrap("cache", inner=mock, on=str(tmp_path))
    assert writer.statistics.nbytes == 0
    wrap("cache", inner=mock, on=str(tmp_path)).get("c/0")
    writer.set("c/0", b"new")
    assert bytes(wrap("cache", inner=mock, on=str(tmp_path)).get("c/0")) == b"new"
