"""Selections and their chunk projections.

A selection is what stands between the brackets, made explicit for one array shape:

1. `basic_selection`, `orthogonal_selection` or `vectorized_selection` checks what the user
   wrote and turns it into one entry a dimension;
2. `Selection.projections` cuts it along the chunk grid: for each chunk that is touched, the
   part of the chunk that is meant and the place in the result where it belongs;
3. the entries of a projection are a selection of the same kind inside the chunk, so that a
   shard is cut into its inner chunks by the same step (`Selection.within`).

Results are assembled in a buffer of `Selection.shape`, which is `Selection.result_shape`
up to dimensions of length one and, for vectorized selections, flattening.

Source: NumPy's indexing rules; Zarr core specification 3, "Regular grids".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunks.grid import Shape
from zarr_backends.errors import ConfigurationError

__all__ = [
    "BasicSelection",
    "Entry",
    "OrthogonalSelection",
    "Projection",
    "Selection",
    "VectorizedSelection",
]

Integers: TypeAlias = NDArray[np.intp]
"""Coordinates along one dimension, each within the dimension."""

Entry: TypeAlias = int | slice | Integers
"""What is selected of one dimension: slices have explicit bounds and a step other than 0."""

MAX_PROJECTIONS = 2**40
"""Chunks that one selection may touch; more is a slip (a whole sparse array of 10^18)."""


class Projection(NamedTuple):
    """What a selection takes of one chunk."""

    index: Shape  # type: ignore[assignment]  # hides tuple.index, which nobody calls on it
    """Chunk index."""
    chunk_key: tuple[Any, ...]
    """The part of the chunk, one `Entry` a dimension; see `Selection.numpy_key`."""
    out_key: Any
    """Where it belongs in the result, ready for NumPy."""
    whole: bool
    """Whether every element of the chunk that lies in the array is selected."""


class _Part(NamedTuple):
    """A projection along one dimension."""

    coordinate: int
    chunk_entry: Entry
    out_entry: Any
    """None where the dimension is dropped."""
    whole: bool


class Selection(ABC):
    """One entry a dimension, checked against the shape of what is selected from."""

    __slots__ = ("entries", "result_shape", "shape", "source_shape")

    def __init__(
        self, source_shape: Shape, entries: tuple[Any, ...], shape: Shape, result_shape: Shape
    ) -> None:
        """Keep what was checked.

        Args:
            source_shape: Shape of the array, or of the shard, that is selected from.
            entries: One a dimension.
            shape: Shape of the buffer that results are assembled in.
            result_shape: Shape that the user sees.
        """
        # Not a dataclass: one selection is made for every call, and another one for every
        # shard; frozen fields are set by a slow call each, and at import the class is too.
        self.source_shape = source_shape
        self.entries = entries
        self.shape = shape
        self.result_shape = result_shape

    @abstractmethod
    def projections(self, chunk_shape: Shape) -> Iterator[Projection]:
        """Yield the projection on every chunk that is touched, once, in C order."""

    @abstractmethod
    def within(self, source_shape: Shape, chunk_key: tuple[Any, ...]) -> Selection:
        """Return the selection of the same kind that `chunk_key` is inside a chunk."""

    @staticmethod
    def numpy_key(key: tuple[Any, ...]) -> Any:
        """Return a ``chunk_key`` in the form that NumPy applies to the chunk's array."""
        return key


class BasicSelection(Selection):
    """Integers and slices; integers drop their dimension."""

    __slots__ = ()

    def projections(self, chunk_shape: Shape) -> Iterator[Projection]:
        """Yield the projections in C order.

        Raises:
            ConfigurationError: More chunks than can ever be visited.
        """
        for parts in _product(self, chunk_shape):
            yield Projection(
                tuple([part[0] for part in parts]),
                tuple([part[1] for part in parts]),
                tuple([part[2] for part in parts if part[2] is not None]),
                all([part[3] for part in parts]),  # noqa: C419  # once a chunk: no generator
            )

    def within(self, source_shape: Shape, chunk_key: tuple[Any, ...]) -> Selection:
        """Return the basic selection that `chunk_key` is inside a chunk."""
        shape = tuple(_count(entry) for entry in chunk_key if isinstance(entry, slice))
        return BasicSelection(source_shape, chunk_key, shape, shape)


class OrthogonalSelection(Selection):
    """Integers, slices and arrays of integers, each applied to its own dimension."""

    __slots__ = ()

    def projections(self, chunk_shape: Shape) -> Iterator[Projection]:
        """Yield the projections in C order.

        Raises:
            ConfigurationError: More chunks than can ever be visited.
        """
        for parts in _product(self, chunk_shape):
            yield Projection(
                tuple([part[0] for part in parts]),
                tuple([part[1] for part in parts]),
                _outer([part[2] for part in parts]),
                all([part[3] for part in parts]),  # noqa: C419  # once a chunk: no generator
            )

    def within(self, source_shape: Shape, chunk_key: tuple[Any, ...]) -> Selection:
        """Return the orthogonal selection that `chunk_key` is inside a chunk."""
        shape = tuple(_count(entry) for entry in chunk_key)
        return OrthogonalSelection(source_shape, chunk_key, shape, shape)

    @staticmethod
    def numpy_key(key: tuple[Any, ...]) -> Any:
        """Return `key` so that NumPy takes the outer product of its arrays."""
        return _outer(key)


class VectorizedSelection(Selection):
    """Single elements, by one flat array of coordinates a dimension."""

    __slots__ = ()

    def projections(self, chunk_shape: Shape) -> Iterator[Projection]:
        """Yield the projections, sorted by chunk; equal points keep their order."""
        if not self.shape[0]:
            return
        grid = [e // c for e, c in zip(self.entries, chunk_shape, strict=True)]
        order = np.lexsort(grid[::-1]) if grid else np.arange(self.shape[0])
        changes = np.zeros(len(order) - 1, dtype=bool)
        for coordinates in grid:
            changes |= np.diff(coordinates[order]) != 0
        for points in np.split(order, np.flatnonzero(changes) + 1):
            index = tuple(int(coordinates[points[0]]) for coordinates in grid)
            key = tuple(
                entry[points] - i * chunk
                for entry, i, chunk in zip(self.entries, index, chunk_shape, strict=True)
            )
            yield Projection(index, key, (points,), whole=False)

    def within(self, source_shape: Shape, chunk_key: tuple[Any, ...]) -> Selection:
        """Return the vectorized selection that `chunk_key` is inside a chunk."""
        shape = (len(chunk_key[0]) if chunk_key else 1,)
        return VectorizedSelection(source_shape, chunk_key, shape, shape)

    @staticmethod
    def numpy_key(key: tuple[Any, ...]) -> Any:
        """Return `key`; of a 0-d array every point is its one element."""
        return key or (np.newaxis,)


# --- One dimension ----------------------------------------------------------------------


def _product(selection: Selection, chunk_shape: Shape) -> Iterator[tuple[_Part, ...]]:
    """Yield the combinations of the projections along each dimension."""
    dimensions = list(zip(selection.entries, selection.source_shape, chunk_shape, strict=True))
    touched = prod(_touched(entry, chunk) for entry, _, chunk in dimensions)
    if touched > MAX_PROJECTIONS:
        message = f"the selection touches {touched} chunks, more than the {MAX_PROJECTIONS} allowed"
        raise ConfigurationError(message, option="selection")
    keep_integers = isinstance(selection, OrthogonalSelection)
    return product(
        *(list(_parts(entry, n, chunk, keep_integers)) for entry, n, chunk in dimensions)
    )


def _parts(entry: Entry, length: int, chunk: int, keep_integers: bool) -> Iterator[_Part]:  # noqa: FBT001  # private
    """Return the projections of one dimension's entry."""
    if isinstance(entry, slice):
        return _slice_parts(entry, length, chunk)
    if isinstance(entry, np.ndarray):
        return _array_parts(entry, chunk)
    if keep_integers:
        return _slice_parts(slice(entry, entry + 1, 1), length, chunk)
    coordinate, inside = divmod(entry, chunk)
    return iter([_Part(coordinate, inside, None, min(chunk, length - coordinate * chunk) == 1)])


def _slice_parts(entry: slice, length: int, chunk: int) -> Iterator[_Part]:
    """Yield the projections of a slice; a falling one is walked upwards.

    The ``k``-th element counted upwards is ``low + k * step``; a chunk holds those with
    ``first <= k < last``. Chunks that a large step leaps over are never visited.
    """
    count = _count(entry)
    falling = entry.step < 0
    step = abs(entry.step)
    low = entry.start + (count - 1) * entry.step if falling else entry.start
    first = 0
    while first < count:
        coordinate = (low + first * step) // chunk
        offset = coordinate * chunk
        end = min(offset + chunk, length)
        last = min(count, -((low - end) // step))
        start, stop = low + first * step - offset, low + (last - 1) * step - offset + 1
        whole = stop - start == end - offset and (step == 1 or last - first == end - offset)
        yield _Part(
            coordinate,
            slice(start, stop, step),
            _reversed(first, last, count) if falling else slice(first, last),
            whole,
        )
        first = last


def _reversed(first: int, last: int, count: int) -> slice:
    """Return where elements ``first`` to ``last`` stand in a falling result."""
    stop = count - 1 - last
    return slice(count - 1 - first, stop if stop >= 0 else None, -1)


def _array_parts(entry: Integers, chunk: int) -> Iterator[_Part]:
    """Yield the projections of an array of coordinates, in any order, with repetitions."""
    if not entry.size:
        return
    grid = entry // chunk
    order = np.argsort(grid, kind="stable")
    for points in np.split(order, np.flatnonzero(np.diff(grid[order])) + 1):
        coordinate = int(grid[points[0]])
        # Repeated coordinates could pass for a whole chunk; that is never worth finding out.
        yield _Part(coordinate, entry[points] - coordinate * chunk, points, False)  # noqa: FBT003


def _count(entry: Entry) -> int:
    """Return how many elements of its dimension an entry selects."""
    if isinstance(entry, slice):
        return len(range(entry.start, entry.stop, entry.step))
    return len(entry) if isinstance(entry, np.ndarray) else 1


def _touched(entry: Entry, chunk: int) -> int:
    """Return an upper bound of the chunks that an entry touches."""
    count = _count(entry)
    if not isinstance(entry, slice) or not count:
        return count
    step: int = abs(entry.step)
    return min(count, (count - 1) * step // chunk + 2)


def _outer(entries: Sequence[Any]) -> tuple[Any, ...]:
    """Return entries in a form that NumPy applies dimension by dimension.

    One array among slices does that by itself; several have to be crossed.
    """
    arrays = sum(isinstance(entry, np.ndarray) for entry in entries)
    entries = [slice(e, e + 1) if isinstance(e, int) else e for e in entries]
    if arrays <= 1:
        return tuple(entries)
    return np.ix_(*(_as_array(entry) for entry in entries))


def _as_array(entry: Any) -> Integers:
    """Return the coordinates of a slice whose bounds are explicit (stop None: to the start)."""
    if isinstance(entry, np.ndarray):
        return entry
    stop = -1 if entry.stop is None else entry.stop
    return np.arange(entry.start, stop, entry.step or 1)
