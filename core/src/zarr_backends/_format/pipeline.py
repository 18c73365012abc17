"""All codecs of an array, one after the other: chunks to bytes and back.

1. Codecs that change arrays come first, then the one that writes them as bytes, then those
   that change bytes. Everything that depends on the array alone is worked out once.
2. Decoding runs through them backwards. A chunk that the innermost compressor can write
   where it is wanted is not copied again.

Source: Zarr core specification 3, "Chunk encoding"; for Zarr v2, "Filters".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunk_spec import ChunkSpec
from zarr_backends._format.codecs.base import (
    ArrayArrayCodec,
    ArrayBytesCodec,
    BytesBytesCodec,
    DecodesInto,
    Extent,
)
from zarr_backends._format.codecs.bytes import BytesCodec
from zarr_backends._format.codecs.options import Options
from zarr_backends._format.codecs.registry import ARRAY_ARRAY, ARRAY_BYTES, bytes_bytes
from zarr_backends._format.codecs.transpose import TransposeCodec
from zarr_backends._format.sharding import ShardingCodec
from zarr_backends.contract import Buffer
from zarr_backends.errors import CodecError

__all__ = ["CodecPipeline", "build_pipeline"]

_DIRECT_NBYTES = 192 * 2**10
"""Bytes of the smallest chunk that is decompressed in place. For smaller ones it takes
longer to prepare that than to copy them."""


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
            CodecError: The chunk has another shape, or values that a codec does not take.
        """
        if chunk.shape != self.spec.shape:
            message = f"a chunk of shape {chunk.shape} is not one of shape {self.spec.shape}"
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
            if self._decode_in_place is None or not self._decode_in_place(data, target):
                target[...] = self._decode(data)
        except MemoryError as error:
            raise self._too_large() from error

    def _decode(self, data: Buffer) -> NDArray[Any]:
        """Return a chunk that may still be in another byte order."""
        for undo in self._undo_bytes:
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


def build_pipeline(codecs: Sequence[Mapping[str, Any]], spec: ChunkSpec) -> CodecPipeline:
    """Return the codecs of an array.

    Args:
        codecs: In the order of encoding, objects with a ``name`` and maybe a ``configuration``,
            or names alone. Codecs of Zarr v2 are called ``v2:`` and their id; the first of
            them is ``v2:bytes``.
        spec: The chunks.

    Raises:
        CodecError: A codec is unknown or misconfigured, does not go with such chunks, or stands
            where it cannot.

    >>> chunks = ChunkSpec((2,), np.dtype("int16"), np.dtype("int16"), np.int16(0))
    >>> pipeline = build_pipeline([{"name": "bytes", "configuration": {"endian": "big"}}], chunks)
    >>> pipeline.encode(np.array([1, 2], "int16")).hex()
    '00010002'
    """
    options = [_options(codec) for codec in codecs]
    first = next((i for i, each in enumerate(options) if each.name not in ARRAY_ARRAY), None)
    if first is None:
        names = ", ".join(each.name for each in options)
        message = f"the codecs ({names}) lack one that makes bytes of arrays; 'bytes' does"
        raise CodecError(message)
    arrays: list[ArrayArrayCodec] = []
    current = spec
    for each in options[:first]:
        arrays.append(ARRAY_ARRAY[each.name](each, current))
        each.finish()
        current = arrays[-1].encoded
    rest = options[first:]
    if len(rest) > 1 and rest[0].name == "v2:bytes" and rest[1].name in ARRAY_BYTES:
        # A compressor of v2 that wants the array itself.
        del rest[0]
    serializer = _serializer(rest[0], current)
    compressors: list[BytesBytesCodec] = []
    extent = serializer.encoded
    for each in rest[1:]:
        compressors.append(_compressor(each, extent))
        extent = compressors[-1].encoded
    return CodecPipeline(spec, arrays, serializer, compressors)


def _options(codec: object) -> Options:
    """Return the name and options of a codec.

    Raises:
        CodecError: It has none.
    """
    if isinstance(codec, str):
        return Options(codec, {})
    if isinstance(codec, Mapping) and isinstance(name := codec.get("name"), str):
        configuration = codec.get("configuration")
        if configuration is None:
            return Options(name, {})
        if isinstance(configuration, Mapping):
            return Options(name, configuration)
    message = f"a codec is an object with a name and a configuration, not {codec!r:.80}"
    raise CodecError(message)


def _serializer(options: Options, spec: ChunkSpec) -> ArrayBytesCodec:
    """Return the codec that writes arrays as bytes.

    Raises:
        CodecError: It is another kind of codec, or misconfigured.
    """
    codec: ArrayBytesCodec
    if options.name == "sharding_indexed":
        codec = ShardingCodec.of_v3(options, spec, build_pipeline)
    elif options.name in ARRAY_BYTES:
        codec = ARRAY_BYTES[options.name](options, spec)
    else:
        bytes_bytes(options.name)
        message = f"codec {options.name!r} changes bytes: put 'bytes' before it"
        raise CodecError(message)
    options.finish()
    return codec


def _compressor(options: Options, extent: Extent) -> BytesBytesCodec:
    """Return a codec that changes bytes.

    Raises:
        CodecError: It is another kind of codec, or misconfigured.
    """
    if options.name in ARRAY_ARRAY or options.name in (*ARRAY_BYTES, "sharding_indexed"):
        message = f"codec {options.name!r} takes arrays: it cannot follow one that makes bytes"
        raise CodecError(message)
    codec = bytes_bytes(options.name)(options, extent)
    options.finish()
    return codec


def _transposition(codecs: Sequence[ArrayArrayCodec], ndim: int) -> tuple[int, ...] | None:
    """Return the order of dimensions after some codecs, None where they do something else."""
    axes = tuple(range(ndim))
    for codec in codecs:
        if not isinstance(codec, TransposeCodec):
            return None
        axes = tuple(axes[axis] for axis in codec.order)
    return axes
