"""Partitions: chunks are spread, keys are what they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import zarr_backends as zb


def test_chunks_are_spread_evenly_and_metadata_stays(wrap: Callable[..., Any]) -> None:
    """Over as many prefixes as configured."""
    store = wrap("prefix_partitioned", partitions=8)
    for i in range(2000):
        store.write_chunk((i,), b"x")
    prefixes = Counter(key.partition("/")[0] for key in store.inner.list_keys() if "/" in key)
    assert sorted(prefixes) == list("01234567")
    assert min(prefixes.values()) > 150
    assert store.inner.get("zarr.json") is not None
    assert sorted(store.list_chunks()) == [(i,) for i in range(2000)]


def test_prefixes_of_keys_are_those_of_the_keys(wrap: Callable[..., Any]) -> None:
    """Not those of what is stored."""
    store = wrap("prefix_partitioned", inner=zb.get_backend("memory").create())
    keys = ["a/c/0", "a/c/1", "a/zarr.json", "b/c/0", "0/c/0", "0/zarr.json", "f"]
    for key in keys:
        store.set(key, key.encode())
    assert sorted(store.list_keys()) == sorted(keys)
    assert sorted(store.list_keys("a/")) == ["a/c/0", "a/c/1", "a/zarr.json"]
    assert sorted(store.list_keys("0/")) == ["0/c/0", "0/zarr.json"]
    assert sorted(store.list_dir()) == ["0", "a", "b", "f"]


def test_what_others_put_there_is_no_key(wrap: Callable[..., Any]) -> None:
    """It has no partition, or not its own."""
    store = wrap("prefix_partitioned", inner=zb.get_backend("memory").create())
    store.inner.set("README", b"")
    store.inner.set("z/c/0", b"")
    assert list(store.list_keys()) == []
