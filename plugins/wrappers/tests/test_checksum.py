"""Checksums: every bit that changes is found, in whole values and in parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zarr_backends as zb
from zarr_backends_wrappers._sealing import BLOCK_NBYTES


@pytest.mark.parametrize("nbytes", [0, 1, 1000])
def test_every_changed_byte_of_what_is_stored_is_found(
    wrap: Callable[..., Any], nbytes: int
) -> None:
    """Of the value, and of the checksums behind it."""
    store = wrap("checksum")
    store.write_chunk((3,), bytes(nbytes))
    stored = bytes(store.inner.read_chunk((3,)))
    for position in range(len(stored)):
        changed = bytearray(stored)
        changed[position] ^= 4
        store.inner.write_chunk((3,), changed)
        with pytest.raises(zb.ChunkCorruptionError) as caught:
            store.read_chunk((3,))
        assert caught.value.index == (3,)
    store.inner.write_chunk((3,), stored)
    assert bytes(store.read_chunk((3,))) == bytes(nbytes)


def test_every_length_that_is_not_the_right_one_is_found(wrap: Callable[..., Any]) -> None:
    """Too short, too long, empty."""
    store = wrap("checksum")
    store.write_chunk((3,), b"value")
    stored = bytes(store.inner.read_chunk((3,)))
    for wrong in [*(stored[:n] for n in range(len(stored))), stored + b"\0", b"\0" + stored]:
        store.inner.write_chunk((3,), wrong)
        with pytest.raises(zb.ChunkCorruptionError, match=r"chunk \(3,\) \(key 'c/3'\) is damaged"):
            store.read_chunk((3,))


@pytest.fixture
def large() -> Any:
    """Return a value of a few blocks."""
    return np.random.default_rng(1).bytes(3 * BLOCK_NBYTES + 1000)


@pytest.mark.parametrize("via", ["read_chunk_range", "open_chunk"])
def test_parts_are_checked_by_the_blocks_around_them(
    wrap: Callable[..., Any], large: bytes, via: str
) -> None:
    """A damaged block is found by whoever reads of it, and by nobody else."""
    store = wrap("checksum")
    store.write_chunk((0,), large)
    stored = bytearray(store.inner.read_chunk((0,)))
    stored[BLOCK_NBYTES + 77] ^= 1
    store.inner.write_chunk((0,), stored)

    def read(start: int, stop: int) -> Any:
        if via == "read_chunk_range":
            return bytes(store.read_chunk_range((0,), start, stop))
        with store.open_chunk((0,)) as snapshot:
            assert snapshot.nbytes == len(large)
            return bytes(snapshot.read(start, stop))

    for start, stop in ((5, 10), (2 * BLOCK_NBYTES, len(large)), (9, 9)):
        assert read(start, stop) == large[start:stop]
    for start, stop in ((BLOCK_NBYTES, BLOCK_NBYTES + 1), (10, len(large))):
        with pytest.raises(zb.ChunkCorruptionError):
            read(start, stop)


def test_sizes_are_those_of_the_values(wrap: Callable[..., Any], large: bytes) -> None:
    """Without what stands behind them."""
    store = wrap("checksum")
    store.write_chunk((0,), large)
    assert store.chunk_nbytes((0,)) == len(large)
    assert store.inner.chunk_nbytes((0,)) > len(large)


def test_an_array_names_the_chunk(wrap: Callable[..., Any]) -> None:
    """As of any codec error."""
    store = wrap("checksum", inner=zb.get_backend("memory").create())
    a = zb.create(store, shape=(4, 4), chunks=2, dtype="int16")
    a[...] = 7
    store.inner.set("c/1/0", bytes(store.inner.get("c/1/0"))[::-1])
    with pytest.raises(zb.ChunkCorruptionError) as caught:
        a[...]
    assert caught.value.index == (1, 0)


def test_a_value_without_checksums_is_damaged(wrap: Callable[..., Any]) -> None:
    """It was written by something else."""
    store = wrap("checksum")
    store.inner.write_chunk((0,), b"plain")
    with pytest.raises(zb.ChunkCorruptionError, match="written by something else"):
        store.read_chunk((0,))
