"""Quotas: exact under overwriting, deleting, updating, failing, and from many threads."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

import zarr_backends as zb
from zarr_backends_wrappers import Usage


@pytest.fixture(params=[False, True], ids=["own", "shared"])
def bounded(request: pytest.FixtureRequest, wrap: Callable[..., Any]) -> Any:
    """Return what makes quotas over an empty store, counting alone or together."""

    def make(**options: Any) -> Any:
        inner = options.pop("inner", None) or zb.get_backend("memory").create()
        return wrap("quota", inner=inner, shared=request.param, **options)

    return make


def test_what_does_not_fit_is_refused_before_anything_is_written(
    bounded: Callable[..., Any],
) -> None:
    """And says what is used."""
    store = bounded(max_nbytes=100)
    store.set("c/0", bytes(60))
    with pytest.raises(zb.StorageFullError, match="60 of 100 bytes"):
        store.set("c/1", bytes(41))
    assert list(store.list_keys()) == ["c/0"]
    store.set("c/1", bytes(40))
    assert store.usage == Usage(100, 2)


def test_an_overwrite_counts_the_difference(bounded: Callable[..., Any]) -> None:
    """Larger, smaller, and as large."""
    store = bounded(max_nbytes=100, max_chunks=1)
    for nbytes in (100, 10, 100, 100):
        store.set("c/0", bytes(nbytes))
        assert store.usage == Usage(nbytes, 1)


def test_what_is_deleted_is_free(bounded: Callable[..., Any]) -> None:
    """By key, in batches, by an update."""
    store = bounded(max_chunks=2)
    store.set_many({"c/0": b"x", "c/1": b"y"})
    store.delete_many(["c/0", "c/7"])
    store.update("c/1", lambda _: None)
    assert store.usage == Usage(0, 0)


def test_metadata_has_bytes_and_is_no_chunk(
    bounded: Callable[..., Any], document: dict[str, Any]
) -> None:
    """So an array can be made where no chunk fits."""
    store = bounded(max_chunks=0)
    store.write_metadata(document, 3)
    assert store.usage.chunks == 0
    assert store.usage.nbytes > 100
    with pytest.raises(zb.StorageFullError):
        store.write_chunk((0,), b"x")


def test_what_was_there_before_is_counted(bounded: Callable[..., Any]) -> None:
    """Once, at the first change."""
    inner = zb.get_backend("memory").create()
    inner.set("c/0", bytes(90))
    store = bounded(inner=inner, max_nbytes=100)
    with pytest.raises(zb.StorageFullError):
        store.set("c/1", bytes(11))
    assert store.usage == Usage(90, 1)


def test_an_update_that_does_not_fit_changes_nothing(bounded: Callable[..., Any]) -> None:
    """The transform has run, its result is not stored."""
    store = bounded(max_nbytes=10)
    store.set("c/0", b"12345")
    with pytest.raises(zb.StorageFullError):
        store.update("c/0", lambda old: bytes(old) * 3)
    assert bytes(store.get("c/0")) == b"12345"
    assert store.usage == Usage(5, 1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_failed_writes_count_as_what_is_really_there(wrap: Callable[..., Any], when: str) -> None:
    """Also where the write happened and its answer was lost."""
    inner = zb.get_backend("memory").create()
    mock = wrap("mock", inner=inner, fail_on=["set"], error_when=when)
    store = wrap("quota", inner=mock, max_nbytes=100)
    with pytest.raises(zb.NetworkError):
        store.set("c/0", bytes(30))
    assert store.usage == store.recount() == Usage(30 * (when == "after"), when == "after")


def test_many_threads_never_pass_the_limit(bounded: Callable[..., Any]) -> None:
    """Random writes, overwrites, deletions and updates; at the end the count is exact."""
    store = bounded(max_nbytes=2000, max_chunks=30)

    def work(seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311  # not for secrecy
        for _ in range(60):
            key = f"c/{chance.randrange(40)}"
            with suppress(zb.StorageFullError):
                chance.choice(
                    [
                        lambda key=key: store.set(key, bytes(chance.randrange(200))),
                        lambda key=key: store.delete(key),
                        lambda key=key: store.update(key, lambda _: bytes(50)),
                        lambda key=key: store.set_if_absent(key, bytes(80)),
                    ]
                )()
            usage = store.usage
            assert usage.nbytes <= 2000
            assert usage.chunks <= 30

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    assert store.usage == store.recount()


def test_two_instances_share_a_count(wrap: Callable[..., Any]) -> None:
    """In a document of the inner backend, which is not shown."""
    inner = zb.get_backend("memory").create()
    one, two = (wrap("quota", inner=inner, max_nbytes=100, shared=True) for _ in range(2))
    one.set("c/0", bytes(60))
    with pytest.raises(zb.StorageFullError):
        two.set("c/1", bytes(41))
    two.delete("c/0")
    one.set("c/1", bytes(100))
    assert list(two.list_keys()) == ["c/1"]


class Plain(zb.KeyValueBackend):
    """Five methods over a dict, and no updates."""

    backend_id = "plain"

    def connect(self) -> None:
        """Make the dict."""
        self._values = {}

    def get(self, key: str) -> Any:
        """Return a value."""
        return self._values.get(key)

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        self._values[key] = bytes(value)

    def delete(self, key: str) -> None:
        """Drop a value."""
        self._values.pop(key, None)

    def list_keys(self, prefix: str = "") -> Any:
        """List keys."""
        return (key for key in list(self._values) if key.startswith(prefix))


class Batched(Plain):
    """Writes many at once."""

    def set_many(self, values: Any) -> None:
        """Keep several values."""
        for key, value in values.items():
            self.set(key, value)

    def delete_many(self, keys: Any) -> None:
        """Drop several values."""
        for key in keys:
            self.delete(key)


def test_a_batch_that_does_not_fit_is_refused_whole(wrap: Callable[..., Any]) -> None:
    """Where the inner backend writes batches."""
    store = wrap("quota", inner=Batched.create(), max_chunks=2)
    with pytest.raises(zb.StorageFullError):
        store.set_many({"c/0": b"x", "c/1": b"y", "c/2": b"z"})
    assert list(store.list_keys()) == []
    store.set_many({"c/0": b"x", "c/1": b"y"})
    store.delete_many(["c/0", "c/9"])
    assert store.usage == Usage(1, 1)


def test_sharing_needs_updates(wrap: Callable[..., Any]) -> None:
    """By which nobody's count is lost."""
    with pytest.raises(zb.ConfigurationError, match="updates atomically"):
        wrap("quota", inner=Plain.create(), shared=True)
