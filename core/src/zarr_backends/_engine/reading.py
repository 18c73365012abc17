"""Reading a selection: fetch each chunk once, decode it, copy its part into the result.

A chunk that is wholly selected is decoded straight into the result. A chunk that is not
stored reads as the fill value; every other failure is raised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._engine.chunk_access import ChunkAccess, locate
from zarr_backends._engine.scheduling import run
from zarr_backends._engine.shard_reading import read_shard
from zarr_backends._format.chunk_grid import Shape
from zarr_backends._format.selections import Projection, Selection
from zarr_backends.errors import ChunkNotFoundError, CodecError, ConfigurationError

__all__ = ["read_element", "read_selection"]


def read_selection(access: ChunkAccess, selection: Selection) -> NDArray[Any]:
    """Return what a selection means, as a new array of native byte order.

    Args:
        access: The array's chunks.
        selection: Checked against ``access.shape``.

    Returns:
        C-contiguous array of shape ``selection.result_shape``.

    Raises:
        ConfigurationError: The result does not fit into memory.
    """
    out = _allocate(selection.shape, access.dtype)
    if access.pipeline.sharding is None:
        work = _chunk_reader(access, selection, out)
        run(work, selection.projections(access.chunk_shape), access.concurrency)
    else:
        _read_shards(access, selection, out)
    return out.reshape(selection.result_shape)


def read_element(access: ChunkAccess, key: tuple[int, ...]) -> Any:
    """Return one element of an array without shards.

    The same as a selection of one element, at a fifth of what a selection costs besides
    reading and decoding the chunk.

    Args:
        access: The array's chunks, which are not shards.
        key: Non-negative number of the element along each dimension, within the shape.
    """
    index = tuple([i // n for i, n in zip(key, access.chunk_shape, strict=True)])
    try:
        data = access.backend.read_chunk(index)
    except ChunkNotFoundError:
        return access.fill_value
    inside = tuple([i % n for i, n in zip(key, access.chunk_shape, strict=True)])
    return access.decode(index, data)[inside]


def _chunk_reader(
    access: ChunkAccess, selection: Selection, out: NDArray[Any]
) -> Callable[[Projection], None]:
    """Return the function that reads one projection into the result."""
    read_chunk, pipeline = access.backend.read_chunk, access.pipeline
    chunk_shape, fill_value, numpy_key = access.chunk_shape, access.fill_value, selection.numpy_key

    def read(projection: Projection) -> None:
        index, chunk_key, out_key, whole = projection
        try:
            data = read_chunk(index)
        except ChunkNotFoundError:
            out[out_key] = fill_value
            return
        try:
            if whole and (target := out[(*out_key, ...)]).shape == chunk_shape:
                pipeline.decode_into(data, target)
            else:
                out[out_key] = pipeline.decode(data)[numpy_key(chunk_key)]
        except CodecError as error:
            locate(error, index)
            raise

    return read


def _read_shards(access: ChunkAccess, selection: Selection, out: NDArray[Any]) -> None:
    """Read the inner chunks of every shard that is touched.

    Threads work on different shards; in a single shard they work on its inner chunks.
    """
    projections = selection.projections(access.chunk_shape)
    first = next(projections, None)
    if first is None:
        return
    second = next(projections, None)
    if second is None:
        read_shard(access, selection, first, out, access.concurrency)
        return

    def read(projection: Projection) -> None:
        read_shard(access, selection, projection, out, 1)

    run(read, _chain(first, second, projections), access.concurrency)


def _chain(first: Projection, second: Projection, rest: Any) -> Any:
    """Yield the two projections that were looked at, then the others."""
    yield first
    yield second
    yield from rest


def _allocate(shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array to be filled."""
    try:
        return np.empty(shape, dtype)
    except (MemoryError, ValueError) as error:
        message = f"a selection of shape {shape} and dtype {dtype} does not fit into memory"
        raise ConfigurationError(message, option="selection") from error
