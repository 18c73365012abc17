"""The index of a shard: where each inner chunk lies.

An array of unsigned 64-bit pairs (offset, length) in bytes, one for each inner chunk in C
order; offsets count from the start of the shard, its index included. Source: sharding codec
specification, "Binary shard format".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunk_spec import ChunkSpec
from zarr_backends._format.codecs.base import corrupt

__all__ = ["MISSING", "ShardTable", "check_table", "index_spec", "new_table"]

MISSING = 2**64 - 1
"""Offset and length of an inner chunk that is not stored."""

ShardTable = NDArray[np.uint64]
"""Offsets and lengths, of shape ``(*chunks_per_shard, 2)``."""


def index_spec(chunks_per_shard: tuple[int, ...]) -> ChunkSpec:
    """Return what the codecs of an index have to know of it."""
    dtype: np.dtype[Any] = np.dtype(np.uint64)
    return ChunkSpec((*chunks_per_shard, 2), dtype, dtype, np.uint64(MISSING))


def new_table(chunks_per_shard: tuple[int, ...]) -> ShardTable:
    """Return the index of an empty shard."""
    return np.full((*chunks_per_shard, 2), MISSING, dtype=np.uint64)


def check_table(table: ShardTable, shard_nbytes: int | None) -> ShardTable:
    """Return an index after a look at every entry.

    Args:
        table: Decoded index, not trusted.
        shard_nbytes: Length of the shard; None where it is not known.

    Raises:
        ChunkCorruptionError: An inner chunk lies outside the shard.
    """
    offsets, lengths = table[..., 0], table[..., 1]
    limit = np.uint64(2**63 - 1 if shard_nbytes is None else shard_nbytes)
    missing = (offsets == MISSING) & (lengths == MISSING)
    inside = (
        (offsets <= limit) & (lengths <= limit) & (lengths <= limit - np.minimum(offsets, limit))
    )
    if not (missing | inside).all():
        at = tuple(map(int, np.argwhere(~(missing | inside))[0]))
        offset, length = map(int, table[at])
        corrupt(
            f"the shard's index puts inner chunk {at} at bytes {offset} to {offset + length}, "
            f"but the shard has {int(limit)} bytes"
        )
    return table
