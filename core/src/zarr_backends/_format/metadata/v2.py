"""Metadata of Zarr v2: ``.zarray``, with the attributes as the member ``attributes``.

What v2 says by order, filters and compressor becomes a list of codecs as v3 has it:
``transpose`` for order F, then ``v2:bytes`` or the codec of variable-length elements,
then filters and compressor under ``v2:`` and their id.

Members that are unknown are ignored, as the specification wants it.

Source: Zarr v2 specification, "Metadata".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zarr_backends._format.chunks.keys import encoding_of
from zarr_backends._format.data_types.data_type import data_type_of, default_fill_value
from zarr_backends._format.data_types.v2 import OBJECT_DTYPES, from_v2
from zarr_backends._format.fill_values.encoding import decode_fill_value
from zarr_backends._format.metadata.array_metadata import ArrayMetadata, names_in_attributes
from zarr_backends._format.metadata.members import (
    chunk_extents,
    extents,
    object_member,
    refuse,
    refuse_large_chunk,
)
from zarr_backends.errors import MetadataError

__all__ = ["parse_v2"]


def parse_v2(document: dict[str, Any]) -> ArrayMetadata:
    """Return what a v2 document says, after checking it.

    Raises:
        MetadataError: It is not that of an array, or asks for what is not supported.
    """
    for member in ("shape", "chunks", "dtype"):
        if member not in document:
            message = f"metadata lacks the member {member!r}; it is required by Zarr v2"
            raise MetadataError(message)
    shape = extents(document["shape"], "shape")
    chunks = chunk_extents(document["chunks"], "chunks", len(shape))
    order = document.get("order", "C")
    if order not in ("C", "F"):
        refuse("order", order, "'C' or 'F'")
    stored = _stored_codecs(document)
    object_codec = next((codec["id"] for codec in stored if codec["id"] in OBJECT_DTYPES), None)
    stored_dtype = from_v2(document["dtype"], object_codec)
    data_type = data_type_of(stored_dtype)
    refuse_large_chunk(chunks, stored_dtype.itemsize, "chunks")
    # "Undefined" is what null means in v2; the dtype's zero is what others take it for.
    fill_value = document.get("fill_value")
    attributes = dict(object_member(document, "attributes"))
    if chunks != tuple(document["chunks"]):
        document = {**document, "chunks": list(chunks)}
    return ArrayMetadata(
        zarr_format=2,
        shape=shape,
        data_type=data_type,
        stored_dtype=stored_dtype,
        chunk_shape=chunks,
        fill_value=default_fill_value(data_type.dtype)
        if fill_value is None
        else decode_fill_value(fill_value, data_type.dtype, stored_dtype),
        codecs=_transposed(order, len(shape)) + _as_v3(stored, data_type.is_variable_length),
        key_encoding=encoding_of(document),
        order=order,
        dimension_names=names_in_attributes(attributes, len(shape)),
        attributes=attributes,
        document=document,
    )


def _stored_codecs(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return filters and compressor, in encoding order.

    Raises:
        MetadataError: One of them is malformed.
    """
    filters = document.get("filters")
    if filters is None:
        filters = []
    if not isinstance(filters, list | tuple):
        refuse("filters", filters, "null or a list of objects with an id")
    compressor = document.get("compressor")
    codecs = [*filters, *([] if compressor is None else [compressor])]
    for codec in codecs:
        if not isinstance(codec, Mapping) or not isinstance(codec.get("id"), str):
            refuse("every filter and the compressor", codec, "an object with an id")
    return codecs


def _as_v3(stored: list[Mapping[str, Any]], is_variable_length: bool) -> tuple[dict[str, Any], ...]:  # noqa: FBT001
    """Return filters and compressor as codecs, and before them what makes bytes of elements.

    Raises:
        MetadataError: The codec of variable-length elements is not the first filter.
    """
    codecs = [
        {
            "name": f"v2:{codec['id']}",
            "configuration": {name: value for name, value in codec.items() if name != "id"},
        }
        for codec in stored
    ]
    if not is_variable_length:
        return ({"name": "v2:bytes"}, *codecs)
    first = stored[0]["id"]
    if first not in OBJECT_DTYPES:
        refuse("the first filter of dtype '|O'", first, "'vlen-utf8' or 'vlen-bytes'")
    return ({"name": first}, *codecs[1:])


def _transposed(order: str, ndim: int) -> tuple[dict[str, Any], ...]:
    """Return the codec that reverses the dimensions, where order is F."""
    if order == "C" or ndim < 2:  # noqa: PLR2004  # one dimension has one order
        return ()
    return ({"name": "transpose", "configuration": {"order": list(range(ndim))[::-1]}},)
