"""Reading and writing any selection of any array gives what NumPy gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import zarr_backends as zb

SHAPES = npst.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=11)


@dataclass
class Pair:
    """A stored array and the NumPy array that it must equal."""

    stored: zb.Array
    model: np.ndarray

    def check(self) -> None:
        """Compare all elements, read by this array and by another one on the same backend."""
        np.testing.assert_array_equal(self.stored[...], self.model)
        np.testing.assert_array_equal(zb.open(self.stored.backend)[...], self.model)


@st.composite
def pairs(draw: st.DrawFn, shapes: st.SearchStrategy[tuple[int, ...]] = SHAPES) -> Pair:
    """Return a filled array of random shape, chunks, shards, order and format."""
    shape = draw(shapes)
    chunks = tuple(draw(st.integers(1, 6)) for _ in shape)
    zarr_format = draw(st.sampled_from([2, 3]))
    sharded = zarr_format == 3 and draw(st.booleans())
    model = np.arange(1, 1 + int(np.prod(shape)), dtype="int32").reshape(shape)
    stored = zb.create(
        "memory:",
        shape=shape,
        chunks=chunks,
        shards=tuple(c * draw(st.integers(1, 3)) for c in chunks) if sharded else None,
        dtype="int32",
        fill_value=draw(st.sampled_from([0, -7])),
        order=draw(st.sampled_from("CF")),
        compressor=draw(st.sampled_from([None, "zstd"])),
        zarr_format=zarr_format,
    )
    stored[...] = model
    return Pair(stored, model.copy())


@settings(deadline=None, max_examples=300)
@given(pair=pairs(), data=st.data())
def test_basic_reads_equal_numpys(pair: Pair, data: st.DataObject) -> None:
    """Integers, slices with steps either way, and ellipses."""
    key = data.draw(npst.basic_indices(pair.model.shape, allow_newaxis=False))
    actual, expected = pair.stored[key], pair.model[key]
    np.testing.assert_array_equal(actual, expected)
    assert np.shape(actual) == np.shape(expected)


@settings(deadline=None, max_examples=300)
@given(pair=pairs(), data=st.data())
def test_basic_writes_equal_numpys(pair: Pair, data: st.DataObject) -> None:
    """Arrays, and scalars that are broadcast, are written where NumPy writes them."""
    key = data.draw(npst.basic_indices(pair.model.shape, allow_newaxis=False))
    value = data.draw(values(np.shape(pair.model[key])))
    pair.stored[key] = value
    pair.model[key] = value
    pair.check()


@settings(deadline=None, max_examples=200)
@given(pair=pairs(), data=st.data())
def test_orthogonal_access_equals_numpys(pair: Pair, data: st.DataObject) -> None:
    """``oindex`` reads and writes the outer product of arrays, masks and slices."""
    key = tuple(data.draw(orthogonal_item(n)) for n in pair.model.shape)
    crossed = np.ix_(
        *(np.atleast_1d(np.arange(n)[k]) for k, n in zip(key, pair.model.shape, strict=True))
    )
    dropped = tuple(axis for axis, item in enumerate(key) if isinstance(item, int))
    np.testing.assert_array_equal(pair.stored.oindex[key], pair.model[crossed].squeeze(dropped))
    pair.stored.oindex[key] = 99
    pair.model[crossed] = 99
    pair.check()


@settings(deadline=None, max_examples=200)
@given(pair=pairs(), data=st.data())
def test_vectorized_access_equals_numpys(pair: Pair, data: st.DataObject) -> None:
    """``vindex`` reads and writes single elements; of repeated ones the last value stays."""
    key = data.draw(npst.integer_array_indices(pair.model.shape))
    np.testing.assert_array_equal(pair.stored.vindex[key], pair.model[key])
    value = data.draw(values(pair.model[key].shape))
    pair.stored.vindex[key] = value
    pair.model[key] = value
    pair.check()


@settings(deadline=None, max_examples=100)
@given(pair=pairs(), data=st.data())
def test_masks_equal_numpys(pair: Pair, data: st.DataObject) -> None:
    """A boolean mask between plain brackets reads and writes its true elements."""
    mask = data.draw(npst.arrays(bool, pair.model.shape))
    np.testing.assert_array_equal(pair.stored[mask], pair.model[mask])
    pair.stored[mask] = -1
    pair.model[mask] = -1
    pair.check()


@settings(deadline=None, max_examples=100)
@given(
    pair=pairs(npst.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=9)), data=st.data()
)
def test_arrays_between_plain_brackets_equal_numpys(pair: Pair, data: st.DataObject) -> None:
    """One array among slices, a row mask, and one array a dimension mean what NumPy means."""
    rows = data.draw(st.lists(st.integers(0, pair.model.shape[0] - 1), min_size=1))
    columns = [0] * len(rows)
    row_mask = np.arange(pair.model.shape[0]) % 2 == 0
    for key in (rows, (slice(None), [1, 0]), (rows, columns), (rows, 1), row_mask):
        np.testing.assert_array_equal(pair.stored[key], pair.model[key])


def values(shape: tuple[int, ...]) -> st.SearchStrategy[Any]:
    """Return values of a shape, or one that broadcasts to it."""
    return st.one_of(
        st.integers(-5, 5),
        npst.arrays("int32", shape, elements=st.integers(-9, 9), fill=st.nothing()),
    )


def orthogonal_item(n: int) -> st.SearchStrategy[Any]:
    """Return what may index a dimension of length `n`."""
    return st.one_of(
        st.integers(-n, n - 1),
        st.slices(n),
        st.lists(st.integers(-n, n - 1), max_size=5),
        npst.arrays(bool, n),
    )
