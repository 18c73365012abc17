"""Writing a selection: encode whole chunks, merge into those that are partly covered.

A chunk that is wholly selected is never read first. One that is partly selected is read,
changed and written back so that no concurrent change of it is lost. A chunk that holds
nothing but the fill value is deleted instead of being stored. A shard is written once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._engine.batching import grouped
from zarr_backends._engine.chunk_access import ChunkAccess, locate, placed
from zarr_backends._engine.scheduling import run
from zarr_backends._engine.shard_writing import merge_shard
from zarr_backends._format.chunks.selections import Projection, Selection
from zarr_backends.contract import Buffer, ChunkIndex, SupportsBatches
from zarr_backends.errors import CodecError

__all__ = ["write_selection"]


def write_selection(access: ChunkAccess, selection: Selection, value: Any) -> None:
    """Store `value`, broadcast to the selection as NumPy would.

    Each chunk is replaced atomically; when one fails, the error is raised and other chunks
    of the selection may or may not have been written.

    Args:
        access: The array's chunks.
        selection: Checked against ``access.shape``.
        value: Array or scalar that can be cast to the array's dtype.

    Raises:
        ValueError: `value` does not broadcast to ``selection.result_shape``.
    """
    values = _broadcast(value, selection, access.dtype)
    projections = selection.projections(access.chunk_shape)
    if access.pipeline.sharding is not None:
        _write_shards(access, selection, list(projections), values)
    elif access.batch_writes is not None:
        backend = access.batch_writes

        def write_group(group: list[Projection]) -> None:
            _write_batch(access, backend, selection, group, values)

        run(write_group, grouped(projections), access.concurrency)
    else:

        def write(projection: Projection) -> None:
            _write_chunk(access, selection, projection, values[projection[2]])

        run(write, projections, access.concurrency)


def _write_batch(
    access: ChunkAccess,
    backend: SupportsBatches,
    selection: Selection,
    group: list[Projection],
    values: NDArray[Any],
) -> None:
    """Write the whole chunks of a group in one round trip, and the others one by one."""
    encoded: dict[ChunkIndex, Buffer | None] = {}
    for projection in group:
        index, chunk_key, out_key, whole = projection
        if whole:
            key = selection.numpy_key(chunk_key)
            encoded[index] = access.encode(placed(values[out_key], key, access.pipeline.spec))
        else:
            _write_chunk(access, selection, projection, values[out_key])
    stored = {index: data for index, data in encoded.items() if data is not None}
    deleted = [index for index, data in encoded.items() if data is None]
    if stored:
        backend.write_chunks(stored)
    if deleted:
        backend.delete_chunks(deleted)


def _write_chunk(
    access: ChunkAccess, selection: Selection, projection: Projection, block: NDArray[Any]
) -> None:
    """Write one chunk's part of the values."""
    index, chunk_key, _, whole = projection
    key = selection.numpy_key(chunk_key)
    if not whole:

        def change(chunk: NDArray[Any]) -> None:
            chunk[key] = block

        access.update_array(index, change)
        return
    access.store(index, access.encode(placed(block, key, access.pipeline.spec)))


def _write_shards(
    access: ChunkAccess, selection: Selection, projections: list[Projection], values: NDArray[Any]
) -> None:
    """Write shards; threads share them out, or the inner chunks of a single one."""
    inner_concurrency = access.concurrency if len(projections) == 1 else 1

    def write(projection: Projection) -> None:
        block = values[projection[2]]
        _write_shard(access, selection, projection, block, inner_concurrency)

    run(write, projections, access.concurrency)


def _write_shard(
    access: ChunkAccess,
    selection: Selection,
    projection: Projection,
    block: NDArray[Any],
    concurrency: int,
) -> None:
    """Write one shard's part of the values, once, keeping its other inner chunks."""
    index, chunk_key, _, whole = projection
    sharding = access.pipeline.sharding
    assert sharding is not None  # noqa: S101  # what brought us here
    inner = selection.within(access.extent(index), chunk_key)
    block = block.reshape(inner.shape)

    def merge(old: Buffer | None) -> Buffer | None:
        try:
            return merge_shard(sharding, old, inner, block, concurrency)
        except CodecError as error:
            locate(error, index)
            raise

    if whole:
        access.store(index, merge(None))
    else:
        access.update(index, merge)


def _broadcast(value: Any, selection: Selection, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the value as an array of the selection's buffer shape, without copying it."""
    array = value if isinstance(value, np.ndarray) else _as_array(value, dtype)
    shape = selection.result_shape
    while array.ndim > len(shape) and array.shape[0] == 1:
        array = array[0]
    try:
        return np.broadcast_to(array, shape).reshape(selection.shape)
    except ValueError as error:
        message = f"could not broadcast a value of shape {array.shape} to the selection {shape}"
        raise ValueError(message) from error


def _as_array(value: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a scalar, sequence or array-like as an array."""
    if hasattr(value, "__array__"):
        return np.asarray(value)
    return np.asarray(value, dtype=dtype)
