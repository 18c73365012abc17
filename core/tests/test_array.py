"""What an array is and does besides indexing."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bare_backend import BareBackend

import zarr_backends as zb


@pytest.fixture(params=["memory", "filesystem", "zip", "bare"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Return a fresh place on each embedded backend, and on one that has ten members alone."""
    places = {
        "memory": f"memory://{tmp_path.name}",
        "filesystem": tmp_path / "a.zarr",
        "zip": tmp_path / "a.zip",
        "bare": BareBackend(),
    }
    return places[request.param]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_create_stores_metadata_at_once(target: Any, zarr_format: Any) -> None:
    """On every backend an array can be opened as soon as it was created."""
    with zb.create(target, shape=(4, 6), chunks=(2, 3), zarr_format=zarr_format) as array:
        again = zb.open(array.backend)
        assert (again.shape, again.chunks, again.zarr_format) == ((4, 6), (2, 3), zarr_format)


def test_properties_are_those_of_the_metadata() -> None:
    """An array tells shape, chunks, shards, dtype, names and sizes."""
    array = zb.create(
        "memory:", shape=(10, 8), chunks=(2, 4), shards=(4, 8), dtype=">f4", fill_value=1.5,
        dimension_names=("y", None), attributes={"units": "K"},
    )  # fmt: skip
    assert (array.ndim, array.size, array.itemsize, array.nbytes) == (2, 80, 4, 320)
    assert (array.chunks, array.shards, array.nchunks) == ((2, 4), (4, 8), 3)
    assert (array.dtype, array.fill_value) == (np.dtype("float32"), 1.5)
    assert array.dimension_names == ("y", None)
    assert (len(array), dict(array.attrs)) == (10, {"units": "K"})


def test_one_element_is_a_scalar() -> None:
    """Indexing every dimension by an integer gives NumPy's scalar, also of a 0-d array."""
    array = zb.create("memory:", shape=3, dtype="int8")
    point = zb.create("memory:", shape=(), dtype="int8")
    point[()] = 5
    assert isinstance(array[1], np.int8)
    assert point[()] == point[...] == 5


def test_zero_length_arrays_read_and_write_nothing() -> None:
    """A dimension of length zero is legal and holds nothing."""
    array = zb.create("memory:", shape=(0, 4), dtype="int8")
    array[...] = 1
    assert array[...].shape == (0, 4)
    assert array.nchunks_initialized == 0


def test_slices_by_corners() -> None:
    """get_slice and set_slice take the first element and the one past the last."""
    array = zb.create("memory:", shape=(5, 5), dtype="int8")
    array.set_slice(3, start=(1, 1), stop=(3, 5))
    assert array.get_slice(start=(0, 0), stop=(2, 2)).tolist() == [[0, 0], [0, 3]]
    with pytest.raises(zb.ConfigurationError, match="one number for each"):
        array.get_slice(start=(0,), stop=(2, 2))


def test_a_value_that_does_not_broadcast_is_refused() -> None:
    """The error names both shapes and nothing is written."""
    array = zb.create("memory:", shape=(4, 4))
    with pytest.raises(ValueError, match=r"\(3,\).*\(4, 4\)"):
        array[...] = np.ones(3)
    assert array.nchunks_initialized == 0


def test_leading_dimensions_of_length_one_are_dropped_from_a_value() -> None:
    """As in NumPy, a value may have more dimensions than the selection if they are 1."""
    array = zb.create("memory:", shape=4, dtype="int8")
    array[1:3] = np.ones((1, 1, 2))
    assert array[...].tolist() == [0, 1, 1, 0]


def test_attributes_persist_in_both_formats(target: Any) -> None:
    """Setting, updating and deleting attributes is seen by another array at once."""
    array = zb.create(target, shape=3, zarr_format=2, attributes={"a": 1})
    array.attrs["b"] = {"°C": [1, None, "x"]}
    array.attrs.update(c=np.float32(2.5), d=np.arange(2))
    del array.attrs["a"]
    expected = {"b": {"°C": [1, None, "x"]}, "c": 2.5, "d": [0, 1]}
    assert dict(zb.open(array.backend).attrs) == expected
    array.close()


def test_attributes_that_json_cannot_hold_are_refused() -> None:
    """NaN and objects raise a ValueError of ours, and the attributes stay as they were."""
    array = zb.create("memory:", shape=3)
    for value in (float("nan"), object(), {1, 2}):
        with pytest.raises((zb.MetadataError, zb.ConfigurationError)):
            array.attrs["x"] = value
    assert dict(array.attrs) == {}


def test_attributes_of_two_arrays_on_one_place_are_merged() -> None:
    """Each stores its change beside what the other has stored meanwhile, shape included."""
    first = zb.create("memory:", shape=3)
    second = zb.open(first.backend)
    first.resize(5)
    second.attrs["x"] = 1
    assert (second.shape, zb.open(first.backend).shape) == ((5,), (5,))


def test_whole_chunk_writes_never_read() -> None:
    """Only partly covered chunks are read before they are written."""
    backend = BareBackend()
    array = zb.create(backend, shape=(10,), chunks=(4,))
    array[0:10] = 1
    assert backend.calls["read_chunk"] == 0
    array[2:10] = 2
    assert backend.calls["read_chunk"] == 1


def test_chunks_of_fill_values_are_not_stored() -> None:
    """Writing fill values deletes; negative zero is not the fill value zero."""
    array = zb.create("memory:", shape=(8,), chunks=(4,))
    array[...] = 1
    array[0:4] = 0
    assert list(array.backend.list_chunks()) == [(1,)]
    array[0:4] = -0.0
    assert array.nchunks_initialized == 2


def test_a_shard_is_written_once_and_keeps_its_other_inner_chunks() -> None:
    """One call writes one shard once; untouched inner chunks keep their bytes."""
    backend = BareBackend()
    array = zb.create(backend, shape=(64,), chunks=(8,), shards=(64,), dtype="int32")
    array[...] = np.arange(64)
    array[3:29] = -1
    assert backend.calls["write_chunk"] == 2
    expected = np.arange(64)
    expected[3:29] = -1
    np.testing.assert_array_equal(array[...], expected)


def test_resizing_erases_what_is_cut_off(target: Any) -> None:
    """Shrinking and growing again brings back fill values, not old data."""
    with zb.create(target, shape=(6, 6), chunks=(4, 4), dtype="int8", fill_value=9) as array:
        array[...] = 1
        array.resize(3, 5)
        array.resize((6, 6))
        assert (array[:3, :5] == 1).all()
        assert (array[3:] == 9).all()
        assert (array[:, 5:] == 9).all()


@pytest.mark.parametrize("shape", [(3,), (-1, 2), (1, 2, 3)])
def test_a_shape_that_cannot_be_is_refused(shape: tuple[int, ...]) -> None:
    """Another number of dimensions and negative lengths raise ConfigurationError."""
    array = zb.create("memory:", shape=(2, 2))
    with pytest.raises(zb.ConfigurationError, match="resize"):
        array.resize(shape)


def test_append_returns_the_new_shape_and_refuses_what_does_not_fit() -> None:
    """Data is appended along any axis; a misfit changes nothing."""
    array = zb.create("memory:", shape=(2, 3), dtype="int8")
    assert array.append([[1, 2, 3]]) == (3, 3)
    assert array.append(np.ones((3, 2)), axis=1) == (3, 5)
    with pytest.raises(ValueError, match="appended"):
        array.append([[1, 2]])
    assert zb.open(array.backend)[2].tolist() == [1, 2, 3, 1, 1]


def test_iter_chunks_yields_every_region_once() -> None:
    """Ordered or not, all chunks come, unstored ones as fill values."""
    array = zb.create("memory:", shape=(5, 4), chunks=(2, 3), dtype="int8", fill_value=7)
    array[0] = 1
    for ordered in (True, False):
        copy = np.zeros((5, 4), dtype="int8")
        regions = []
        for region, block in array.iter_chunks(ordered=ordered):
            copy[region] = block
            regions.append((region[0].start, region[1].start))
        np.testing.assert_array_equal(copy, array[...])
        assert sorted(regions) == [(y, x) for y in (0, 2, 4) for x in (0, 3)]
        assert not ordered or regions == sorted(regions)


@pytest.mark.parametrize("ordered", [True, False])
def test_iter_chunks_never_skips_a_chunk_that_fails(ordered: bool) -> None:
    """The error of a damaged chunk is raised and names the chunk."""
    array = zb.create("memory:", shape=(6,), chunks=(2,))
    array[...] = 1
    array.backend.write_chunk((1,), b"damaged")
    with pytest.raises(zb.ChunkCorruptionError, match=r"\(1,\)") as caught:
        list(array.iter_chunks(ordered=ordered))
    assert caught.value.index == (1,)


def test_map_chunks_computes_on_every_chunk() -> None:
    """The results come with their regions, in order."""
    array = zb.create("memory:", shape=(6,), chunks=(2,), dtype="int64")
    array[...] = np.arange(6)
    assert [int(total) for _, total in array.map_chunks(np.sum)] == [1, 5, 9]


def test_a_read_only_array_refuses_every_change(target: Any) -> None:
    """Writing, resizing, appending and attributes raise PermissionDeniedError."""
    zb.create(target, shape=3, dtype="int8").close()
    array = zb.open(target, read_only=True)
    changes = [
        lambda: array.__setitem__(0, 1),
        lambda: array.oindex.__setitem__(0, 1),
        lambda: array.resize(4),
        lambda: array.append([1]),
        lambda: array.attrs.update(a=1),
    ]
    for change in changes:
        with pytest.raises(PermissionError, match="read-only"):
            change()
    assert array[...].tolist() == [0, 0, 0]


def test_an_array_survives_pickling(tmp_path: Path) -> None:
    """A pickled array reads and writes the same place."""
    for target in ("memory:", tmp_path / "a.zarr", tmp_path / "a.zip"):
        with zb.create(target, shape=3, dtype="int8", attributes={"k": 1}) as array:
            array[0] = 4
            twin = pickle.loads(pickle.dumps(array))
            twin[1] = 5
            assert array[...].tolist() == [4, 5, 0]
            assert dict(twin.attrs) == {"k": 1}


def test_numpy_takes_an_array() -> None:
    """np.asarray reads everything; a copy that must not be made is refused."""
    array = zb.create("memory:", shape=(2, 2), dtype="int8", fill_value=3)
    assert np.asarray(array).tolist() == [[3, 3], [3, 3]]
    assert np.asarray(array, dtype="float64").dtype == np.float64
    with pytest.raises(ValueError, match="copied"):
        np.asarray(array, copy=False)


def test_info_prints_one_line_a_fact() -> None:
    """The summary counts chunks and bytes and reads as a table."""
    array = zb.create("memory:", shape=(4,), chunks=(2,), dtype="int32", compressor=None)
    array[0] = 1
    info = array.info
    assert (info.nchunks, info.nchunks_initialized, info.nbytes_stored) == (2, 1, 8)
    assert array.nbytes_stored == 8
    assert "shape" in str(info)
    assert info.ratio == 2


def test_a_result_beyond_memory_is_refused() -> None:
    """An array of 10^18 elements opens; reading all of it is a clear error."""
    array = zb.create("memory:", shape=(10**9, 10**9), chunks=(1000, 1000))
    array[10**9 - 1, 5] = 2
    assert array[-1, 5] == 2
    with pytest.raises(zb.ConfigurationError, match="memory"):
        array[...]


def test_the_place_of_a_failed_create_is_unchanged(tmp_path: Path) -> None:
    """An impossible argument is found before anything is touched."""
    path = tmp_path / "a.zarr"
    zb.create(path, shape=3)[...] = 1
    with pytest.raises(zb.ZarrBackendsError):
        zb.create(path, shape=3, codecs=[{"name": "no-such-codec"}], overwrite=True)
    assert zb.open(path)[...].tolist() == [1, 1, 1]


def test_an_occupied_place_is_refused_unless_overwritten(target: Any) -> None:
    """create over an array raises; with overwrite=True no old chunk is left."""
    array = zb.create(target, shape=(4,), chunks=(2,), dtype="int8", zarr_format=2)
    array[...] = 1
    array.close()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        zb.create(target, shape=(4,), chunks=(2,), dtype="int8")
    with zb.create(target, shape=(4,), chunks=(1,), dtype="int8", overwrite=True) as array:
        assert array[...].tolist() == [0, 0, 0, 0]
        assert array.nchunks_initialized == 0


def test_overwriting_deletes_only_what_is_zarrs(tmp_path: Path) -> None:
    """A file of another kind in the same folder survives."""
    zb.create(tmp_path, shape=3)[...] = 1
    (tmp_path / "notes.txt").write_text("keep")
    zb.create(tmp_path, shape=3, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "keep"
    assert not (tmp_path / "c" / "0").exists()


def test_chunks_without_metadata_are_not_taken_over(tmp_path: Path) -> None:
    """Chunks that a lost array left behind would show up as data; create says so."""
    array = zb.create(tmp_path / "a", shape=3)
    array[...] = 1
    (tmp_path / "a" / "zarr.json").unlink()
    with pytest.raises(zb.ArrayExistsError, match="chunks without metadata"):
        zb.create(tmp_path / "a", shape=3)


def test_copies_hold_the_same_documents_and_bytes(target: Any, tmp_path: Path) -> None:
    """copy moves metadata and encoded chunks between any two backends."""
    with zb.create(target, shape=(5,), chunks=(2,), attributes={"a": 1}) as source:
        source[1:4] = 8
        steps: list[tuple[int, int]] = []
        copy = zb.copy(source, tmp_path / "b.zip", progress=lambda *step: steps.append(step))
        assert copy.metadata == source.metadata
        assert copy[...].tolist() == [0, 8, 8, 8, 0]
        assert steps[-1] == (2, 2)
        copy.close()


def test_an_open_backend_takes_no_options() -> None:
    """A connected backend beside options is a contradiction that is answered."""
    with pytest.raises(zb.ConfigurationError, match="no options"):
        zb.create(BareBackend(), shape=3, path="x")


def test_a_missing_array_is_not_found(tmp_path: Path) -> None:
    """open says so, as FileNotFoundError too, and creates nothing."""
    with pytest.raises(FileNotFoundError):
        zb.open(tmp_path / "nothing.zarr")
    assert list(tmp_path.iterdir()) == []


def test_fill_values_keep_their_last_bytes() -> None:
    """NULs at the end of a string are part of it, in unwritten and in partly written chunks."""
    array = zb.create("memory:", shape=4, chunks=4, dtype="string", fill_value="a\0")
    array[1] = "b"
    assert array[...].tolist() == ["a\0", "b", "a\0", "a\0"]
