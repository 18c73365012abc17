"""Building a shard out of what it held and what is written into it.

Source: Zarr sharding codec specification, "Binary shard format".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._engine.chunk_access import placed
from zarr_backends._engine.scheduling import run
from zarr_backends._format.chunks.selections import Projection, Selection
from zarr_backends._format.codecs.sharding import MISSING, ShardingCodec
from zarr_backends._format.fill_values.check import is_fill
from zarr_backends.contract import Buffer, ChunkIndex

__all__ = ["merge_shard"]


def merge_shard(
    sharding: ShardingCodec,
    old: Buffer | None,
    inner: Selection,
    block: NDArray[Any],
    concurrency: int,
) -> Buffer | None:
    """Return the shard's new bytes, None where nothing is left but fill values.

    Inner chunks that the selection does not touch keep their bytes; those that it covers
    wholly are not decoded.

    Args:
        sharding: The array's sharding codec.
        old: The shard's bytes, None where it is not stored.
        inner: Selection inside the shard.
        block: Values of shape ``inner.shape``.
        concurrency: Inner chunks that are encoded at a time.

    Raises:
        ChunkCorruptionError: `old` is not a shard of this array.
    """
    chunks = {} if old is None else _inner_chunks(sharding, memoryview(old))

    def write(projection: Projection) -> None:
        index, chunk_key, out_key, whole = projection
        key = inner.numpy_key(chunk_key)
        if whole:
            chunk = placed(block[out_key], key, sharding.inner.spec)
        else:
            chunk = _current(sharding, chunks.get(index))
            chunk[key] = block[out_key]
        if is_fill(chunk, sharding.spec.fill_value):
            chunks.pop(index, None)
        else:
            chunks[index] = sharding.inner.encode(chunk)

    run(write, inner.projections(sharding.inner.spec.shape), concurrency)
    return sharding.assemble(chunks)


def _current(sharding: ShardingCodec, data: Buffer | None) -> NDArray[Any]:
    """Return an inner chunk as a writable array."""
    if data is None:
        return sharding.inner.spec.filled()
    chunk = sharding.inner.decode(data)
    return chunk if chunk.flags.writeable else chunk.copy()


def _inner_chunks(sharding: ShardingCodec, shard: memoryview) -> dict[ChunkIndex, Buffer]:
    """Return the encoded inner chunks of a shard, by their index in it."""
    nbytes = sharding.index_nbytes
    at_end = sharding.index_location == "end"
    raw = shard[max(0, len(shard) - nbytes) :] if at_end else shard[:nbytes]
    table = sharding.decode_index(raw, len(shard)).reshape(-1, 2).tolist()
    indices = np.ndindex(sharding.chunks_per_shard)
    return {
        index: shard[start : start + length]
        for index, (start, length) in zip(indices, table, strict=True)
        if start != MISSING
    }
