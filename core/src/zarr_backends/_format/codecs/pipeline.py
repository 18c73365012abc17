"""The codecs of an array as its metadata lists them, put together.

Source: Zarr core specification 3, "codecs"; Zarr v2 specification, "filters", "compressor".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zarr_backends._format.chunks.spec import ChunkSpec
from zarr_backends._format.codecs.base import (
    ArrayArrayCodec,
    ArrayBytesCodec,
    BytesBytesCodec,
    Extent,
)
from zarr_backends._format.codecs.codec_pipeline import CodecPipeline
from zarr_backends._format.codecs.options import Options
from zarr_backends._format.codecs.registry import ARRAY_ARRAY, ARRAY_BYTES, bytes_bytes
from zarr_backends._format.codecs.sharding import ShardingCodec
from zarr_backends.errors import CodecError

__all__ = ["CodecPipeline", "build_pipeline"]


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

    >>> import numpy as np
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
