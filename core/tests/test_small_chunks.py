"""Small chunks are decoded several at a time, and nobody can tell but by the clock."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import zarr_backends as zb
from zarr_backends._format.codecs.pipeline import CodecPipeline, build_pipeline
from zarr_backends._format.metadata.parsing import parse_metadata


@pytest.fixture
def array() -> zb.Array:
    """Return an array of 40 small chunks, some of them not stored."""
    array = zb.create("memory:", shape=(80, 6), chunks=(4, 3), dtype="int32", fill_value=-1)
    array[...] = np.arange(480).reshape(80, 6)
    array[8:20, :3] = -1
    return array


def pipeline_of(array: zb.Array) -> CodecPipeline:
    """Return the codecs of an array."""
    metadata = parse_metadata(array.metadata)
    return build_pipeline(metadata.codecs, metadata.chunk_spec())


def test_small_chunks_are_decoded_together(array: zb.Array) -> None:
    """The pipeline gives several chunks at once what it gives them one by one."""
    pipeline = pipeline_of(array)
    raw = [array.backend.read_chunk(index) for index in sorted(array.backend.list_chunks())]
    assert pipeline.decodes_many
    together = pipeline.decode_many(raw)
    assert together is not None
    for chunk, data in zip(together, raw, strict=True):
        np.testing.assert_array_equal(chunk, pipeline.decode(data))


def test_every_selection_reads_as_it_was_written(array: zb.Array) -> None:
    """Whole, cut and reversed chunks, stored or not, come where they belong."""
    expected = np.arange(480).reshape(80, 6)
    expected[8:20, :3] = -1
    for key in (np.s_[...], np.s_[3:77:5, ::-1], np.s_[:, 2], np.s_[::-1]):
        np.testing.assert_array_equal(array[key], expected[key])


@pytest.mark.parametrize("damage", [b"", b"x", b"\x28\xb5\x2f\xfd", b"tail"])
def test_one_damaged_chunk_among_many_is_named(array: zb.Array, damage: bytes) -> None:
    """Whatever is wrong with it, the error is that of reading it alone."""
    good = bytes(array.backend.read_chunk((7, 1)))
    array.backend.write_chunk((7, 1), good + damage if damage == b"tail" else damage)
    with pytest.raises(zb.ChunkCorruptionError, match=r"chunk \(7, 1\)"):
        array[...]


def test_chunks_of_several_frames_are_read(array: zb.Array) -> None:
    """A chunk that another writer put together of two frames is data like any other."""
    codec = pipeline_of(zb.create("memory:", shape=(2, 3), chunks=(2, 3), dtype="int32"))
    halves = [np.full((2, 3), value, dtype="int32") for value in (5, 6)]
    array.backend.write_chunk((0, 0), b"".join(bytes(codec.encode(half)) for half in halves))
    np.testing.assert_array_equal(array[0:4, 0:3], np.concatenate(halves))


@pytest.mark.parametrize("compressor", ["auto", None])
def test_small_chunks_in_files_are_read_together(tmp_path: Path, compressor: str | None) -> None:
    """Compressed or not, a missing chunk is fill values and a damaged one is named."""
    path = tmp_path / "a.zarr"
    a = zb.create(path, shape=(60, 6), chunks=(4, 3), dtype="int32", compressor=compressor)
    a[...] = expected = np.arange(360, dtype="int32").reshape(60, 6)
    a[8:20, :3] = expected[8:20, :3] = 0
    np.testing.assert_array_equal(a[...], expected)
    np.testing.assert_array_equal(a[3:50:5, ::-1], expected[3:50:5, ::-1])
    (path / "c" / "7" / "1").write_bytes(b"x")
    with pytest.raises(zb.ChunkCorruptionError, match=r"chunk \(7, 1\)"):
        a[...]


@pytest.mark.parametrize("dtype", ["float64", "string"])
def test_large_results_are_what_was_written(dtype: str) -> None:
    """Memory that threads prepare beforehand holds nothing but what was read."""
    a = zb.create("memory:", shape=(1100, 1000), chunks=(300, 300), dtype=dtype, fill_value="7")
    a[200:900, 100:] = 5
    found = np.asarray(a[...])
    assert (found[200:900, 100:] == np.asarray(5, a.dtype)).all()
    assert (found[:200] == np.asarray(7, a.dtype)).all()
