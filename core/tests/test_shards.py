"""Shards are read in parts, from one version, and built without losing their other chunks."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bare_backend import BareBackend

import zarr_backends as zb

ZSTD = {"name": "zstd", "configuration": {"level": 1}}
BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
NESTED = [
    {
        "name": "sharding_indexed",
        "configuration": {
            "chunk_shape": [8],
            "codecs": [
                {
                    "name": "sharding_indexed",
                    "configuration": {"chunk_shape": [2], "codecs": [BYTES, ZSTD]},
                }
            ],
            "index_location": "start",
        },
    }
]


class RangeBackend(BareBackend):
    """Reads ranges, each of the version that is current, and counts the bytes it gives."""

    def __init__(self) -> None:
        """Start at zero bytes."""
        super().__init__()
        self.nbytes = 0
        self.between: list[Any] = []

    def read_chunk_range(
        self, index: zb.ChunkIndex, start: int, stop: int | None = None
    ) -> zb.Buffer:
        """Return a slice, and let what was planned happen after it."""
        part = bytes(self.read_chunk(index))[start:stop]
        self.nbytes += len(part)
        if self.between:
            self.between.pop(0)()
        return part


def sharded(target: Any, **words: Any) -> zb.Array:
    """Return an array of one shard of 64 inner chunks with a number each."""
    words = {"compressor": None, **words}
    array = zb.create(target, shape=(6400,), chunks=(100,), shards=(6400,), dtype="int32", **words)
    array[...] = np.repeat(np.arange(1, 65), 100)
    return array


def test_a_small_selection_reads_the_index_and_its_inner_chunks() -> None:
    """Of a shard of 26 KB, an element costs its chunk of 400 bytes and two looks at the index."""
    backend = RangeBackend()
    array = sharded(backend)
    backend.calls, backend.nbytes = Counter(), 0
    assert array[250] == 3
    assert backend.nbytes == 400 + 2 * (64 * 16 + 4)


def test_neighbouring_inner_chunks_are_read_together() -> None:
    """Ten chunks in a row are one read beside those of the index."""
    backend = RangeBackend()
    array = sharded(backend)
    backend.calls = Counter()
    assert sorted(set(array[1000:2000].tolist())) == list(range(11, 21))
    assert backend.calls["read_chunk"] == 3


def test_a_shard_that_is_replaced_between_two_reads_is_read_again() -> None:
    """The index of one version is never used with the bytes of another."""
    backend = RangeBackend()
    array = sharded(backend, compressor="zstd")

    def replace() -> None:
        array[...] = np.random.default_rng(1).integers(100, 9999, 6400)

    backend.between = [replace]
    value = array[250]
    assert value == zb.open(backend)[250] >= 100


@pytest.mark.parametrize("place", ["memory", "filesystem", "zip"])
def test_readers_of_a_changing_shard_see_one_version(place: str, tmp_path: Path) -> None:
    """While shards of different layout follow each other, every inner chunk is whole."""
    targets = {"memory": "memory:", "filesystem": tmp_path / "a", "zip": tmp_path / "a.zip"}
    array = sharded(targets[place])
    stop = threading.Event()

    def write() -> None:
        value = 0
        while not stop.is_set():
            value += 1
            array[...] = value
            array[: 100 * (value % 60)] = 0
            array[...] = np.where(np.arange(6400) % 200 < 100, value, 0)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            block = array[250:290]
            assert (block == block[0]).all()
    finally:
        stop.set()
        writer.join()
    array.close()


def test_shards_inside_shards_read_and_write_parts() -> None:
    """An inner chunk may be a shard itself, its index before or behind."""
    array = zb.create("memory:", shape=(64,), chunks=(32,), codecs=NESTED, dtype="int32")
    array[...] = np.arange(64)
    array[3:9] = -1
    expected = np.arange(64)
    expected[3:9] = -1
    np.testing.assert_array_equal(array[...], expected)
    assert array[60] == 60
    assert (array.chunks, array.shards) == ((8,), (32,))


def test_inner_chunks_of_fill_values_take_no_room() -> None:
    """They are left out of the index, and the last one takes the shard with it."""
    array = sharded("memory:")
    before = array.nbytes_stored
    array[0:3200] = 0
    assert array.nbytes_stored == before - 32 * 400
    array[3200:] = 0
    assert array.nchunks_initialized == 0


def test_a_damaged_shard_names_the_chunk(tmp_path: Path) -> None:
    """An index that fails its checksum, or a shard that is cut off, raises."""
    array = sharded(tmp_path / "a")
    path = tmp_path / "a" / "c" / "0"
    raw = path.read_bytes()
    for damaged in (raw[:500], raw[:-1], raw[:-9] + b"x" + raw[-8:]):
        path.write_bytes(damaged)
        with pytest.raises(zb.ChunkCorruptionError, match=r"chunk \(0,\)"):
            array[250]
        with pytest.raises(zb.ChunkCorruptionError, match=r"chunk \(0,\)"):
            array[250] = 1
    assert path.read_bytes() == damaged
