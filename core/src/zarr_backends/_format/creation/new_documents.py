"""Metadata documents of new arrays, strictly as the specifications have them.

Source: Zarr core specification 3, "Array metadata"; Zarr v2 specification, "Metadata".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from zarr_backends._format.creation.codec_options import codec_v2, codec_v3, endian_bytes
from zarr_backends._format.creation.key_options import key_encoding
from zarr_backends._format.data_types.data_type import DataType
from zarr_backends._format.data_types.v2 import to_v2
from zarr_backends._format.data_types.v3 import to_v3
from zarr_backends._format.fill_values.encoding import encode_fill_value
from zarr_backends._format.metadata.array_metadata import DIMENSIONS_ATTRIBUTE
from zarr_backends.errors import ConfigurationError

__all__ = ["Request", "document_v2", "document_v3"]

_OBJECT_CODECS = {"T": "vlen-utf8", "O": "vlen-bytes"}
"""Codecs of variable-length elements, by NumPy's kind of their dtype."""


class Request(NamedTuple):
    """What `new_metadata` was asked for; dtype, shape and chunks already worked out."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    data_type: DataType
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    fill_value: Any
    compressor: Any
    codecs: Sequence[Any] | None
    filters: Sequence[Any]
    dimension_names: list[str | None] | None
    attributes: dict[str, Any]
    order: Literal["C", "F"]
    chunk_key_encoding: Any


def document_v3(request: Request) -> dict[str, Any]:
    """Return a ``zarr.json`` document.

    Raises:
        ConfigurationError: Arguments contradict one another.
    """
    encoding = key_encoding(request.chunk_key_encoding, "default")
    codecs = _codecs_v3(request)
    if request.shards is not None:
        codecs = [_sharding(request.chunks, codecs)]
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(request.shape),
        "data_type": to_v3(request.data_type),
        "chunk_grid": {
            "name": "regular",
            "configuration": {"chunk_shape": list(request.shards or request.chunks)},
        },
        "chunk_key_encoding": {
            "name": encoding.name,
            "configuration": {"separator": encoding.separator},
        },
        "fill_value": encode_fill_value(request.fill_value, request.dtype, 3),
        "codecs": codecs,
        "attributes": request.attributes,
    }
    if request.dimension_names is not None:
        document["dimension_names"] = request.dimension_names
    return document


def _codecs_v3(request: Request) -> list[dict[str, Any]]:
    """Return the codecs of a chunk, or of a chunk inside a shard.

    Raises:
        ConfigurationError: `codecs` is given with what it replaces.
    """
    dtype = request.dtype
    if request.codecs is not None:
        if not _is_auto(request.compressor) or request.filters or request.order == "F":
            message = (
                "codecs is the complete list: leave out compressor, filters and order, and put "
                "them into it"
            )
            raise ConfigurationError(message, option="codecs")
        return [codec_v3(codec, dtype, "codecs") for codec in request.codecs]
    codecs: list[dict[str, Any]] = []
    if request.order == "F" and len(request.shape) > 1:
        order = list(range(len(request.shape)))[::-1]
        codecs.append({"name": "transpose", "configuration": {"order": order}})
    codecs += [codec_v3(codec, dtype, "filters") for codec in request.filters]
    if request.data_type.is_variable_length:
        codecs.append({"name": _OBJECT_CODECS[dtype.kind], "configuration": {}})
    else:
        codecs.append(endian_bytes(dtype))
    compressor = "zstd" if _is_auto(request.compressor) else request.compressor
    if compressor is not None:
        codecs.append(codec_v3(compressor, dtype, "compressor"))
    return codecs


def _sharding(chunks: tuple[int, ...], codecs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the codec of a shard; its index carries a checksum and stands at the end."""
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    return {
        "name": "sharding_indexed",
        "configuration": {
            "chunk_shape": list(chunks),
            "codecs": codecs,
            "index_codecs": [little, {"name": "crc32c"}],
            "index_location": "end",
        },
    }


def document_v2(request: Request) -> dict[str, Any]:
    """Return a ``.zarray`` document with the attributes as a member.

    Raises:
        ConfigurationError: Something is asked for that Zarr v2 has not.
    """
    for option in ("shards", "codecs"):
        if getattr(request, option) is not None:
            message = f"{option} exists in Zarr v3 only; leave it out or take zarr_format=3"
            raise ConfigurationError(message, option=option)
    filters = [codec_v2(codec, "filters") for codec in request.filters]
    if request.data_type.is_variable_length:
        own = _OBJECT_CODECS[request.dtype.kind]
        filters = [{"id": own}, *(codec for codec in filters if codec["id"] != own)]
    compressor = "zstd" if _is_auto(request.compressor) else request.compressor
    return {
        "zarr_format": 2,
        "shape": list(request.shape),
        "chunks": list(request.chunks),
        "dtype": to_v2(request.dtype),
        "fill_value": encode_fill_value(request.fill_value, request.dtype, 2),
        "order": request.order,
        "filters": filters or None,
        "dimension_separator": key_encoding(request.chunk_key_encoding, "v2").separator,
        "compressor": None if compressor is None else codec_v2(compressor, "compressor"),
        "attributes": _attributes_v2(request),
    }


def _attributes_v2(request: Request) -> dict[str, Any]:
    """Return the attributes, the dimension names among them as xarray has them.

    Raises:
        ConfigurationError: A name is None, or the attribute says something else.
    """
    names = request.dimension_names
    if names is None:
        return request.attributes
    if None in names or request.attributes.get(DIMENSIONS_ATTRIBUTE, names) != names:
        message = (
            f"dimension_names {names!r:.80} must be strings in Zarr v2, and agree with the "
            f"attribute {DIMENSIONS_ATTRIBUTE!r} where it is given"
        )
        raise ConfigurationError(message, option="dimension_names")
    return {**request.attributes, DIMENSIONS_ATTRIBUTE: names}


def _is_auto(compressor: Any) -> bool:
    """Whether the choice of a compressor is left to us."""
    return isinstance(compressor, str) and compressor == "auto"
