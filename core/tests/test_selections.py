"""Selections are cut along any chunk grid without losing or doubling an element."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from zarr_backends import ConfigurationError
from zarr_backends._format.chunks.grid import chunk_region, grid_indices, grid_shape
from zarr_backends._format.chunks.indexing import (
    basic_selection,
    orthogonal_selection,
    select,
    vectorized_selection,
)
from zarr_backends._format.chunks.selections import Selection

SHAPES = npst.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=12)


def assembled(selection: Selection, source: np.ndarray, chunk_shape: tuple[int, ...]) -> Any:
    """Return what the projections of a selection put together out of the chunks of `source`."""
    out = np.full(selection.shape, -1, dtype=source.dtype)
    for index, chunk_key, out_key, whole in selection.projections(chunk_shape):
        chunk = source[chunk_region(index, source.shape, chunk_shape)]
        part = chunk[selection.numpy_key(chunk_key)]
        assert not whole or part.size == chunk.size
        out[out_key] = part
    return out.reshape(selection.result_shape)


def numbered(shape: tuple[int, ...]) -> np.ndarray:
    """Return an array whose elements all differ."""
    return np.arange(int(np.prod(shape))).reshape(shape)


@settings(deadline=None, max_examples=500)
@given(data=st.data(), shape=SHAPES)
def test_a_basic_selection_equals_numpys(data: st.DataObject, shape: tuple[int, ...]) -> None:
    """Integers, slices with steps either way and an ellipsis select what NumPy selects."""
    source = numbered(shape)
    chunks = tuple(data.draw(st.integers(1, 13)) for _ in shape)
    key = data.draw(npst.basic_indices(shape, allow_newaxis=False))
    np.testing.assert_array_equal(
        assembled(basic_selection(key, shape), source, chunks), source[key]
    )


@settings(deadline=None, max_examples=300)
@given(data=st.data(), shape=npst.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=12))
def test_an_orthogonal_selection_equals_an_outer_product(
    data: st.DataObject, shape: tuple[int, ...]
) -> None:
    """Integers, slices, unsorted arrays and masks are each applied to their own dimension."""
    source = numbered(shape)
    chunks = tuple(data.draw(st.integers(1, 13)) for _ in shape)
    key = tuple(data.draw(orthogonal_item(n)) for n in shape)
    expected = source
    for axis in reversed(range(len(shape))):
        expected = expected[(slice(None),) * axis + (key[axis],)]
    actual = assembled(orthogonal_selection(key, shape), source, chunks)
    np.testing.assert_array_equal(actual, expected)


def orthogonal_item(n: int) -> st.SearchStrategy[Any]:
    """Return what may index a dimension of length `n`."""
    return st.one_of(
        st.integers(-n, n - 1),
        st.slices(n),
        st.lists(st.integers(-n, n - 1), max_size=8),
        npst.arrays(bool, n),
    )


@settings(deadline=None, max_examples=300)
@given(data=st.data(), shape=npst.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=12))
def test_a_vectorized_selection_equals_numpys(data: st.DataObject, shape: tuple[int, ...]) -> None:
    """Coordinates that broadcast, repeat and fall select what NumPy selects."""
    source = numbered(shape)
    chunks = tuple(data.draw(st.integers(1, 13)) for _ in shape)
    key = data.draw(npst.integer_array_indices(shape))
    actual = assembled(vectorized_selection(key, shape), source, chunks)
    np.testing.assert_array_equal(actual, source[key])


@settings(deadline=None, max_examples=100)
@given(data=st.data(), shape=SHAPES)
def test_a_mask_selects_its_true_elements(data: st.DataObject, shape: tuple[int, ...]) -> None:
    """A boolean array of the array's shape gives a flat result in C order."""
    source = numbered(shape)
    chunks = tuple(data.draw(st.integers(1, 13)) for _ in shape)
    mask = data.draw(npst.arrays(bool, shape))
    np.testing.assert_array_equal(assembled(select(mask, shape), source, chunks), source[mask])


@pytest.mark.parametrize(
    "key", [((0, 0),), (0, 0, 0), ("x",), (None,), (1.5,), (True,), (4,), (-5,)]
)
def test_what_numpy_refuses_is_refused(key: Any) -> None:
    """Too many, foreign and outlying entries raise IndexError."""
    with pytest.raises(IndexError):
        select(key, (4, 4))


def test_mixtures_that_move_dimensions_are_refused() -> None:
    """An array and an integer around a slice say which index to use instead."""
    with pytest.raises(IndexError, match="oindex"):
        select(([0, 1], slice(None), 0), (4, 4, 4))


def test_a_zero_dimensional_array_has_one_chunk() -> None:
    """Its only projection is whole."""
    (projection,) = basic_selection((), ()).projections(())
    assert projection == ((), (), (), True)


def test_a_large_step_visits_only_chunks_that_hold_elements() -> None:
    """Chunks that a step leaps over are left out."""
    indices = [p.index[0] for p in basic_selection(slice(0, 100, 40), (100,)).projections((10,))]
    assert indices == [0, 4, 8]


def test_a_selection_of_endless_chunks_is_refused() -> None:
    """Writing all of a sparse array of 10^18 elements is answered, not attempted."""
    selection = basic_selection((..., slice(None)), (10**9, 10**9))
    with pytest.raises(ConfigurationError, match="chunks"):
        next(selection.projections((1, 10)))


def test_grids_count_partial_and_no_chunks() -> None:
    """A partial edge chunk counts, an empty dimension has none."""
    assert grid_shape((10, 0, 3), (4, 1, 3)) == (3, 0, 1)
    assert list(grid_indices((3,), (2,))) == [(0,), (1,)]
