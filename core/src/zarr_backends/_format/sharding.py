"""The codec ``sharding_indexed``: many inner chunks and their index in one stored value.

1. The shard's array is cut into inner chunks, each of which goes through the inner codecs.
2. Those that hold nothing but the fill value are left out.
3. The others are put one after the other in C order, and the index before or behind them.

Source: sharding codec specification, version 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunk_spec import ChunkSpec
from zarr_backends._format.codecs.base import (
    Configuration,
    Pipeline,
    PipelineBuilder,
    checked_configuration,
    corrupt,
)
from zarr_backends._format.fill_check import is_fill
from zarr_backends._format.shard_index import (
    MISSING,
    ShardTable,
    check_table,
    index_spec,
    new_table,
)
from zarr_backends.contract import Buffer
from zarr_backends.errors import CodecError

__all__ = ["MISSING", "ShardingCodec"]

_DEFAULT_INDEX_CODECS = (
    {"name": "bytes", "configuration": {"endian": "little"}},
    {"name": "crc32c"},
)

_OPTIONS = ("chunk_shape", "codecs", "index_codecs", "index_location")


class ShardingCodec:
    """Makes a shard of an array; also knows how to take it apart again."""

    native_dtype = None
    fixed_nbytes: int | None = None

    def __init__(
        self, configuration: Configuration, spec: ChunkSpec, build: PipelineBuilder
    ) -> None:
        """Take ``chunk_shape``, ``codecs``, ``index_codecs`` and ``index_location``.

        Raises:
            CodecError: The inner chunks do not divide the shard, or the index has no fixed
                size.
        """
        checked_configuration("sharding_indexed", configuration, *_OPTIONS)
        shape = _inner_shape(configuration.get("chunk_shape"), spec.shape)
        self.spec = spec
        self.inner = build(_codec_list(configuration, "codecs"), replace(spec, shape=shape))
        self.chunks_per_shard = tuple(n // m for n, m in zip(spec.shape, shape, strict=True))
        self.index_location: Literal["start", "end"] = _location(configuration)
        codecs = _codec_list(configuration, "index_codecs", _DEFAULT_INDEX_CODECS)
        self._index = build(codecs, index_spec(self.chunks_per_shard))
        if self._index.fixed_nbytes is None:
            message = (
                "index_codecs of codec 'sharding_indexed' must have a fixed size (no compressor)"
            )
            raise CodecError(message)
        self.index_nbytes: int = self._index.fixed_nbytes
        self.max_nbytes = prod(self.chunks_per_shard) * self.inner.max_nbytes + self.index_nbytes

    # --- The index ------------------------------------------------------------------

    def decode_index(self, raw: Buffer, shard_nbytes: int | None = None) -> ShardTable:
        """Return offset and length of every inner chunk, checked.

        Args:
            raw: The ``index_nbytes`` bytes at the start or end of a shard.
            shard_nbytes: Length of the whole shard where it is known.

        Returns:
            Array of shape ``(*chunks_per_shard, 2)``; `MISSING` twice where an inner chunk
            is not stored.

        Raises:
            ChunkCorruptionError: The index is cut off or damaged, or points outside.
        """
        nbytes = memoryview(raw).nbytes
        if nbytes != self.index_nbytes:
            corrupt(f"the shard has {nbytes} bytes, its index alone needs {self.index_nbytes}")
        return check_table(self._index.decode(raw), shard_nbytes)

    def assemble(self, chunks: Mapping[tuple[int, ...], Buffer]) -> Buffer | None:
        """Return a shard of encoded inner chunks, None where there are none.

        Args:
            chunks: Encoded inner chunks, by their index in the shard.
        """
        if not chunks:
            return None
        table = new_table(self.chunks_per_shard)
        offset = self.index_nbytes if self.index_location == "start" else 0
        parts: list[Buffer] = []
        for index in sorted(chunks):
            part = chunks[index]
            nbytes = memoryview(part).nbytes
            table[index] = offset, nbytes
            parts.append(part)
            offset += nbytes
        encoded = self._index.encode(table)
        return b"".join([encoded, *parts] if self.index_location == "start" else [*parts, encoded])

    # --- As a codec -----------------------------------------------------------------

    def encode(self, array: NDArray[Any]) -> Buffer:
        """Return a shard; one of fill values alone is an index that says so."""
        chunks: dict[tuple[int, ...], Buffer] = {}
        for index, region in self._regions():
            part = array[region]
            if not is_fill(part, self.spec.fill_value):
                chunks[index] = self.inner.encode(part)
        return self.assemble(chunks) or self._index.encode(new_table(self.chunks_per_shard))

    def decode(self, data: Buffer) -> NDArray[Any]:
        """Return the shard's array.

        Raises:
            ChunkCorruptionError: The bytes are not a shard.
        """
        target: NDArray[Any] = np.empty(self.spec.shape, self.spec.dtype)
        view = memoryview(data)
        nbytes = self.index_nbytes
        at_end = self.index_location == "end"
        raw = view[max(0, len(view) - nbytes) :] if at_end else view[:nbytes]
        table = self.decode_index(raw, len(view))
        for index, region in self._regions():
            start, length = table[index].tolist()
            if start == MISSING:
                target[region] = self.spec.fill_value
            else:
                self.inner.decode_into(view[start : start + length], target[region])
        return target

    def _regions(self) -> Any:
        """Yield the index and the region of every inner chunk."""
        shape = self.inner.spec.shape
        for index in product(*map(range, self.chunks_per_shard)):
            yield (
                index,
                (
                    *(slice(i * n, (i + 1) * n) for i, n in zip(index, shape, strict=True)),
                    ...,
                ),
            )


def _inner_shape(value: Any, shard_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of inner chunks, which must divide the shard."""
    lengths = tuple(value) if isinstance(value, list | tuple) else ()
    plain = all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in lengths)
    if (
        not isinstance(value, list | tuple)
        or not plain
        or len(lengths) != len(shard_shape)
        or any(shard % inner for shard, inner in zip(shard_shape, lengths, strict=True))
    ):
        message = (
            f"chunk_shape of codec 'sharding_indexed' must divide the shard {shard_shape}, "
            f"not be {value!r:.80}"
        )
        raise CodecError(message)
    return lengths


def _codec_list(configuration: Configuration, name: str, default: Any = None) -> Any:
    """Return one of the two lists of codecs."""
    codecs = configuration.get(name, default)
    if not isinstance(codecs, list | tuple) or not codecs:
        message = f"{name} of codec 'sharding_indexed' must be a list of codecs, not {codecs!r:.80}"
        raise CodecError(message)
    return codecs


def _location(configuration: Configuration) -> Literal["start", "end"]:
    """Return where the index is."""
    location = configuration.get("index_location", "end")
    if location == "start":
        return "start"
    if location == "end":
        return "end"
    message = (
        f"index_location of codec 'sharding_indexed' must be 'start' or 'end', not {location!r:.80}"
    )
    raise CodecError(message)
