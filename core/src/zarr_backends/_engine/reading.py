"""Reading a selection: fetch each chunk once, decode it, copy its part into the result.

A chunk that is wholly selected is decoded straight into the result. A chunk that is not
stored reads as the fill value; every other failure is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zarr_backends._engine.batching import grouped
from zarr_backends._engine.chunk_access import ChunkAccess, locate
from zarr_backends._engine.scheduling import run
from zarr_backends._engine.shard_reading import read_shard
from zarr_backends._format.chunks.grid import Shape
from zarr_backends._format.chunks.selections import Projection, Selection
from zarr_backends.contract import Buffer, SupportsBatches
from zarr_backends.errors import ChunkNotFoundError, CodecError, ConfigurationError

__all__ = ["read_element", "read_selection"]

_GROUP = 24
"""Small chunks that a thread reads and decodes at a time; measured, with chunks of 32 KB."""

_GROUP_NBYTES = 5 * 2**18
"""Bytes that they decode to at most, so that they stay in the processor's cache until they are
copied; measured, with chunks of 80 KB."""

_PAGE_NBYTES = 4096
"""Bytes of memory that the system gives at a time, at least."""

_TOUCH_NBYTES = 2**23
"""Bytes that a thread asks the system for at a time: some huge pages, which have 2 MiB."""

_Put: TypeAlias = Callable[[Projection, Buffer | None], None]
"""Takes a projection and the chunk's bytes, None where it is not stored."""


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
    projections = selection.projections(access.chunk_shape)
    if access.pipeline.sharding is not None:
        _touch(out, access.concurrency)
        _read_shards(access, selection, projections, out)
    elif access.batches is not None:
        work = _batch_reader(access.batches, _putter(access, selection, out))
        run(work, grouped(projections), access.concurrency)
    elif access.reads_groups:
        group = _group_reader(access, selection, out)
        run(group, grouped(projections, _group_length(access)), access.concurrency)
    else:
        _touch(out, access.concurrency)
        run(_reader(access, _putter(access, selection, out)), projections, access.concurrency)
    return out.reshape(selection.result_shape)


def read_element(access: ChunkAccess, key: tuple[int, ...]) -> Any:
    """Return one element of an array without shards.

    The same as a selection of one element, without the work of cutting a selection into
    projections.

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


def _reader(access: ChunkAccess, put: _Put) -> Callable[[Projection], None]:
    """Return the function that reads one chunk."""
    fetch = access.fetch

    def read(projection: Projection) -> None:
        put(projection, fetch(projection[0]))

    return read


def _group_reader(
    access: ChunkAccess, selection: Selection, out: NDArray[Any]
) -> Callable[[list[Projection]], None]:
    """Return the function that reads several small chunks and decodes them in one call."""
    put, numpy_key = _putter(access, selection, out), selection.numpy_key
    fetch_many, decode_many = access.fetch_many, access.pipeline.decode_many
    fill_value = access.fill_value

    def read(group: list[Projection]) -> None:
        chunks = fetch_many([projection[0] for projection in group])
        stored = [data for data in chunks if data is not None]
        arrays = decode_many(stored) if len(stored) > 1 else None
        if arrays is None:
            for projection, data in zip(group, chunks, strict=True):
                put(projection, data)
            return
        decoded = iter(arrays)
        for (_, chunk_key, out_key, _), data in zip(group, chunks, strict=True):
            out[out_key] = fill_value if data is None else next(decoded)[numpy_key(chunk_key)]

    return read


def _group_length(access: ChunkAccess) -> int:
    """Return how many small chunks are read and decoded at a time."""
    nbytes = access.pipeline.spec.nbytes or _GROUP_NBYTES
    return max(1, min(_GROUP, _GROUP_NBYTES // nbytes))


def _batch_reader(backend: SupportsBatches, put: _Put) -> Callable[[list[Projection]], None]:
    """Return the function that reads several chunks in one round trip."""

    def read(group: list[Projection]) -> None:
        chunks = backend.read_chunks([projection[0] for projection in group])
        for projection, data in zip(group, chunks, strict=True):
            put(projection, data)

    return read


def _putter(access: ChunkAccess, selection: Selection, out: NDArray[Any]) -> _Put:
    """Return the function that puts a chunk's part of a selection into the result."""
    pipeline, chunk_shape = access.pipeline, access.chunk_shape
    fill_value, numpy_key = access.fill_value, selection.numpy_key

    def put(projection: Projection, data: Buffer | None) -> None:
        index, chunk_key, out_key, whole = projection
        if data is None:
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

    return put


def _read_shards(
    access: ChunkAccess,
    selection: Selection,
    projections: Iterator[Projection],
    out: NDArray[Any],
) -> None:
    """Read the inner chunks of every shard that is touched.

    Threads work on different shards; in a single shard they work on its inner chunks.
    """
    first = list(islice(projections, 2))
    inner_concurrency = access.concurrency if len(first) == 1 else 1

    def read(projection: Projection) -> None:
        read_shard(access, selection, projection, out, inner_concurrency)

    run(read, chain(first, projections), access.concurrency)


def _allocate(shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array to be filled."""
    try:
        return np.empty(shape, dtype)
    except (MemoryError, ValueError) as error:
        message = f"a selection of shape {shape} and dtype {dtype} does not fit into memory"
        raise ConfigurationError(message, option="selection") from error


def _touch(out: NDArray[Any], concurrency: int) -> None:
    """Make the system provide the memory of a large array, which it does at the first touch.

    It hands out huge pages, and clears each first. Threads that decode neighbouring chunks
    would meet in the same page, and each of them clear one where one is needed.
    """
    if concurrency == 1 or out.nbytes <= _TOUCH_NBYTES or out.dtype.hasobject:
        return
    content = out.reshape(-1).view(np.uint8)

    def touch(start: int) -> None:
        content[start : start + _TOUCH_NBYTES : _PAGE_NBYTES] = 0

    run(touch, range(0, content.size, _TOUCH_NBYTES), concurrency)
