"""All codecs of an array, one after the other: chunks to bytes and back.

1. Codecs that change arrays come first, then the one that writes them as bytes, then those
   that change bytes. Everything that depends on the array alone is worked out once.
2. Decoding runs through them backwards. A chunk that the innermost compressor can write
   where it is wanted is not copied again.

They are put together by `build_pipeline`.

Source: Zarr core specification 3, "Chunk encoding"; for Zarr v2, "Filters".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunks.spec import ChunkSpec
from zarr_backends._format.codecs.base import (
    ArrayArrayCodec,
    ArrayBytesCodec,
    BytesBytesCodec,
    DecodesInto,
    DecodesMany,
    Extent,
)
from zarr_backends._format.codecs.bytes import BytesCodec
from zarr_backends._format.codecs.sharding import ShardingCodec
from zarr_backends._format.codecs.transpose import TransposeCodec
from zarr_backends.contract import Buffer, contiguous_view
from zarr_backends.errors import CodecError

__all__ = ["CodecPipeline"]

_DIRECT_NBYTES = 192 * 2**10
"""Bytes of the smallest chunk that is decompressed in place. For smaller ones it takes
longer to prepare that than to copy them."""


_SMALL_NBYTES = 128 * 2**10
"""Bytes of the largest chunk that is read and decoded together with others."""


class CodecPipeline:
    """The codecs of the chunks of one array; immutable, for any number of threads."""

    spec: ChunkSpec
    """The chunks."""
    encoded: Extent
    """Their bytes, as far as is known beforehand."""
    sharding: ShardingCodec | None
    """The sharding codec where it is the only codec, so that inner chunks can be read alone."""

    def __init__(
        self,
        spec: ChunkSpec,
        arrays: Sequence[ArrayArrayCodec],
        serializer: ArrayBytesCodec,
        compressors: Sequence[BytesBytesCodec],
    ) -> None:
        """Join codecs, each list in the order of encoding; see `build_pipeline`."""
        self.spec = spec
        self.encoded = compressors[-1].encoded if compressors else serializer.encoded
        is_alone = not arrays and not compressors
        self.sharding = serializer if is_alone and isinstance(serializer, ShardingCodec) else None
        self._arrays = tuple(arrays)
        self._serializer = serializer
        self._compressors = tuple(compressors)
        self._undo_arrays = tuple(codec.decode for codec in reversed(arrays))
        self._undo_bytes = tuple(codec.decode for codec in reversed(compressors))
        self._decode_in_place = self._find_decode_in_place()

    @property
    def fixed_nbytes(self) -> int | None:
        """Number of bytes of an encoded chunk, None where it depends on the values."""
        return self.encoded.nbytes if self.encoded.is_exact else None

    def encode(self, chunk: NDArray[Any]) -> Buffer:
        """Return the bytes of a chunk.

        Args:
            chunk: Array of the shape and dtype of `spec`, of any strides.

        Returns:
            Bytes, which may be a view of the chunk: they change when it is changed.

        Raises:
            CodecError: The chunk has another shape or dtype, or values that a codec does not take.
        """
        spec = self.spec
        if chunk.shape != spec.shape or chunk.dtype != spec.dtype:
            message = (
                f"a chunk of shape {chunk.shape} and dtype {chunk.dtype} cannot be encoded as one "
                f"of shape {spec.shape} and dtype {spec.dtype}"
            )
            raise CodecError(message)
        try:
            for array_codec in self._arrays:
                chunk = array_codec.encode(chunk)
            data = self._serializer.encode(chunk)
            for codec in self._compressors:
                data = codec.encode(data)
        except MemoryError as error:
            raise self._too_large() from error
        return data

    def decode(self, data: Buffer) -> NDArray[Any]:
        """Return the chunk of some bytes.

        Returns:
            Array of the shape and dtype of `spec`, in native byte order, with any strides; it
            may be read-only and a view of `data`.

        Raises:
            ChunkCorruptionError: The bytes are not one chunk.
            CodecError: The chunk does not fit into memory.
        """
        try:
            if type(data) is not bytes:
                data = contiguous_view(data)
            chunk = self._decode(data)
            dtype = self.spec.dtype
            return chunk if chunk.dtype == dtype else chunk.astype(dtype)
        except MemoryError as error:
            raise self._too_large() from error

    def decode_into(self, data: Buffer, target: NDArray[Any]) -> None:
        """Decode a chunk to where it is wanted.

        Args:
            data: Bytes of the chunk.
            target: Writable array of the shape and dtype of `spec`, of any strides. It may have
                been changed where decoding fails.

        Raises:
            ChunkCorruptionError: The bytes are not one chunk.
            CodecError: The chunk does not fit into memory.
        """
        try:
            if type(data) is not bytes:
                data = contiguous_view(data)
            if self._decode_in_place is None or not self._decode_in_place(data, target):
                target[...] = self._decode(data)
        except MemoryError as error:
            raise self._too_large() from error

    @property
    def is_small(self) -> bool:
        """Whether chunks are so small that it pays to work on several at a time."""
        return 0 < (self.spec.nbytes or 0) <= _SMALL_NBYTES

    @property
    def decodes_many(self) -> bool:
        """Whether the codec that was applied last can decode several chunks in one call."""
        return bool(self._compressors) and isinstance(self._compressors[-1], DecodesMany)

    def decode_many(self, chunks: Sequence[Buffer]) -> list[NDArray[Any]] | None:
        """Return several chunks, or None where they have to be decoded one by one.

        Args:
            chunks: Bytes of each.

        Returns:
            Arrays as `decode` gives them. None says nothing about the chunks: decoding them
            one by one may succeed, or says what is wrong.
        """
        codec = self._compressors[-1] if self._compressors else None
        if not isinstance(codec, DecodesMany):
            return None
        contents = codec.decode_many(chunks)
        if contents is None:
            return None
        decoded = [self._decode(content, self._undo_bytes[1:]) for content in contents]
        return [chunk.astype(self.spec.dtype, copy=False) for chunk in decoded]

    def _decode(
        self, data: Buffer, undo_bytes: Sequence[Callable[[Buffer], Buffer]] | None = None
    ) -> NDArray[Any]:
        """Return a chunk that may still be in another byte order."""
        for undo in self._undo_bytes if undo_bytes is None else undo_bytes:
            data = undo(data)
        chunk = self._serializer.decode(data)
        for undo_array in self._undo_arrays:
            chunk = undo_array(chunk)
        return chunk

    def _find_decode_in_place(self) -> Callable[[Buffer, NDArray[Any]], bool] | None:
        """Return what writes a chunk to its place and says whether it could, if there is such.

        Elements in memory have to be what they are in the chunk, in an order that is only
        transposed, and the innermost compressor has to be able to write them there.
        """
        serializer = self._serializer
        if isinstance(serializer, ShardingCodec) and not self._compressors:
            return self._shard_in_place if not self._arrays else None
        axes = _transposition(self._arrays, len(self.spec.shape))
        if (
            axes is None
            or not self._compressors
            or not isinstance(serializer, BytesCodec)
            or not isinstance(self._compressors[0], DecodesInto)
            or serializer.dtype != self.spec.dtype
            or serializer.encoded.nbytes < _DIRECT_NBYTES
        ):
            return None
        decode_into = self._compressors[0].decode_into
        outer, dtype = self._undo_bytes[:-1], self.spec.dtype

        def decode_in_place(data: Buffer, target: NDArray[Any]) -> bool:
            stored = target.transpose(axes)
            if not stored.flags.c_contiguous or target.dtype != dtype:
                return False
            for undo in outer:
                data = undo(data)
            decode_into(data, stored.reshape(-1).view(np.uint8))
            return True

        return decode_in_place

    def _shard_in_place(self, data: Buffer, target: NDArray[Any]) -> bool:
        """Decode inner chunks to their places."""
        assert isinstance(self._serializer, ShardingCodec)  # noqa: S101  # what brought us here
        self._serializer.decode_into(data, target)
        return True

    def _too_large(self) -> CodecError:
        """Return the error that says that a chunk is too large for this machine."""
        message = (
            f"a chunk of shape {self.spec.shape} and dtype {self.spec.dtype} does not fit into "
            "memory; read it where there is more, or store the array in smaller chunks"
        )
        return CodecError(message)


def _transposition(codecs: Sequence[ArrayArrayCodec], ndim: int) -> tuple[int, ...] | None:
    """Return the order of dimensions after some codecs, None where they do something else."""
    axes = tuple(range(ndim))
    for codec in codecs:
        if not isinstance(codec, TransposeCodec):
            return None
        axes = tuple(axes[axis] for axis in codec.order)
    return axes
