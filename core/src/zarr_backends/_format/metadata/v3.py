"""Metadata of Zarr v3: ``zarr.json`` of an array.

Source: Zarr core specification 3, "Array metadata".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from zarr_backends._format.chunks.keys import encoding_of
from zarr_backends._format.data_types.v3 import from_v3
from zarr_backends._format.fill_values.encoding import decode_fill_value
from zarr_backends._format.metadata.array_metadata import ArrayMetadata
from zarr_backends._format.metadata.codec_members import (
    Codecs,
    codec_objects,
    inner_chunk_shape,
    innermost_codecs,
    is_big_endian,
    order_of,
    sharding_of,
)
from zarr_backends._format.metadata.members import (
    chunk_extents,
    extents,
    object_member,
    refuse,
    show,
)
from zarr_backends.errors import MetadataError

__all__ = ["parse_v3"]

_REQUIRED = (
    "shape",
    "data_type",
    "chunk_grid",
    "chunk_key_encoding",
    "fill_value",
    "codecs",
)
_KNOWN = frozenset(_REQUIRED).union(
    ("zarr_format", "node_type", "attributes", "dimension_names", "storage_transformers")
)


def parse_v3(document: dict[str, Any]) -> ArrayMetadata:
    """Return what a v3 document says, after checking it.

    Raises:
        MetadataError: It is not that of an array, or asks for what is not supported.
    """
    _check_members(document)
    shape = extents(document["shape"], "shape")
    data_type = from_v3(document["data_type"])
    codecs = codec_objects(document["codecs"], "codecs")
    chunk_shape, document = _chunk_shape(document, len(shape), codecs)
    innermost = innermost_codecs(chunk_shape, codecs, data_type.dtype.itemsize)
    little = _with_byte_order(data_type.dtype, "<")
    big = any(is_big_endian(codec) for codec in innermost)
    return ArrayMetadata(
        zarr_format=3,
        shape=shape,
        data_type=data_type,
        stored_dtype=_with_byte_order(data_type.dtype, ">") if big else little,
        chunk_shape=chunk_shape,
        fill_value=decode_fill_value(document["fill_value"], data_type.dtype, little),
        codecs=codecs,
        key_encoding=encoding_of(document),
        order=order_of(innermost, len(shape)),
        dimension_names=_dimension_names(document.get("dimension_names"), len(shape)),
        attributes=dict(object_member(document, "attributes")),
        document=document,
    )


def _check_members(document: Mapping[str, Any]) -> None:
    """Refuse a document that lacks members, or has others that have to be understood.

    Raises:
        MetadataError: It does.
    """
    if document.get("node_type") != "array":
        refuse("node_type", document.get("node_type"), "'array'")
    for member in _REQUIRED:
        if member not in document:
            message = f"metadata lacks the member {member!r}; it is required by Zarr v3"
            raise MetadataError(message)
    for member in document.keys() - _KNOWN:
        value = document[member]
        if not isinstance(value, Mapping) or value.get("must_understand") is not False:
            message = (
                f"metadata has the unknown member {show(member)}; it is refused unless it says "
                '"must_understand": false'
            )
            raise MetadataError(message)
    if document.get("storage_transformers"):
        value = document["storage_transformers"]
        refuse("storage_transformers", value, "absent: none is supported")


def _chunk_shape(
    document: dict[str, Any], ndim: int, codecs: Codecs
) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Return the chunk shape, and the document with a chunk size of 0 replaced.

    Raises:
        MetadataError: The chunk grid is malformed, or not a regular one.
    """
    grid = document["chunk_grid"]
    if not isinstance(grid, Mapping) or grid.get("name") != "regular":
        refuse("chunk_grid", grid, "an object with the name 'regular'")
    configuration = object_member(grid, "configuration")
    stored, sharding = configuration.get("chunk_shape"), sharding_of(codecs)
    units = None if sharding is None else inner_chunk_shape(sharding, ndim)
    chunk_shape = chunk_extents(stored, "chunk_shape", ndim, units)
    if chunk_shape != tuple(stored or ()):
        configuration = {**configuration, "chunk_shape": list(chunk_shape)}
        document = {**document, "chunk_grid": {**grid, "configuration": configuration}}
    return chunk_shape, document


def _with_byte_order(dtype: np.dtype[Any], order: Literal["<", ">"]) -> np.dtype[Any]:
    """Return a dtype in a byte order, where it has one."""
    return dtype if dtype.kind in "TO" else dtype.newbyteorder(order)


def _dimension_names(value: object, ndim: int) -> tuple[str | None, ...] | None:
    """Return the names of the dimensions, if there are any.

    Raises:
        MetadataError: They are malformed, or not as many as the dimensions.
    """
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != ndim:
        refuse("dimension_names", value, f"a list of {ndim} names or nulls")
    for name in value:
        if name is not None and not isinstance(name, str):
            refuse("every entry of dimension_names", name, "a string or null")
    return tuple(value)
