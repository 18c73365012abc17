"""Codecs by their names in metadata.

Names are those of Zarr v3. Those that start with ``v2:`` are ids of Zarr v2, as
`zarr_backends._format.metadata_v2` hands them on. What is not found here is asked of
numcodecs, which is loaded only then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from zarr_backends._format.chunk_spec import ChunkSpec
from zarr_backends._format.codecs.base import PipelineBuilder
from zarr_backends._format.codecs.bytes import v2_bytes, v3_bytes
from zarr_backends._format.codecs.crc32c import Crc32cCodec
from zarr_backends._format.codecs.gzip import GzipCodec, ZlibCodec
from zarr_backends._format.codecs.transpose import TransposeCodec
from zarr_backends._format.codecs.vlen import VlenBytesSerializer, VlenUtf8Serializer
from zarr_backends._format.codecs.zstd import ZstdCodec
from zarr_backends._format.sharding import ShardingCodec
from zarr_backends.errors import CodecError

__all__ = ["Kind", "make_codec"]


class Kind(Enum):
    """What a codec makes of what."""

    ARRAY = "array -> array"
    SERIALIZER = "array -> bytes"
    BYTES = "bytes -> bytes"


_ARRAY: dict[str, Callable[[Any, ChunkSpec], Any]] = {"transpose": TransposeCodec}

_SERIALIZERS: dict[str, Callable[[Any, ChunkSpec], Any]] = {
    "bytes": v3_bytes,
    "v2:bytes": v2_bytes,
    "vlen-utf8": VlenUtf8Serializer,
    "vlen-bytes": VlenBytesSerializer,
}

_BYTES: dict[str, Callable[[Any], Any]] = {
    "gzip": GzipCodec,
    "zstd": ZstdCodec,
    "crc32c": Crc32cCodec,
    "v2:gzip": GzipCodec,
    "v2:zlib": ZlibCodec,
    "v2:zstd": ZstdCodec,
    "numcodecs.gzip": GzipCodec,
    "numcodecs.zlib": ZlibCodec,
    "numcodecs.zstd": ZstdCodec,
}


def make_codec(entry: Any, spec: ChunkSpec, build: PipelineBuilder) -> tuple[Kind, Any, str]:
    """Return one codec with its kind and its name.

    Args:
        entry: Object with ``name`` and ``configuration``, or the name alone.
        spec: What the codec encodes.
        build: Makes the pipelines inside a sharding codec.

    Raises:
        CodecError: The codec is unknown or misconfigured.
    """
    name, configuration = _named(entry)
    if name == "sharding_indexed":
        return Kind.SERIALIZER, ShardingCodec(configuration, spec, build), name
    if name in _ARRAY:
        return Kind.ARRAY, _ARRAY[name](configuration, spec), name
    if name in _SERIALIZERS:
        return Kind.SERIALIZER, _SERIALIZERS[name](configuration, spec), name
    if name in _BYTES:
        return Kind.BYTES, _BYTES[name](configuration), name
    # Most arrays need none of these, and importing numcodecs costs more than numpy does.
    from zarr_backends._format.codecs.numcodecs import make_numcodecs  # noqa: PLC0415

    kind, codec = make_numcodecs(name, configuration, spec)
    return Kind(kind), codec, name


def _named(entry: Any) -> tuple[str, Mapping[str, Any]]:
    """Return name and configuration of a codec entry."""
    name = entry if isinstance(entry, str) else None
    configuration: Any = {}
    if isinstance(entry, Mapping):
        name, configuration = entry.get("name"), entry.get("configuration") or {}
    if not isinstance(name, str) or not isinstance(configuration, Mapping):
        message = f"a codec is an object with a name and a configuration, not {entry!r:.80}"
        raise CodecError(message)
    return name, configuration
