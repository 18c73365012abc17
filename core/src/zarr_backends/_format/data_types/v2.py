"""The ``dtype`` member of Zarr v2 documents: NumPy's type strings, and lists of fields.

Only what the specification allows is given to NumPy, never a string as it stands.
Netcdf-C and the Java and Julia libraries write byte orders that say nothing
(``"<u1"``, ``"<V4"``); they are read.

Source: Zarr v2 specification, "Data type encoding".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import numpy as np

from zarr_backends._format.data_types.data_type import (
    MAX_ITEM_NBYTES,
    MAX_STRUCT_DEPTH,
    MAX_TIME_SCALE,
    data_type_of,
    time_dtype,
)
from zarr_backends._format.metadata.members import extents, refuse, show
from zarr_backends.errors import MetadataError

__all__ = ["OBJECT_DTYPES", "from_v2", "to_v2"]

OBJECT_DTYPES: dict[str, np.dtype[Any]] = {
    "vlen-utf8": np.dtypes.StringDType(),
    "vlen-bytes": np.dtype(object),
}
"""What ``"|O"`` means, by the filter that stores it. No other filter is read: most of them
would run code from the chunk."""

_TYPE_STRING = re.compile(
    r"([<>|])(?:(b1|[iu][1248]|f[248]|c8|c16)|([SUV])([1-9][0-9]{0,9})"
    r"|([mM])8(?:\[([1-9][0-9]{0,9})?(Y|M|W|D|h|m|s|ms|us|μs|ns|ps|fs|as|generic)\])?)"
)
"""Byte order, then a number, a kind and a length, or a time with a scale and a unit."""


def from_v2(document: object, object_codec: str | None = None, depth: int = 0) -> np.dtype[Any]:
    """Return the stored dtype that a ``dtype`` member names, byte order kept.

    Args:
        document: The member: a type string, or a list of fields.
        object_codec: Id of the filter that stores variable-length elements, if there is one.
        depth: How many structures it is nested in.

    Raises:
        MetadataError: It is malformed, or names a dtype that is not supported.
    """
    if isinstance(document, str):
        return _from_type_string(document, object_codec)
    if not isinstance(document, list | tuple) or not document or depth >= MAX_STRUCT_DEPTH:
        expected = f"a type string or a list of fields, at most {MAX_STRUCT_DEPTH} deep"
        refuse("dtype", document, expected)
    fields = [_field_from_v2(field, depth + 1) for field in document]
    try:
        dtype = np.dtype(fields)
        data_type_of(dtype)
    except (ValueError, TypeError) as error:
        message = f"dtype {show(document)} makes no structure: {error}"
        raise MetadataError(message) from error
    return dtype


def to_v2(dtype: np.dtype[Any]) -> str | list[Any]:
    """Return the ``dtype`` member for a stored dtype."""
    if dtype.kind == "T":
        return "|O"
    if dtype.names is None:
        return dtype.str
    fields: list[Any] = []
    for name in dtype.names:
        field = dtype[name]
        shape = [list(field.shape)] if field.shape else []
        fields.append([name, to_v2(field.base), *shape])
    return fields


@lru_cache(maxsize=256)
def _from_type_string(text: str, object_codec: str | None) -> np.dtype[Any]:
    """Return the dtype of a type string.

    Raises:
        MetadataError: It is none, or one that is not supported.
    """
    if text == "|O":
        return _object_dtype(object_codec)
    match = _TYPE_STRING.fullmatch(text)
    if match is None:
        expected = "such as '<f8', '|b1', '|S4', '<U4', '|V4', '<M8[ns]' or '|O'"
        refuse("dtype", text, expected)
    order, number, kind, length, time, scale, unit = match.groups()
    if number:
        dtype = np.dtype(number)
    elif kind:
        width = 4 if kind == "U" else 1
        if int(length) * width > MAX_ITEM_NBYTES:
            refuse("dtype", text, f"of at most {MAX_ITEM_NBYTES} bytes")
        dtype = np.dtype(f"{kind}{length}")
    else:
        if scale and int(scale) > MAX_TIME_SCALE:
            refuse("scale of dtype", scale, f"at most {MAX_TIME_SCALE}")
        dtype = time_dtype(time, unit, int(scale or 1))
    if order != "|":
        return dtype.newbyteorder("<" if order == "<" else ">")
    if dtype.newbyteorder("<") != dtype.newbyteorder(">"):
        refuse("dtype", text, f"'<{text[1:]}' or '>{text[1:]}': it needs a byte order")
    return dtype


def _object_dtype(object_codec: str | None) -> np.dtype[Any]:
    """Return what ``"|O"`` stands for.

    Raises:
        MetadataError: No filter, or none that is read, stores the elements.
    """
    if object_codec in OBJECT_DTYPES:
        return OBJECT_DTYPES[object_codec]
    message = (
        "dtype '|O' needs 'vlen-utf8' or 'vlen-bytes' as its first filter; other objects are "
        "not read, as they may be pickled. Rewrite the array as strings with the software that "
        "wrote it"
    )
    raise MetadataError(message)


def _field_from_v2(field: object, depth: int) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    """Return name, dtype and shape of a field.

    Raises:
        MetadataError: It is malformed.
    """
    if not isinstance(field, list | tuple) or len(field) not in (2, 3):
        refuse("a field of dtype", field, "[name, dtype] or [name, dtype, shape]")
    name, dtype, *shape = field
    if not isinstance(name, str) or not name:
        refuse("the name of a field of dtype", name, "a string that is not empty")
    return name, from_v2(dtype, None, depth), extents(shape[0], "a field's shape") if shape else ()
