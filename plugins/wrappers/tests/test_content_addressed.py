"""Content addressing: equal chunks once, verified, and swept without losing anything."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import zarr_backends as zb


def test_equal_chunks_are_stored_once(wrap: Callable[..., Any]) -> None:
    """And the statistics say what that saves."""
    store = wrap("content_addressed")
    for i in range(100):
        store.write_chunk((i,), bytes([i % 5]) * 1000)
    found = store.statistics()
    assert (found.values, found.blobs) == (100, 5)
    assert (found.nbytes, found.stored_nbytes, found.saved_nbytes) == (100_000, 5000, 95_000)


@pytest.mark.parametrize("algorithm", ["sha256", "blake3"])
def test_damaged_blobs_are_found_and_replaced_by_the_next_write(
    wrap: Callable[..., Any], algorithm: str
) -> None:
    """Who writes the same content again is not referred to the damaged blob."""
    store = wrap("content_addressed", algorithm=algorithm)
    store.write_chunk((0,), b"value")
    blob = next(key for key in store.inner.list_keys() if "blobs" in key)
    store.inner.set(blob, b"vaLue")
    with pytest.raises(zb.ChunkCorruptionError) as caught:
        store.read_chunk((0,))
    assert caught.value.index == (0,)
    store.write_chunk((0,), b"value")
    assert bytes(store.read_chunk((0,))) == b"value"


def test_older_digests_stay_readable(wrap: Callable[..., Any], memory: Callable[..., Any]) -> None:
    """Whatever is chosen for new values."""
    inner = memory()
    wrap("content_addressed", inner=inner, algorithm="blake3").write_chunk((0,), b"value")
    assert bytes(wrap("content_addressed", inner=inner).read_chunk((0,))) == b"value"


def test_a_sweep_takes_two_steps(wrap: Callable[..., Any]) -> None:
    """It condemns what nobody refers to, and removes it a grace later."""
    store = wrap("content_addressed", grace_s=0.1)
    store.write_chunk((0,), b"old")
    store.write_chunk((0,), b"new")
    assert store.sweep()[:] == (0, 0, 1, 1)
    assert store.sweep()[:] == (0, 0, 1, 1)
    time.sleep(0.12)
    assert store.sweep()[:] == (1, 3, 0, 1)
    assert store.statistics().blobs == 1
    assert bytes(store.read_chunk((0,))) == b"new"


def test_what_is_condemned_is_not_referred_to_again(wrap: Callable[..., Any]) -> None:
    """The same content gets a blob of its own."""
    store = wrap("content_addressed", grace_s=0.0)
    store.write_chunk((0,), b"same")
    store.delete_chunk((0,))
    store.sweep()
    store.write_chunk((0,), b"same")
    assert store.sweep().removed == 1
    assert bytes(store.read_chunk((0,))) == b"same"


def test_what_is_referred_to_in_the_last_moment_is_spared(wrap: Callable[..., Any]) -> None:
    """By a writer who had looked before the blob was condemned."""
    store = wrap("content_addressed", grace_s=0.0)
    store.write_chunk((0,), b"same")
    reference = store.inner.get("c/0")
    store.delete_chunk((0,))
    assert store.sweep().condemned == 1
    store.inner.set("c/0", reference)
    assert store.sweep()[:] == (0, 0, 0, 1)
    assert bytes(store.read_chunk((0,))) == b"same"


def test_nothing_is_lost_when_threads_write_while_others_sweep(
    wrap: Callable[..., Any], tmp_path: Path
) -> None:
    """Few contents, many overwrites, a grace longer than a write."""
    inner = zb.get_backend("filesystem").create(path=tmp_path)
    store = wrap("content_addressed", inner=inner, grace_s=0.5)
    end = time.monotonic() + 4
    last = {}

    def write(i: int) -> None:
        chance = random.Random(i)  # noqa: S311  # not for secrecy
        while time.monotonic() < end:
            last[i] = bytes([chance.randrange(3)]) * 100
            store.set(f"c/{i}", last[i])

    def sweep(_: Any) -> None:
        while time.monotonic() < end:
            store.sweep()

    with ThreadPoolExecutor(5) as threads:
        list(threads.map(lambda i: (write if i < 4 else sweep)(i), range(5)))
    assert {i: bytes(store.get(f"c/{i}")) for i in range(4)} == last


def test_what_is_not_a_reference_is_corrupt(wrap: Callable[..., Any]) -> None:
    """And so is a reference to nothing."""
    store = wrap("content_addressed")
    store.inner.write_chunk((0,), b"plain")
    with pytest.raises(zb.CorruptStorageError, match="holds no reference"):
        store.read_chunk((0,))
    store.write_chunk((1,), b"value")
    store.inner.delete(next(key for key in store.inner.list_keys() if "blobs" in key))
    for read in (store.read_chunk, lambda i: store.read_chunk_range(i, 0, 1)):
        with pytest.raises(zb.CorruptStorageError, match="which is not there"):
            read((1,))


def test_its_own_keys_are_not_for_others(wrap: Callable[..., Any]) -> None:
    """They are not listed, and cannot be written."""
    store = wrap("content_addressed")
    store.write_chunk((0,), b"value")
    assert sorted(store.list_keys()) == ["c/0", "zarr.json"]
    with pytest.raises(zb.ConfigurationError, match="for the use of 'content_addressed' itself"):
        store.set(".zarr-backends-blobs/x", b"")
