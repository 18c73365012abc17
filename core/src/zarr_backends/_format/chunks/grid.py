"""The regular chunk grid: how many chunks there are, where each one lies.

Source: Zarr core specification 3, "Regular grids".
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import TypeAlias

__all__ = ["Region", "Shape", "chunk_region", "grid_indices", "grid_shape", "nchunks"]

Shape: TypeAlias = tuple[int, ...]
"""Lengths, one a dimension."""

Region: TypeAlias = tuple[slice, ...]
"""One unit-step slice a dimension, in elements of the array."""


def grid_shape(shape: Shape, chunk_shape: Shape) -> Shape:
    """Return how many chunks there are along each dimension.

    >>> grid_shape((10, 0), (4, 1))
    (3, 0)
    """
    return tuple(-(-length // chunk) for length, chunk in zip(shape, chunk_shape, strict=True))


def nchunks(shape: Shape, chunk_shape: Shape) -> int:
    """Return how many chunks there are; a 0-d array has one."""
    return prod(grid_shape(shape, chunk_shape))


def chunk_region(index: Shape, shape: Shape, chunk_shape: Shape) -> Region:
    """Return the part of the array that a chunk holds, without its overhang at the edge.

    >>> chunk_region((2,), (10,), (4,))
    (slice(8, 10, None),)
    """
    return tuple(
        slice(i * chunk, min((i + 1) * chunk, length))
        for i, length, chunk in zip(index, shape, chunk_shape, strict=True)
    )


def grid_indices(shape: Shape, chunk_shape: Shape) -> Iterator[Shape]:
    """Yield the index of every chunk in C order."""
    return product(*map(range, grid_shape(shape, chunk_shape)))
