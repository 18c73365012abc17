"""Metadata of a new array, from the words of those who create it.

1. The dtype, the shape and the chunks are worked out.
2. The document is built, strictly as the specification has it.
3. It is parsed like any other, so that what is created is what will be opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from zarr_backends._format.creation.auto_chunks import VARIABLE_LENGTH_NBYTES
from zarr_backends._format.creation.chunk_options import array_shape, chunk_layout
from zarr_backends._format.creation.codec_options import codec_list
from zarr_backends._format.creation.new_documents import Request, document_v2, document_v3
from zarr_backends._format.data_types.data_type import data_type_of, parse_dtype
from zarr_backends._format.fill_values.casting import cast_fill_value
from zarr_backends._format.metadata.array_metadata import ArrayMetadata
from zarr_backends._format.metadata.json_values import json_object
from zarr_backends._format.metadata.parsing import parse_metadata
from zarr_backends.contract import ZarrFormat
from zarr_backends.errors import ConfigurationError, MetadataError

__all__ = ["new_metadata"]


def new_metadata(  # noqa: PLR0913  # zarr-python's users know them all
    *,
    shape: int | Sequence[int],
    dtype: Any,
    chunks: Any = "auto",
    shards: Any = None,
    fill_value: Any = None,
    compressor: Any = "auto",
    codecs: Sequence[Any] | None = None,
    filters: Sequence[Any] | None = None,
    dimension_names: Sequence[str | None] | None = None,
    attributes: Mapping[str, Any] | None = None,
    zarr_format: ZarrFormat = 3,
    order: Literal["C", "F"] = "C",
    chunk_key_encoding: Any = None,
) -> ArrayMetadata:
    """Return the metadata of a new array.

    Args:
        shape: Elements along each dimension; an integer for one dimension, ``()`` for none.
        dtype: What ``np.dtype`` takes, ``"string"`` (or ``str``), or ``"bytes"`` for byte
            strings of variable length. Its byte order is that of the stored elements.
        chunks: ``"auto"``, an integer for every dimension, or one length a dimension, where
            -1 or None is the whole.
        shards: None, or lengths as in `chunks`, multiples of the chunks' (v3 only).
        fill_value: What unwritten elements are; None for zero, ``""`` or "not a time".
        compressor: ``"auto"`` for zstd, None for none, a name, a dict with ``"id"`` or
            ``"name"``, or a codec of numcodecs or zarr-python.
        codecs: Complete list of v3 codecs of a chunk, in place of `filters`, `compressor`
            and `order`; of the chunks inside, where `shards` is given.
        filters: Codecs that see the elements before they become bytes (v3), or before they
            are compressed (v2).
        dimension_names: A name or None for each dimension; of v2, names without None, kept
            in the attribute that xarray reads.
        attributes: The user's attributes; NumPy's scalars and arrays become JSON.
        zarr_format: 3 or 2.
        order: ``"F"`` to let the first index run fastest within a chunk.
        chunk_key_encoding: ``"default"`` or ``"v2"``, a dict or an object with name and
            separator; of v2 the separator alone, ``"."`` or ``"/"``, will do.

    Raises:
        ConfigurationError: An argument is impossible; ``option`` says which.

    Source: Zarr core specification 3, "Array metadata"; Zarr v2 specification, "Metadata".

    >>> new_metadata(shape=(100, 100), dtype="int16", chunks=(10, -1)).chunk_shape
    (10, 100)
    """
    if zarr_format not in (2, 3) or not isinstance(zarr_format, int):
        message = f"zarr_format must be 2 or 3, not {zarr_format!r:.80}"
        raise ConfigurationError(message, option="zarr_format")
    if order not in ("C", "F"):
        message = f"order must be 'C' or 'F', not {order!r:.80}"
        raise ConfigurationError(message, option="order")
    stored_dtype = parse_dtype(dtype)
    data_type = data_type_of(stored_dtype)
    lengths = array_shape(shape)
    itemsize = VARIABLE_LENGTH_NBYTES if data_type.is_variable_length else stored_dtype.itemsize
    chunk_shape, shard_shape = chunk_layout(lengths, chunks, shards, itemsize)
    request = Request(
        shape=lengths,
        dtype=stored_dtype,
        data_type=data_type,
        chunks=chunk_shape,
        shards=shard_shape,
        fill_value=cast_fill_value(fill_value, data_type.dtype),
        compressor=compressor,
        codecs=None if codecs is None else codec_list(codecs, "codecs"),
        filters=codec_list(filters, "filters"),
        dimension_names=_dimension_names(dimension_names, len(lengths)),
        attributes=json_object({} if attributes is None else attributes, "attributes"),
        order=order,
        chunk_key_encoding=chunk_key_encoding,
    )
    document = document_v2(request) if zarr_format == 2 else document_v3(request)  # noqa: PLR2004
    try:
        return parse_metadata(document)
    except MetadataError as error:
        message = f"such an array cannot be: {error}"
        raise ConfigurationError(message) from error


def _dimension_names(names: Any, ndim: int) -> list[str | None] | None:
    """Return dimension names as a list.

    Raises:
        ConfigurationError: They are malformed, or not as many as the dimensions.
    """
    if names is None:
        return None
    plain = list(names) if hasattr(names, "__iter__") and not isinstance(names, str) else []
    if len(plain) != ndim or not all(isinstance(name, str | None) for name in plain):
        message = f"dimension_names must be {ndim} strings or None, not {names!r:.80}"
        raise ConfigurationError(message, option="dimension_names")
    return plain
