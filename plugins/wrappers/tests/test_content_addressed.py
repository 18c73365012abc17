"""Content addressing: equal chunks once, verified, and swept without losing anything."""

from __future__ import annotations

import itertools
import random
import threading
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


def test_a_sweep_takes_two_steps(wrap: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """It condemns what nobody refers to, and removes it a grace later."""
    store = wrap("content_addressed", grace_s=60)
    store.write_chunk((0,), b"old")
    store.write_chunk((0,), b"new")
    assert store.sweep()[:] == (0, 0, 1, 1)
    assert store.sweep()[:] == (0, 0, 1, 1)
    now = time.time() + 61
    monkeypatch.setattr("zarr_backends_wrappers._content_addressed.time.time", lambda: now)
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
    wrap: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Few contents, many overwrites; each write is within a second of a clock of our own."""
    inner = zb.get_backend("filesystem").create(path=tmp_path)
    store = wrap("content_addressed", inner=inner, grace_s=2)
    seconds = itertools.count(1)
    barrier = threading.Barrier(4, lambda: monkeypatch.setattr(time, "time", clock(next(seconds))))
    last, removed = {}, []

    def write(i: int) -> None:
        chance = random.Random(i)  # noqa: S311  # not for secrecy
        for _ in range(60):
            last[i] = bytes([chance.randrange(3)]) * 100
            store.set(f"c/{i}", last[i])
            barrier.wait(60)

    def sweep(writers: list[Any]) -> None:
        while not all(writer.done() for writer in writers):
            removed.append(store.sweep().removed)

    monkeypatch.setattr(time, "time", clock(0))
    with ThreadPoolExecutor(4) as threads:
        sweep([threads.submit(write, i) for i in range(4)])
    assert {i: bytes(store.get(f"c/{i}")) for i in range(4)} == last
    assert any(removed)


def clock(seconds: int) -> Callable[[], float]:
    """Return a clock that stands still."""
    return lambda: float(seconds)


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
