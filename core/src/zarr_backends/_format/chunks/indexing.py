"""What users write between brackets, checked and made explicit.

Source: NumPy's indexing rules (basic, boolean, integer arrays), zarr-python's ``oindex`` and
``vindex``.
"""

from __future__ import annotations

from operator import index as as_int
from typing import Any

import numpy as np

from zarr_backends._format.chunks.grid import Shape
from zarr_backends._format.chunks.selections import (
    BasicSelection,
    Entry,
    Integers,
    OrthogonalSelection,
    Selection,
    VectorizedSelection,
)

__all__ = [
    "basic_selection",
    "is_element",
    "orthogonal_selection",
    "select",
    "vectorized_selection",
]


def select(key: Any, shape: Shape) -> Selection:
    """Return the selection that ``array[key]`` means, by NumPy's rules.

    Integers, slices and an ellipsis are basic. A boolean mask of the array's shape, or one
    integer array a dimension, picks single elements. A single array among slices is
    applied to its dimension. Other mixtures, which NumPy answers with moved dimensions,
    are refused.

    Raises:
        IndexError: `key` leaves the array, has too many entries, or is of another kind.
    """
    items = key if isinstance(key, tuple) else (key,)
    arrays = [np.asarray(item) for item in items if _is_array(item)]
    if not arrays:
        return basic_selection(items, shape)
    is_mask = len(items) == 1 and arrays[0].dtype == bool and arrays[0].shape == shape
    is_points = len(items) == len(shape) and all(_is_array(i) or _is_int(i) for i in items)
    if is_mask or is_points:
        return vectorized_selection(items, shape)
    if len(arrays) == 1 and not any(_is_int(item) for item in items):
        return orthogonal_selection(items, shape)
    message = "arrays and integers can't be mixed with slices so; use .oindex[...] or .vindex[...]"
    raise IndexError(message)


def is_element(key: Any, shape: Shape) -> bool:
    """Whether `key` is a tuple of plain, non-negative numbers of one element within `shape`."""
    if type(key) is not tuple or len(key) != len(shape):
        return False
    for number, length in zip(key, shape, strict=True):
        if type(number) is not int or not 0 <= number < length:
            return False
    return True


def basic_selection(key: Any, shape: Shape) -> BasicSelection:
    """Return a selection by integers, slices and at most one ellipsis.

    Raises:
        IndexError: An entry is of another kind or leaves the array, or there are too many.
    """
    items = _expanded(key, shape)
    entries = tuple(_basic(items[axis], n, axis) for axis, n in enumerate(shape))
    result = tuple(_length(entry) for entry in entries if isinstance(entry, slice))
    return BasicSelection(shape, entries, result, result)


def orthogonal_selection(key: Any, shape: Shape) -> OrthogonalSelection:
    """Return a selection by an integer, slice, integer array or boolean mask a dimension.

    Raises:
        IndexError: An entry is of another kind or leaves the array, or there are too many.
    """
    items = _expanded(key, shape)
    entries = tuple(
        (_coordinates if _is_array(items[axis]) else _basic)(items[axis], n, axis)
        for axis, n in enumerate(shape)
    )
    if any(isinstance(entry, np.ndarray) and entry.ndim != 1 for entry in entries):
        message = "each array of an orthogonal index must have one dimension; see .vindex[...]"
        raise IndexError(message)
    lengths = tuple(_length(entry) for entry in entries)
    result = tuple(n for n, e in zip(lengths, entries, strict=True) if not isinstance(e, int))
    return OrthogonalSelection(shape, entries, lengths, result)


def vectorized_selection(key: Any, shape: Shape) -> VectorizedSelection:
    """Return a selection of single elements, by coordinates or by a mask of the array's shape.

    Args:
        key: One integer or integer array a dimension, which are broadcast against each
            other, or one boolean array of the shape `shape`.
        shape: Shape of the array.

    Returns:
        A selection whose buffer is flat.

    Raises:
        IndexError: Anything else, or coordinates outside the array.
    """
    items = key if isinstance(key, tuple) else (key,)
    if len(items) == 1 and np.asarray(items[0]).dtype == bool:
        mask = np.asarray(items[0])
        if mask.shape != shape:
            message = f"a boolean mask must have the array's shape {shape}, not {mask.shape}"
            raise IndexError(message)
        items = mask.nonzero() if shape else (np.zeros(int(mask), dtype=np.intp),)
        shape_of_points = (len(items[0]),)
        entries: tuple[Integers, ...] = tuple(items) if shape else ()
        return VectorizedSelection(shape, entries, shape_of_points, shape_of_points)
    if len(items) != len(shape):
        message = f"vindex takes one integer array a dimension ({len(shape)}), not {len(items)}"
        raise IndexError(message)
    points = [_coordinates(items[axis], n, axis) for axis, n in enumerate(shape)]
    crossed = np.broadcast_arrays(*points) if points else []
    result = crossed[0].shape if crossed else ()
    entries = tuple(coordinates.reshape(-1) for coordinates in crossed)
    return VectorizedSelection(shape, entries, (len(entries[0]) if entries else 1,), result)


# --- One entry --------------------------------------------------------------------------


def _expanded(key: Any, shape: Shape) -> tuple[Any, ...]:
    """Return one item a dimension: the ellipsis and missing items become whole slices."""
    items = key if isinstance(key, tuple) else (key,)
    ellipses = [at for at, item in enumerate(items) if item is Ellipsis]
    if len(ellipses) > 1:
        message = "an index can only have a single ellipsis ('...')"
        raise IndexError(message)
    at = ellipses[0] if ellipses else len(items)
    given = len(items) - len(ellipses)
    if given > len(shape):
        message = f"too many indices: the array has {len(shape)} dimensions, {given} were indexed"
        raise IndexError(message)
    return (*items[:at], *[slice(None)] * (len(shape) - given), *items[at + len(ellipses) :])


def _basic(item: Any, length: int, axis: int) -> int | slice:
    """Return an integer or slice with explicit, non-negative bounds."""
    if isinstance(item, slice):
        try:
            start, stop, step = item.indices(length)
        except TypeError as error:
            message = f"slice bounds of dimension {axis} must be integers or None, not {item!r}"
            raise IndexError(message) from error
        return slice(start, stop, step)
    if not _is_int(item):
        message = (
            f"dimension {axis} can't be indexed by {item!r:.80}: take integers, slices and '...', "
            "or .oindex and .vindex for arrays"
        )
        raise IndexError(message)
    number = as_int(item)
    if not -length <= number < length:
        message = f"index {number} is out of bounds for dimension {axis} of length {length}"
        raise IndexError(message)
    return number % length


def _coordinates(item: Any, length: int, axis: int) -> Integers:
    """Return an integer array whose elements lie in the dimension; a 1-d mask is taken too."""
    array = np.asarray(item)
    if array.dtype == bool:
        if array.shape != (length,):
            message = f"a mask of dimension {axis} must have shape ({length},), not {array.shape}"
            raise IndexError(message)
        return array.nonzero()[0]
    if array.size == 0:
        return array.astype(np.intp)
    if array.dtype.kind not in "iu":
        message = f"dimension {axis} can't be indexed by an array of {array.dtype}; take integers"
        raise IndexError(message)
    low, high = int(array.min()), int(array.max())
    if low < -length or high >= length:
        outside = low if low < -length else high
        message = f"index {outside} is out of bounds for dimension {axis} of length {length}"
        raise IndexError(message)
    array = array.astype(np.intp)
    return np.where(array < 0, array + length, array) if low < 0 else array


def _is_array(item: Any) -> bool:
    """Whether an item is a list or array of one or more dimensions, or a 0-d boolean array."""
    if isinstance(item, list):
        return True
    return isinstance(item, np.ndarray) and (item.ndim > 0 or item.dtype == bool)


def _is_int(item: Any) -> bool:
    """Whether an item is an integer; booleans and arrays are none."""
    is_bool = isinstance(item, bool | np.bool_)
    return hasattr(item, "__index__") and not is_bool and not _is_array(item)


def _length(entry: Entry) -> int:
    """Return how many elements an entry selects."""
    if isinstance(entry, slice):
        return len(range(entry.start, entry.stop, entry.step))
    return len(entry) if isinstance(entry, np.ndarray) else 1
