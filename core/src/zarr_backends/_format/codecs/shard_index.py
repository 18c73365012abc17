"""The index of a shard: where each inner chunk lies in it, and how many bytes it has.

Source: sharding codec specification 1, "Binary shard format".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunks.spec import ChunkSpec
from zarr_backends._format.codecs.base import ChunkPipeline
from zarr_backends.contract import Buffer, ChunkIndex
from zarr_backends.errors import ChunkCorruptionError, CodecError

__all__ = ["MISSING", "ShardIndex", "index_spec"]

MISSING: Final = 2**64 - 1
"""Offset and number of bytes of an inner chunk that is not in the shard."""

_MAX_OFFSET = 2**63 - 1
"""Where the largest shard ends; what files and object stores can have."""


def index_spec(chunks_per_shard: tuple[int, ...]) -> ChunkSpec:
    """Return what the codecs of an index are built for."""
    dtype = np.dtype(np.uint64)
    return ChunkSpec((*chunks_per_shard, 2), dtype, dtype, np.uint64(MISSING))


class ShardIndex:
    """How the indices of the shards of one array are written, read and checked."""

    def __init__(self, pipeline: ChunkPipeline, location: Literal["start", "end"]) -> None:
        """Prepare for shards.

        Args:
            pipeline: Codecs for the table of `index_spec`.
            location: Whether the index stands before the inner chunks or behind them.

        Raises:
            CodecError: The size of an index depends on what is in it.
        """
        if not pipeline.encoded.is_exact:
            message = (
                "index_codecs of 'sharding_indexed' must give indices of one size, so that they "
                "are found; use 'bytes' and 'crc32c', and no compressor"
            )
            raise CodecError(message)
        self.nbytes = pipeline.encoded.nbytes
        self.location = location
        self._pipeline = pipeline
        self._chunks_per_shard = pipeline.spec.shape[:-1]

    def cut(self, shard: memoryview) -> memoryview:
        """Return the part of a shard that is its index."""
        if self.location == "start":
            return shard[: self.nbytes]
        return shard[max(0, len(shard) - self.nbytes) :]

    def decode(self, raw: Buffer, shard_nbytes: int | None = None) -> NDArray[np.uint64]:
        """Return an index after checking that it can be one.

        Args:
            raw: Its bytes.
            shard_nbytes: Bytes of the whole shard, where they are known.

        Returns:
            Array of shape ``(*chunks_per_shard, 2)``: of each inner chunk its offset from the
            start of the shard and its number of bytes; both are `MISSING` where it is not there.

        Raises:
            ChunkCorruptionError: It is cut short or damaged, or points out of the shard or
                into the index itself.
        """
        if len(raw) != self.nbytes:
            whole = "" if shard_nbytes is None else f" of {shard_nbytes} bytes"
            message = f"a shard{whole} has {len(raw)} bytes where its index needs {self.nbytes}"
            raise ChunkCorruptionError(message)
        try:
            table: NDArray[np.uint64] = self._pipeline.decode(raw)
        except ChunkCorruptionError as error:
            message = f"index of the shard: {error}"
            raise ChunkCorruptionError(message) from error
        self._check(table, shard_nbytes)
        return table

    def encode(self, chunks: Mapping[ChunkIndex, Buffer]) -> Buffer:
        """Return the index of inner chunks that follow each other in the order given."""
        table = np.full((*self._chunks_per_shard, 2), MISSING, np.uint64)
        if chunks:
            nbytes = np.fromiter(map(len, chunks.values()), np.uint64, len(chunks))
            ends = np.cumsum(nbytes) + np.uint64(self.first)
            where: Any = tuple(np.array(list(chunks), np.intp).reshape(len(chunks), -1).T)
            table[where] = np.stack((ends - nbytes, nbytes), axis=1)
        return self._pipeline.encode(table)

    @property
    def first(self) -> int:
        """Offset at which inner chunks begin."""
        return self.nbytes if self.location == "start" else 0

    def _check(self, table: NDArray[np.uint64], shard_nbytes: int | None) -> None:
        """Refuse an index whose inner chunks cannot be where it says.

        Raises:
            ChunkCorruptionError: One of them cannot.
        """
        end = _MAX_OFFSET if shard_nbytes is None else shard_nbytes
        if self.location == "end":
            end -= self.nbytes
        offsets, nbytes = table[..., 0], table[..., 1]
        is_missing = offsets == MISSING
        # Where an offset is behind the end, the difference wraps around, but that one is wrong
        # already.
        is_wrong = (offsets < self.first) | (offsets > end) | (nbytes > np.uint64(end) - offsets)
        is_wrong = np.where(is_missing, nbytes != MISSING, is_wrong)
        if is_wrong.any():
            index = np.unravel_index(int(np.argmax(is_wrong)), is_wrong.shape)
            offset, length = table[index].tolist()
            message = (
                f"index of the shard: inner chunk {tuple(map(int, index))} cannot have {length} "
                f"bytes at offset {offset}, as inner chunks lie between {self.first} and {end}"
            )
            raise ChunkCorruptionError(message)
