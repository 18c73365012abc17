"""The ``data_type`` member of Zarr v3 documents.

Numbers are bare names. Other data types are objects with a configuration; those that
NumPy has and the specification has not are written as zarr-python writes them.

Source: Zarr core specification 3, "Data types"; zarr-extensions, "data-types".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zarr_backends._format.data_types.data_type import (
    MAX_ITEM_NBYTES,
    MAX_STRUCT_DEPTH,
    MAX_TIME_SCALE,
    DataType,
    data_type_of,
    time_dtype,
)
from zarr_backends._format.metadata.members import object_member, refuse, show
from zarr_backends.errors import ConfigurationError, MetadataError

__all__ = ["from_v3", "to_v3"]

_TIME_UNITS = (
    "Y",
    "M",
    "W",
    "D",
    "h",
    "m",
    "s",
    "ms",
    "us",
    "μs",
    "ns",
    "ps",
    "fs",
    "as",
    "generic",
)
"""Units of times and durations, as NumPy abbreviates them."""

_ALIASES = {"complex_float32": "complex64", "complex_float64": "complex128"}
"""Names that zarr-extensions has for numbers that the specification names otherwise."""

_NUMBERS = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
_NUMBERS += ["bool", "float16", "float32", "float64", "complex64", "complex128"]

_BARE: dict[str, DataType] = {
    **{name: data_type_of(np.dtype(name)) for name in _NUMBERS},
    **{name: data_type_of(np.dtype(numpy_name)) for name, numpy_name in _ALIASES.items()},
    "string": data_type_of(np.dtypes.StringDType()),
    **dict.fromkeys(("bytes", "variable_length_bytes", "binary"), data_type_of(np.dtype("O"))),
}
"""Data types without a configuration, by every name that is read."""

_RAW_BITS = re.compile(r"r([1-9][0-9]{0,10})")
"""The specification's own name for raw bytes, with a number of bits."""


def from_v3(document: object, depth: int = 0) -> DataType:
    """Return the data type that a ``data_type`` member names.

    Args:
        document: The member: a name, or an object with a name.
        depth: How many structures it is nested in.

    Raises:
        MetadataError: It is malformed, or names a data type that is not supported.
    """
    if isinstance(document, str):
        return _from_name(document)
    if not isinstance(document, Mapping) or not isinstance(document.get("name"), str):
        refuse("data_type", document, "a name or an object with a name")
    read = _READERS.get(document["name"])
    if read is None:
        return _from_name(document["name"])
    return read(object_member(document, "configuration"), depth)


def to_v3(data_type: DataType) -> str | dict[str, Any]:
    """Return the ``data_type`` member of a data type.

    Structures are written under their older name ``structured``, which every version of
    zarr-python reads; ``struct`` is read by its versions from 3.2 on.

    Raises:
        ConfigurationError: Zarr v3 has no word for it.
    """
    dtype, name = data_type.dtype, data_type.name
    if name in _BARE:
        return name
    if name == "struct":
        configuration: dict[str, Any] = {"fields": _fields_to_v3(dtype)}
        name = "structured"
    elif dtype.kind in "mM":
        unit, scale = np.datetime_data(dtype)
        configuration = {"unit": unit, "scale_factor": scale}
    else:
        configuration = {"length_bytes": dtype.itemsize}
    return {"name": name, "configuration": configuration}


def _from_name(name: str) -> DataType:
    """Return a data type that has no configuration.

    Raises:
        MetadataError: There is none of this name.
    """
    if name in _BARE:
        return _BARE[name]
    raw = _RAW_BITS.fullmatch(name)
    if raw and int(raw[1]) % 8 == 0:
        return _raw_bytes({"length_bytes": int(raw[1]) // 8}, 0)
    known = ", ".join(sorted({*_BARE, *_READERS}))
    message = (
        f"data_type {show(name)} is not supported, or lacks its configuration; known are {known} "
        "and raw bits such as 'r16'"
    )
    raise MetadataError(message)


def _length(configuration: Mapping[str, Any], unit: int = 1) -> int:
    """Return the length in bytes that a fixed-length data type has.

    Raises:
        MetadataError: It is missing, no multiple of `unit`, or beyond what NumPy can hold.
    """
    length = configuration.get("length_bytes")
    if type(length) is not int or not 0 < length <= MAX_ITEM_NBYTES or length % unit:
        expected = f"a positive multiple of {unit} up to {MAX_ITEM_NBYTES}"
        refuse("length_bytes of data_type", length, expected)
    return length


def _null_terminated_bytes(configuration: Mapping[str, Any], _: int) -> DataType:
    """Read byte strings of fixed length."""
    return data_type_of(np.dtype(f"S{_length(configuration)}"))


def _raw_bytes(configuration: Mapping[str, Any], _: int) -> DataType:
    """Read opaque bytes."""
    return data_type_of(np.dtype(f"V{_length(configuration)}"))


def _fixed_length_utf32(configuration: Mapping[str, Any], _: int) -> DataType:
    """Read text of fixed length, 4 bytes a character."""
    return data_type_of(np.dtype(f"U{_length(configuration, 4) // 4}"))


def _time(kind: str) -> Callable[[Mapping[str, Any], int], DataType]:
    """Return the reader of times (``"M"``) or durations (``"m"``)."""

    def read(configuration: Mapping[str, Any], _: int) -> DataType:
        unit, scale = configuration.get("unit"), configuration.get("scale_factor")
        if unit not in _TIME_UNITS:
            refuse("unit of data_type", unit, f"one of {', '.join(_TIME_UNITS)}")
        if type(scale) is not int or not 0 < scale <= MAX_TIME_SCALE:
            refuse("scale_factor of data_type", scale, f"from 1 to {MAX_TIME_SCALE}")
        return data_type_of(time_dtype(kind, unit, scale))

    return read


def _struct(configuration: Mapping[str, Any], depth: int) -> DataType:
    """Return a structure, spelt as ``struct`` or as ``structured``.

    Raises:
        MetadataError: Its fields are malformed or nested too deeply.
    """
    fields = configuration.get("fields")
    if not isinstance(fields, list | tuple) or not fields or depth >= MAX_STRUCT_DEPTH:
        expected = f"a list of fields, at most {MAX_STRUCT_DEPTH} deep"
        refuse("fields of data_type", fields, expected)
    plain = [_field_from_v3(field, depth + 1) for field in fields]
    try:
        return data_type_of(np.dtype(plain))
    except (ValueError, TypeError) as error:
        message = f"fields of data_type make no structure: {error}"
        raise MetadataError(message) from error


def _field_from_v3(field: object, depth: int) -> tuple[str, np.dtype[Any]]:
    """Return name and dtype of a field.

    Raises:
        MetadataError: It is malformed, or of variable length.
    """
    name = data_type = None
    if isinstance(field, Mapping):
        name, data_type = field.get("name"), field.get("data_type")
    elif isinstance(field, list | tuple) and len(field) == len(("name", "data_type")):
        name, data_type = field
    if not isinstance(name, str) or not name:
        refuse("a field of data_type", field, "an object with name and data_type")
    return name, from_v3(data_type, depth).dtype


def _fields_to_v3(dtype: np.dtype[Any]) -> list[list[Any]]:
    """Return the fields of a structure as pairs.

    Raises:
        ConfigurationError: A field is itself an array.
    """
    fields: list[list[Any]] = []
    for name in dtype.names or ():
        field = dtype[name]
        if field.subdtype is not None:
            message = (
                f"field {name!r:.80} holds arrays of shape {field.shape}, which Zarr v3 cannot "
                "say; split it into several fields or use zarr_format=2"
            )
            raise ConfigurationError(message, option="dtype")
        fields.append([name, to_v3(data_type_of(field))])
    return fields


_READERS: dict[str, Callable[[Mapping[str, Any], int], DataType]] = {
    "null_terminated_bytes": _null_terminated_bytes,
    "raw_bytes": _raw_bytes,
    "fixed_length_utf32": _fixed_length_utf32,
    "numpy.datetime64": _time("M"),
    "numpy.timedelta64": _time("m"),
    "struct": _struct,
    "structured": _struct,
}
"""How a configuration is read, by the name of the data type."""
