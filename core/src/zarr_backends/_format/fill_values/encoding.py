"""Fill values as JSON, in both formats, bit by bit.

==================  ====================================================================
elements            written as
==================  ====================================================================
booleans, integers  ``true``, ``7``
floats              a number, ``"NaN"``, ``"Infinity"``, ``"-Infinity"``; in v3 a NaN with
                    other bits than the usual ones as those bits, ``"0x7fc00001"``
complex             ``[real, imaginary]``
times               the count of their unit; -2^63 is "not a time"
text                a string
bytes               base64, as is a structure (v2: in its stored layout, v3: little endian)
==================  ====================================================================

Read is more than is written: numbers as text, ``0`` where older software meant "empty",
bit patterns in v2, structures as objects, bytes as lists of integers.

Source: Zarr core specification 3, "fill_value"; Zarr v2 specification, "Fill value
encoding"; zarr-extensions, "data-types".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zarr_backends._format.fill_values.numbers import (
    read_boolean,
    read_complex,
    read_float,
    read_integer,
    read_time,
    write_float,
)
from zarr_backends._format.fill_values.texts import (
    is_zero,
    read_bytes,
    read_fixed_bytes,
    read_text,
    write_bytes,
)
from zarr_backends._format.metadata.members import refuse
from zarr_backends.contract import ZarrFormat

__all__ = ["decode_fill_value", "encode_fill_value"]


def decode_fill_value(
    value: object, dtype: np.dtype[Any], stored_dtype: np.dtype[Any] | None = None
) -> Any:
    """Return the scalar that a ``fill_value`` member stands for.

    Args:
        value: The member, not null.
        dtype: Dtype in memory.
        stored_dtype: Layout of a structure that is given in base64; `dtype` where left out.

    Returns:
        A scalar of `dtype`; ``str`` for strings and ``bytes`` for bytes of variable length.

    Raises:
        MetadataError: `value` is no fill value of this dtype.

    >>> decode_fill_value("-Infinity", np.dtype("float32"))
    np.float32(-inf)
    """
    if dtype.names is not None:
        return _structure(value, dtype, dtype if stored_dtype is None else stored_dtype)
    return _DECODERS[dtype.kind](value, dtype)


def encode_fill_value(value: Any, stored_dtype: np.dtype[Any], zarr_format: ZarrFormat) -> Any:
    """Return the ``fill_value`` member for a scalar.

    Args:
        value: A scalar as `decode_fill_value` returns it.
        stored_dtype: Layout in which v2 writes a structure.
        zarr_format: 2 has one NaN only: others become the usual one.
    """
    if stored_dtype.names is not None:
        layout = stored_dtype if zarr_format == 2 else stored_dtype.newbyteorder("<")  # noqa: PLR2004
        return write_bytes(np.asarray(value).astype(layout).tobytes())
    return _ENCODERS[stored_dtype.kind](value, zarr_format)


def _structure(value: object, dtype: np.dtype[Any], stored_dtype: np.dtype[Any]) -> Any:
    """Return a structure: its bytes in base64, or an object with a value for each field.

    Raises:
        MetadataError: `value` is something else.
    """
    scalar = np.zeros((), dtype)
    if isinstance(value, Mapping):
        if set(value) != set(dtype.names or ()):
            refuse("fill_value", value, f"an object with the fields {dtype.names}")
        for name in dtype.names or ():
            field = dtype[name]
            if field.subdtype is not None:
                refuse("fill_value", value, "base64, as the dtype has fields that are arrays")
            scalar[name] = decode_fill_value(value[name], field)
    elif not is_zero(value):
        raw = read_bytes(value, dtype)
        if len(raw) != stored_dtype.itemsize:
            expected = f"{stored_dtype.itemsize} bytes in base64, the dtype being {dtype}"
            refuse("fill_value", value, expected)
        scalar[...] = np.frombuffer(raw, stored_dtype)[0]
    return scalar[()]


_ENCODERS: dict[str, Callable[[Any, ZarrFormat], Any]] = {
    **dict.fromkeys("biu", lambda value, _: value.item()),
    "f": write_float,
    "c": lambda value, zarr_format: [
        write_float(part, zarr_format) for part in (value.real, value.imag)
    ],
    **dict.fromkeys("mM", lambda value, _: int(value.view(np.int64))),
    **dict.fromkeys("UT", lambda value, _: str(value)),
    **dict.fromkeys("SVO", lambda value, _: write_bytes(bytes(value))),
}
"""How a scalar is written, by NumPy's kind of the dtype."""

_DECODERS: dict[str, Callable[[object, np.dtype[Any]], Any]] = {
    "b": read_boolean,
    "i": read_integer,
    "u": read_integer,
    "f": read_float,
    "c": read_complex,
    "m": read_time,
    "M": read_time,
    "U": read_text,
    "T": read_text,
    "S": read_fixed_bytes,
    "V": read_fixed_bytes,
    "O": read_bytes,
}
"""How a fill value is read, by NumPy's kind of the dtype."""
