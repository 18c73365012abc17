"""The codec ``sharding_indexed``: many inner chunks in one chunk, with an index of them.

Source: sharding codec specification 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunks.spec import ChunkSpec
from zarr_backends._format.codecs.base import ChunkPipeline, Extent
from zarr_backends._format.codecs.options import Options
from zarr_backends._format.codecs.shard_index import MISSING, ShardIndex, index_spec
from zarr_backends._format.fill_values.check import is_fill
from zarr_backends.contract import Buffer, ChunkIndex
from zarr_backends.errors import ChunkCorruptionError

__all__ = ["MISSING", "ShardingCodec"]

Build: TypeAlias = Callable[[Sequence[Mapping[str, Any]], ChunkSpec], ChunkPipeline]
"""Builds the codecs of a document for some chunks: `build_pipeline`."""

_INDEX_CODECS: tuple[Mapping[str, Any], ...] = (
    {"name": "bytes", "configuration": {"endian": "little"}},
    {"name": "crc32c"},
)
"""Codecs of an index for which the document names none."""


class ShardingCodec:
    """Array to bytes: encodes inner chunks, those that hold more than fill values, and joins them.

    Inner chunks are written in C order of their grid; they are read in any order and with
    gaps between them.
    """

    def __init__(self, spec: ChunkSpec, inner: ChunkPipeline, index: ShardIndex) -> None:
        """Prepare for shards.

        Args:
            spec: A shard.
            inner: Codecs of the inner chunks, whose shape divides that of a shard.
            index: Codecs and place of the index.
        """
        self.spec = spec
        self.inner = inner
        grid = zip(spec.shape, inner.spec.shape, strict=True)
        self.chunks_per_shard = tuple(length // chunk for length, chunk in grid)
        self.index_nbytes = index.nbytes
        self.index_location: Literal["start", "end"] = index.location
        nbytes = prod(self.chunks_per_shard) * inner.encoded.nbytes + index.nbytes
        self.encoded = Extent(nbytes, np.dtype(np.uint8), is_exact=False).compressed()
        self._index = index

    @classmethod
    def of_v3(cls, options: Options, spec: ChunkSpec, build: Build) -> ShardingCodec:
        """Build the codec from its configuration.

        Args:
            options: The configuration.
            spec: A shard.
            build: Builds the codecs of inner chunks and index.

        Returns:
            The codec.

        Raises:
            CodecError: The inner chunks do not fill the shard, or the index has no fixed size.
        """
        shape = _inner_shape(options, spec.shape)
        location = options.choice("index_location", "end", ("start", "end"))
        codecs, index_codecs = options.take("codecs"), options.take("index_codecs", _INDEX_CODECS)
        for option, value in (("codecs", codecs), ("index_codecs", index_codecs)):
            if not isinstance(value, list | tuple):
                options.refuse(option, value, "a list of codecs")
        inner = build(codecs, ChunkSpec(shape, spec.dtype, spec.stored_dtype, spec.fill_value))
        grid = tuple(length // chunk for length, chunk in zip(spec.shape, shape, strict=True))
        index = build(index_codecs, index_spec(grid))
        return cls(spec, inner, ShardIndex(index, "start" if location == "start" else "end"))

    def decode_index(self, raw: Buffer, shard_nbytes: int | None = None) -> NDArray[np.uint64]:
        """Return the index of a shard; see `ShardIndex.decode`.

        Raises:
            ChunkCorruptionError: It is damaged, or points to where no inner chunk can be.
        """
        return self._index.decode(raw, shard_nbytes)

    def assemble(self, chunks: Mapping[ChunkIndex, Buffer]) -> bytes | None:
        """Return the bytes of a shard.

        Args:
            chunks: Encoded inner chunks, by their index in the shard. Those that are not in it
                read as fill values.

        Returns:
            The shard; None where there are no inner chunks, as such a shard is not stored.
        """
        return self._join(chunks) if chunks else None

    def encode(self, array: NDArray[Any]) -> bytes:
        """Return the bytes of a shard, whatever its values are.

        Raises:
            CodecError: An inner chunk cannot be encoded.
        """
        chunks: dict[ChunkIndex, Buffer] = {}
        for index, key in zip(self._indices(), self._keys(), strict=True):
            chunk = array[key]
            if not is_fill(chunk, self.spec.fill_value):
                chunks[index] = self.inner.encode(chunk)
        return self._join(chunks)

    def decode(self, data: Buffer) -> NDArray[Any]:
        """Return a whole shard.

        Raises:
            ChunkCorruptionError: The bytes are not a shard of this array.
            MemoryError: It does not fit into memory.
        """
        try:
            array: NDArray[Any] = np.empty(self.spec.shape, self.spec.dtype)
        except ValueError as error:
            # NumPy has two errors for arrays that are too large.
            raise MemoryError from error
        self.decode_into(data, array)
        return array

    def decode_into(self, data: Buffer, target: NDArray[Any]) -> None:
        """Decode a whole shard into a writable array.

        Raises:
            ChunkCorruptionError: The bytes are not a shard of this array.
        """
        shard = memoryview(data)
        table = self.decode_index(self._index.cut(shard), len(shard))
        for (offset, nbytes), key in zip(table.reshape(-1, 2).tolist(), self._keys(), strict=True):
            if offset == MISSING:
                target[key] = self.spec.fill_value
                continue
            try:
                self.inner.decode_into(shard[offset : offset + nbytes], target[key])
            except ChunkCorruptionError as error:
                message = f"inner chunk at byte {offset} of the shard: {error}"
                raise ChunkCorruptionError(message) from error

    def _join(self, chunks: Mapping[ChunkIndex, Buffer]) -> bytes:
        """Return a shard of inner chunks."""
        ordered = {index: chunks[index] for index in sorted(chunks)}
        table = self._index.encode(ordered)
        parts: tuple[Buffer, ...] = tuple(ordered.values())
        return b"".join((table, *parts) if self.index_location == "start" else (*parts, table))

    def _indices(self) -> Iterator[ChunkIndex]:
        """Return the index of each inner chunk, in C order."""
        return product(*map(range, self.chunks_per_shard))

    def _keys(self) -> Iterator[tuple[Any, ...]]:
        """Return where each inner chunk lies in the shard's array, in C order."""
        sides = zip(self.chunks_per_shard, self.inner.spec.shape, strict=True)
        slices = ([slice(i * n, (i + 1) * n) for i in range(count)] for count, n in sides)
        return product(*slices, (...,))


def _inner_shape(options: Options, shard: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of inner chunks.

    Raises:
        CodecError: It does not divide that of the shard.
    """
    shape = options.take("chunk_shape")
    if (
        not isinstance(shape, list | tuple)
        or len(shape) != len(shard)
        or any(type(n) is not int or n < 1 for n in shape)
        or any(length % n for length, n in zip(shard, shape, strict=True))
    ):
        options.refuse("chunk_shape", shape, f"a divisor of each number of the shard's {shard}")
    return tuple(shape)
