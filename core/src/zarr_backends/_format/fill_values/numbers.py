"""Fill values that are numbers: booleans, integers, floats, complex numbers and times."""

from __future__ import annotations

import re
import sys
from math import isnan
from typing import Any

import numpy as np

from zarr_backends._format.data_types.data_type import default_fill_value
from zarr_backends._format.metadata.members import refuse
from zarr_backends.contract import ZarrFormat

__all__ = [
    "read_boolean",
    "read_complex",
    "read_float",
    "read_integer",
    "read_time",
    "write_float",
]

_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_DECIMAL = re.compile(r"-?[0-9]{1,20}")


def read_boolean(value: object, dtype: np.dtype[Any]) -> Any:
    """Return a boolean; 0 and 1 are taken for one.

    Raises:
        MetadataError: `value` is something else.
    """
    if not isinstance(value, int | float) or value not in (0, 1):
        refuse("fill_value", value, f"true or false, the dtype being {dtype}")
    return np.bool_(value)


def read_integer(value: object, dtype: np.dtype[Any]) -> Any:
    """Return an integer; ``3.0`` and ``"3"`` are taken for 3.

    Raises:
        MetadataError: `value` is something else, or out of range.
    """
    limits = np.iinfo(np.int64 if dtype.kind in "mM" else dtype)
    number = value
    if isinstance(number, str) and _DECIMAL.fullmatch(number):
        number = int(number)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or not limits.min <= number <= limits.max:
        expected = f"an integer from {limits.min} to {limits.max}, the dtype being {dtype}"
        refuse("fill_value", value, expected)
    return limits.dtype.type(number)


def read_time(value: object, dtype: np.dtype[Any]) -> Any:
    """Return a time or duration: a count of its unit, or ``"NaT"``."""
    if isinstance(value, str):
        if value != "NaT":
            refuse("fill_value", value, f"an integer or 'NaT', the dtype being {dtype}")
        return default_fill_value(dtype)
    return read_integer(value, dtype).view(dtype)


def read_float(value: object, dtype: np.dtype[Any]) -> Any:
    """Return a float: a number, a number as text, a name, or its bits in hexadecimal.

    A number beyond the range is infinite, as every conversion between floats has it.

    Raises:
        MetadataError: `value` is something else.
    """
    if isinstance(value, str) and _HEXADECIMAL.fullmatch(value):
        if len(value) != 2 + 2 * dtype.itemsize:
            expected = f"0x and {2 * dtype.itemsize} digits, the dtype being {dtype}"
            refuse("fill_value", value, expected)
        return _from_bits(int(value, 16), dtype)
    try:
        number = float(value)  # type: ignore[arg-type]  # that is what is being tested
    except (TypeError, ValueError, OverflowError):
        expected = f"a number, 'NaN', 'Infinity' or '-Infinity', the dtype being {dtype}"
        refuse("fill_value", value, expected)
    with np.errstate(over="ignore"):
        return dtype.type(number)


def read_complex(value: object, dtype: np.dtype[Any]) -> Any:
    """Return a complex number: a pair of floats, or the real part alone."""
    parts = value if isinstance(value, list | tuple) else (value, 0)
    if len(parts) != 2:  # noqa: PLR2004  # real and imaginary
        refuse("fill_value", value, f"a pair of numbers, the dtype being {dtype}")
    part = np.dtype(f"f{dtype.itemsize // 2}")
    # Bytes are joined, not numbers, as arithmetic would change the bits of a NaN.
    raw = b"".join(read_float(number, part).tobytes() for number in parts)
    return np.frombuffer(raw, dtype)[0]


def write_float(value: Any, zarr_format: ZarrFormat) -> float | str:
    """Write a float, with its bits where these are not those that its name stands for."""
    number = float(value)
    if isnan(number):
        raw = value.tobytes()
        if zarr_format == 2 or raw == type(value)("nan").tobytes():  # noqa: PLR2004
            return "NaN"
        return f"0x{int.from_bytes(raw, sys.byteorder):0{2 * len(raw)}x}"
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    return number


def _from_bits(bits: int, dtype: np.dtype[Any]) -> Any:
    """Return the float that has these bits."""
    return np.frombuffer(bits.to_bytes(dtype.itemsize, sys.byteorder), dtype)[0]
