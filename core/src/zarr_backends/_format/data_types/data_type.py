"""What kinds of elements an array can have: Zarr's names for them and NumPy's dtypes.

A `DataType` is a Zarr v3 name and the dtype that holds such elements in memory, always in
the machine's own byte order. How they are stored (byte order, layout of a v2 structure)
is a second dtype, the *stored dtype*, kept beside it. The documents of both formats are
read and written by `data_types_v2` and `data_types_v3`.

Nothing here, or anywhere else, unpickles: NumPy's object dtype stands for variable-length
bytes and for nothing else.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from zarr_backends.errors import ConfigurationError

__all__ = [
    "MAX_ITEM_NBYTES",
    "MAX_STRUCT_DEPTH",
    "MAX_TIME_SCALE",
    "DataType",
    "data_type_of",
    "default_fill_value",
    "parse_dtype",
    "time_dtype",
]

MAX_ITEM_NBYTES = 2**31 - 1
"""Bytes of the largest element; what NumPy can say in a dtype."""

MAX_STRUCT_DEPTH = 32
"""Levels of structures in structures that a document may ask for."""

MAX_TIME_SCALE = 2**31 - 1
"""Largest number of units that one step of a time can have; what NumPy can say."""

_NUMBERS = frozenset(
    {"bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
    | {"float16", "float32", "float64", "complex64", "complex128"}
)
"""Dtypes that Zarr and NumPy call by one name. The machine's long double is none of them:
its bytes mean something else on another machine."""

_NAMES_OF_KINDS = {
    "M": "numpy.datetime64",
    "m": "numpy.timedelta64",
    "S": "null_terminated_bytes",
    "U": "fixed_length_utf32",
    "V": "raw_bytes",
    "T": "string",
    "O": "variable_length_bytes",
}
"""Zarr's names of the dtypes that are no numbers, by NumPy's kind."""

_STRINGS: tuple[Any, ...] = (str, "str", "string", np.str_)
_BYTES: tuple[Any, ...] = (bytes, "bytes", "variable_length_bytes", np.bytes_)

_NAT = np.iinfo(np.int64).min
"""The count that stands for "not a time"."""


class DataType(NamedTuple):
    """One kind of element.

    >>> data_type_of(np.dtype(">f4"))
    DataType(name='float32', dtype=dtype('float32'))
    """

    name: str
    """Zarr v3 name; ``"struct"`` for what is written as ``"structured"``."""
    dtype: np.dtype[Any]
    """Dtype in memory, in native byte order: ``StringDType()`` for ``"string"`` and
    ``object`` (holding ``bytes``) for ``"variable_length_bytes"``."""

    @property
    def is_variable_length(self) -> bool:
        """Whether elements differ in their number of bytes."""
        return self.dtype.kind in "TO"


def parse_dtype(dtype: Any) -> np.dtype[Any]:
    """Return the stored dtype for what users give as a dtype, its byte order kept.

    Args:
        dtype: Anything that ``np.dtype`` takes; ``str`` or ``"string"`` for strings and
            ``bytes`` or ``"bytes"`` for byte strings of variable length; a `DataType`.
            A structure is stored packed, whatever its alignment in memory.

    Raises:
        ConfigurationError: NumPy knows no such dtype, or Zarr cannot store it.

    >>> parse_dtype(">i2"), parse_dtype("string")
    (dtype('>i2'), StringDType())
    """
    if isinstance(dtype, DataType):
        return dtype.dtype
    if isinstance(dtype, type | str):
        if dtype in _STRINGS:
            return np.dtypes.StringDType()
        if dtype in _BYTES:
            return np.dtype(object)
    try:
        parsed = np.dtype("" if dtype is None else dtype)
    except (TypeError, ValueError) as error:
        message = f"{dtype!r:.80} is not a dtype that NumPy knows: {error}"
        raise ConfigurationError(message, option="dtype") from error
    if parsed.kind == "O":
        message = (
            "dtype object says nothing about its elements; give 'string' for text, 'bytes' "
            "for byte strings, or a dtype of fixed size (nothing is ever pickled)"
        )
        raise ConfigurationError(message, option="dtype")
    data_type_of(parsed)
    return _packed(parsed)


def data_type_of(dtype: np.dtype[Any]) -> DataType:
    """Return the data type whose elements a dtype holds; ``object`` means bytes.

    Raises:
        ConfigurationError: Zarr has no data type for it.
    """
    if dtype.name in _NUMBERS:
        return DataType(dtype.name, dtype.newbyteorder("="))
    if dtype.kind not in _NAMES_OF_KINDS:
        message = f"Zarr cannot store dtype {dtype}; take the nearest one of fixed size"
        raise ConfigurationError(message, option="dtype")
    if dtype.itemsize == 0 or dtype.subdtype is not None:
        message = (
            f"Zarr cannot store dtype {dtype!r:.80}: give a length of at least 1, 'string' or "
            "'bytes' for variable lengths, or another dimension for a sub-array"
        )
        raise ConfigurationError(message, option="dtype")
    if dtype.names is not None:
        return DataType("struct", _packed(dtype).newbyteorder("="))
    packed = _packed(dtype)
    native = packed if packed.kind == "T" else packed.newbyteorder("=")
    return DataType(_NAMES_OF_KINDS[dtype.kind], native)


def default_fill_value(dtype: np.dtype[Any]) -> Any:
    """Return the fill value of an array that names none: zero, empty or "not a time".

    Args:
        dtype: Dtype in memory.
    """
    if dtype.kind == "T":
        return ""
    if dtype.kind == "O":
        return b""
    if dtype.kind in "mM":
        return np.array(_NAT).view(dtype)[()]
    return np.zeros((), dtype)[()]


def time_dtype(kind: str, unit: str | None, scale: int) -> np.dtype[Any]:
    """Return the dtype of times or durations.

    Args:
        kind: ``"M"`` for times, ``"m"`` for durations.
        unit: NumPy's abbreviation; None and ``"generic"`` leave it open, then `scale` is idle.
        scale: Units in one step, from 1 to `MAX_TIME_SCALE`.
    """
    if unit in (None, "generic"):
        return np.dtype(f"{kind}8")
    # zarr-python takes the Greek letter for the Latin one.
    return np.dtype(f"{kind}8[{scale}{'us' if unit == 'μs' else unit}]")


def _packed(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return a dtype without options of strings and without gaps between fields.

    Raises:
        ConfigurationError: Strings have a missing value, or a field cannot be stored.
    """
    if dtype.kind == "T":
        if hasattr(dtype, "na_object"):
            message = "Zarr strings have no missing value: take StringDType() without na_object"
            raise ConfigurationError(message, option="dtype")
        return np.dtypes.StringDType()
    if dtype.names is None:
        return dtype
    return np.dtype([_packed_field(dtype, name) for name in dtype.names])


def _packed_field(dtype: np.dtype[Any], name: str) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    """Return name, packed dtype and shape of one field of a structure.

    Raises:
        ConfigurationError: The field has a title or an element type that cannot be stored.
    """
    field, _, *title = dtype.fields[name]  # type: ignore[index]  # a structure has fields
    if title or field.base.kind in "OT":
        message = f"field {name!r:.80} cannot be stored: fields have no title and a fixed size"
        raise ConfigurationError(message, option="dtype")
    data_type_of(field.base)
    return name, _packed(field.base), field.shape
