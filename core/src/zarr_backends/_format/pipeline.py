"""The codecs of an array, put together once and then run for every chunk.

Encoding goes through the codecs in their order, decoding back. How many bytes may come out
of each step of decoding is worked out here, so that no codec has to trust what it reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunk_spec import ChunkSpec
from zarr_backends._format.codecs.base import (
    ArrayCodec,
    BytesCodec,
    DirectBytesCodec,
    Serializer,
)
from zarr_backends._format.codecs.registry import Kind, make_codec
from zarr_backends._format.sharding import ShardingCodec
from zarr_backends.contract import Buffer
from zarr_backends.errors import CodecError

__all__ = ["CodecPipeline", "build_pipeline"]

_SCRATCH_NBYTES = 128 * 2**10
"""From this size on, memory for a decoded chunk is kept and used again: a fresh allocation
would cost a page fault for every 4 KiB."""


class CodecPipeline:
    """All codecs of an array, or of the inner chunks of a shard."""

    def __init__(
        self,
        spec: ChunkSpec,
        array_codecs: Sequence[ArrayCodec],
        serializer: Serializer,
        bytes_codecs: Sequence[BytesCodec],
    ) -> None:
        """Work out the sizes between the codecs; `build_pipeline` makes the codecs."""
        self.spec = spec
        self._array_codecs = tuple(array_codecs)
        self._serializer = serializer
        self._bytes_codecs = tuple(bytes_codecs)
        self.fixed_nbytes = serializer.fixed_nbytes
        self.max_nbytes = serializer.max_nbytes
        steps: list[tuple[BytesCodec, int, bool]] = []
        for codec in bytes_codecs:
            fixed = self.fixed_nbytes
            limit = self.max_nbytes if fixed is None else fixed
            steps.append((codec, limit, fixed is not None))
            self.fixed_nbytes = None if fixed is None else codec.fixed_nbytes(fixed)
            self.max_nbytes = codec.max_nbytes(limit)
        self._decoding = tuple(reversed(steps))
        alone = not array_codecs and not bytes_codecs
        self.sharding = serializer if alone and isinstance(serializer, ShardingCodec) else None
        self._direct = self._direct_codec()
        self._scratch = local()

    def _direct_codec(self) -> DirectBytesCodec | None:
        """Return the codec that can fill an array by itself, if nothing else is needed."""
        plain = not self._array_codecs and self._serializer.native_dtype is not None
        if plain and len(self._bytes_codecs) == 1:
            codec = self._bytes_codecs[0]
            return codec if isinstance(codec, DirectBytesCodec) else None
        return None

    def encode(self, chunk: NDArray[Any]) -> Buffer:
        """Return the bytes of a chunk.

        Args:
            chunk: Array of ``spec.shape`` and ``spec.dtype``, any strides. The bytes may be
                a view of it.
        """
        for codec in self._array_codecs:
            chunk = codec.encode(chunk)
        data = self._serializer.encode(chunk)
        for bytes_codec in self._bytes_codecs:
            data = bytes_codec.encode(data)
        return data

    def decode(self, data: Buffer) -> NDArray[Any]:
        """Return the chunk, an array of ``spec.shape`` and ``spec.dtype``.

        It may be a read-only view of `data`.

        Raises:
            ChunkCorruptionError: The bytes are not exactly one chunk.
        """
        for codec, limit, exact in self._decoding:
            data = codec.decode(data, limit, exact=exact)
        array = self._serializer.decode(data)
        for array_codec in reversed(self._array_codecs):
            array = array_codec.decode(array)
        return array

    def decode_into(self, data: Buffer, target: NDArray[Any]) -> None:
        """Decode a chunk into memory that is there.

        Args:
            data: Stored bytes, not trusted.
            target: Array of ``spec.shape`` and any strides; its content is undefined after
                an error.

        Raises:
            ChunkCorruptionError: The bytes are not exactly one chunk.
        """
        if self._direct is None:
            target[...] = self.decode(data)
        elif target.flags.c_contiguous and target.dtype == self.spec.dtype:
            self._direct.decode_into(data, _bytes_of(target))
        elif target.nbytes < _SCRATCH_NBYTES:
            target[...] = self.decode(data)
        else:
            scratch = self._scratch_array()
            self._direct.decode_into(data, _bytes_of(scratch))
            target[...] = scratch

    def _scratch_array(self) -> NDArray[Any]:
        """Return this thread's array of a chunk's shape."""
        try:
            array: NDArray[Any] = self._scratch.array
        except AttributeError:
            array = self._scratch.array = np.empty(self.spec.shape, self.spec.dtype)
        return array


def build_pipeline(codecs: Sequence[Mapping[str, Any] | str], spec: ChunkSpec) -> CodecPipeline:
    """Return the pipeline of a list of codecs as metadata has it.

    Args:
        codecs: Objects with ``name`` and ``configuration``; names alone are taken too.
        spec: What is encoded.

    Returns:
        The pipeline.

    Raises:
        CodecError: A codec is unknown, misconfigured, or out of place.

    Source: Zarr core specification 3, "Codecs".
    """
    array_codecs: list[Any] = []
    serializers: list[Any] = []
    bytes_codecs: list[Any] = []
    current = spec
    for entry in codecs:
        kind, codec, name = make_codec(entry, current, build_pipeline)
        if kind is Kind.ARRAY and not serializers:
            array_codecs.append(codec)
            current = codec.encoded_spec
        elif kind is Kind.SERIALIZER and not serializers:
            serializers.append(codec)
        elif kind is Kind.BYTES and serializers:
            bytes_codecs.append(codec)
        else:
            message = (
                f"codec {name!r} is out of place: array codecs come first, then exactly one that "
                "makes bytes of arrays ('bytes', say), then those of bytes"
            )
            raise CodecError(message)
    if not serializers:
        message = "no codec makes bytes of arrays; add 'bytes'"
        raise CodecError(message)
    return CodecPipeline(spec, array_codecs, serializers[0], bytes_codecs)


def _bytes_of(array: NDArray[Any]) -> memoryview:
    """Return a writable view of the bytes of a contiguous array."""
    return memoryview(array.reshape(-1).view(np.uint8))
