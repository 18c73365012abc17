"""Reading from a shard only what is asked for.

1. The selection inside the shard is cut along the inner chunks.
2. Where at least half of them are needed, the shard is read at once; else its index is
   read, and then the inner chunks, neighbours together.
3. Inner chunks that are not in the index read as fill values.

Source: Zarr sharding codec specification, "Implementation notes".
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zarr_backends._engine.chunk_access import ChunkAccess, locate
from zarr_backends._engine.scheduling import run
from zarr_backends._engine.shard_sources import (
    RacedError,
    ShardSource,
    open_source,
)
from zarr_backends._format.chunks.selections import Projection, Selection
from zarr_backends._format.codecs.sharding import MISSING, ShardingCodec
from zarr_backends.contract import Buffer, ChunkIndex
from zarr_backends.errors import ChunkNotFoundError, CodecError

__all__ = ["read_shard"]

_MAX_GAP_NBYTES = 32 * 2**10
"""Bytes between two inner chunks that are rather read along than left out."""

_MAX_READ_NBYTES = 16 * 2**20
"""Bytes of one read at most that joins inner chunks."""

_MAX_RACES = 8
"""Times that a shard may be replaced under a reader before it is read at once."""


class _Wanted(NamedTuple):
    """An inner chunk that is needed and present."""

    start: int
    stop: int
    projection: Projection


def read_shard(
    access: ChunkAccess,
    selection: Selection,
    projection: Projection,
    out: NDArray[Any],
    concurrency: int,
) -> None:
    """Copy a shard's part of a selection into the result.

    Args:
        access: The array's chunks, which are shards.
        selection: What is read of the array.
        projection: The shard's part of it.
        out: The result's buffer.
        concurrency: Inner chunks that are decoded at a time.

    Raises:
        CodecError: The bytes are not a shard of this array; ``index`` says which.
    """
    index, chunk_key, out_key, _ = projection
    target = out[(*out_key, ...)]
    inner = selection.within(access.extent(index), chunk_key)
    try:
        _read_version(access, index, inner, target, concurrency)
    except ChunkNotFoundError:
        target[...] = access.fill_value
    except CodecError as error:
        locate(error, index)
        raise
    if not np.may_share_memory(target, out):
        out[out_key] = target


def _read_version(
    access: ChunkAccess,
    index: ChunkIndex,
    inner: Selection,
    target: NDArray[Any],
    concurrency: int,
) -> None:
    """Read a selection inside a shard from one version of it."""
    sharding = access.pipeline.sharding
    assert sharding is not None  # noqa: S101  # what brought us here
    projections = list(inner.projections(sharding.inner.spec.shape))
    whole = 2 * len(projections) >= prod(sharding.chunks_per_shard)
    for attempt in range(_MAX_RACES + 1):
        try:
            with open_source(access.backend, index, whole=whole or attempt == _MAX_RACES) as source:
                _read_inner(source, sharding, inner, projections, target, concurrency)
        except RacedError:
            continue
        return


def _read_inner(  # noqa: PLR0913, PLR0917  # private, and each of them is needed
    source: ShardSource,
    sharding: ShardingCodec,
    inner: Selection,
    projections: list[Projection],
    target: NDArray[Any],
    concurrency: int,
) -> None:
    """Read the inner chunks that `projections` name into `target`."""
    at_end = sharding.index_location == "end"
    nbytes = sharding.index_nbytes
    raw = source.read_tail(nbytes) if at_end else source.read(0, nbytes)
    table = sharding.decode_index(raw, source.nbytes)
    wanted = list(_wanted(table, projections, target, sharding.spec.fill_value))

    def read(group: list[_Wanted]) -> None:
        start = group[0].start
        data = memoryview(source.read(start, max(item.stop for item in group)))
        for item in group:
            piece = data[item.start - start : item.stop - start]
            _decode(sharding, inner, item.projection, piece, target)

    try:
        run(read, _groups(wanted, source), concurrency)
    except CodecError:
        # Bytes of two versions do not fit together; that is a race then, and no damage.
        source.verify(raw, at_end=at_end)
        raise
    source.verify(raw, at_end=at_end)


def _wanted(
    table: NDArray[np.uint64], projections: list[Projection], target: NDArray[Any], fill_value: Any
) -> Iterator[_Wanted]:
    """Yield the inner chunks that are present; fill in for those that are not."""
    for projection in projections:
        start, nbytes = table[projection.index].tolist()
        if start == MISSING:
            target[projection.out_key] = fill_value
        else:
            yield _Wanted(start, start + nbytes, projection)


def _groups(wanted: list[_Wanted], source: ShardSource) -> Iterator[list[_Wanted]]:
    """Yield the inner chunks that are read together, in the order of the shard."""
    if source.in_memory:
        yield from ([item] for item in wanted)
        return
    group: list[_Wanted] = []
    for item in sorted(wanted, key=lambda item: item.start):
        if group and not _belongs(item, group):
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def _belongs(item: _Wanted, group: list[_Wanted]) -> bool:
    """Whether an inner chunk is near enough to be read along with a group."""
    near = item.start - group[-1].stop <= _MAX_GAP_NBYTES
    return near and item.stop - group[0].start <= _MAX_READ_NBYTES


def _decode(
    sharding: ShardingCodec,
    inner: Selection,
    projection: Projection,
    data: Buffer,
    target: NDArray[Any],
) -> None:
    """Decode one inner chunk into its place; a shard inside the shard is read likewise."""
    _, chunk_key, out_key, whole = projection
    pipeline = sharding.inner
    if whole and (place := target[(*out_key, ...)]).shape == pipeline.spec.shape:
        pipeline.decode_into(data, place)
    else:
        target[out_key] = pipeline.decode(data)[inner.numpy_key(chunk_key)]
