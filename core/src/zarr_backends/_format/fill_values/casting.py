"""The fill value that a user gives, as a scalar of the array's dtype and of nothing else.

What NumPy would cut off silently is refused here: a fraction of an integer, a number out
of range, the end of a text, the minutes of a day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import numpy as np

from zarr_backends._format.data_types.data_type import default_fill_value
from zarr_backends._format.fill_values.encoding import decode_fill_value
from zarr_backends._format.fill_values.texts import pad_bytes
from zarr_backends._format.metadata.members import show
from zarr_backends.errors import ConfigurationError, MetadataError

__all__ = ["cast_fill_value"]


def cast_fill_value(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return a fill value as a scalar of `dtype`.

    Args:
        value: None for the dtype's default; a Python or NumPy scalar or a 0-d array; a
            string such as ``"NaN"`` or ``"0x7fc00001"``, as documents have it; a tuple, a
            mapping or 0 for a structure.
        dtype: Dtype in memory.

    Raises:
        ConfigurationError: `value` has no exact counterpart.

    >>> cast_fill_value(-1, np.dtype("int16"))
    np.int16(-1)
    """
    if value is None:
        return default_fill_value(dtype)
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, np.generic) and value.dtype.newbyteorder("=") == dtype:
        # No conversion at all, so that the bits of a NaN stay.
        return value.astype(dtype)
    try:
        return _CASTS[dtype.kind](value, dtype)
    except (TypeError, ValueError, OverflowError) as error:
        message = f"fill_value {show(value)} cannot be: {error}"
        if isinstance(error, MetadataError | ConfigurationError):
            message = error.message
        message += ". Give a value that the dtype can hold, or None for its default"
        raise ConfigurationError(message, option="fill_value") from error


def _number(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return a boolean, an integer, a float or a complex number.

    Raises:
        ValueError: A finite number became infinite.
    """
    item = value.item() if isinstance(value, np.generic) else value
    if isinstance(item, complex):
        item = [item.real, item.imag] if dtype.kind == "c" or item.imag else item.real
    number = decode_fill_value(item, dtype)
    parts = item if isinstance(item, list) else [item]
    was_finite = all(isinstance(part, int | float) and isfinite(part) for part in parts)
    if was_finite and not np.isfinite(number):
        message = f"it is beyond the range of {dtype}"
        raise ValueError(message)
    return number


def _time(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return a time or duration: an integer counts the dtype's unit.

    Raises:
        ValueError: The unit is too coarse.
    """
    # NumPy's durations are integers to Python, with a unit of their own.
    is_count = isinstance(value, int | np.integer) and not isinstance(value, np.timedelta64)
    if is_count or (isinstance(value, str) and value == "NaT"):
        return decode_fill_value(int(value) if is_count else value, dtype)
    if isinstance(value, str):
        value = np.datetime64(value)
    time = np.asarray(value, dtype=None if isinstance(value, np.generic) else dtype.kind)
    cast = time.astype(dtype, casting="same_kind")
    if not np.isnat(time) and cast.astype(time.dtype) != time:
        message = f"the unit of {dtype} is too coarse for it"
        raise ValueError(message)
    return cast[()]


def _text(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return text.

    Raises:
        TypeError: `value` is none.
    """
    if not isinstance(value, str):
        message = f"the dtype being {dtype}, it must be a string"
        raise TypeError(message)
    return decode_fill_value(str(value), dtype)


def _bytes(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return bytes, of fixed or variable length; ASCII text is taken for bytes.

    Raises:
        TypeError: `value` is neither.
    """
    if isinstance(value, str):
        value = value.encode("ascii")
    elif isinstance(value, np.void):
        value = value.tobytes()
    if isinstance(value, int) and value == 0:
        return default_fill_value(dtype)
    if not isinstance(value, bytes | bytearray | memoryview):
        message = f"the dtype being {dtype}, it must be bytes"
        raise TypeError(message)
    return bytes(value) if dtype.kind == "O" else pad_bytes(bytes(value), dtype, value)


def _structure(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return a structure, field by field, or to opaque bytes.

    Raises:
        TypeError: There are not as many values as fields.
    """
    if dtype.names is None:
        return _bytes(value, dtype)
    if isinstance(value, int) and value == 0:
        return default_fill_value(dtype)
    if isinstance(value, np.void) and value.dtype.names is not None:
        value = value.item()
    if isinstance(value, Mapping):
        value = tuple(value[name] for name in dtype.names if name in value)
    if not isinstance(value, tuple) or len(value) != len(dtype.names):
        message = f"it must be a tuple with a value for each of {dtype.names!r:.80}"
        raise TypeError(message)
    scalar = np.zeros((), dtype)
    for name, part in zip(dtype.names, value, strict=True):
        field = dtype[name]
        scalar[name] = part if field.subdtype else cast_fill_value(part, field)
    return scalar[()]


_CASTS: dict[str, Callable[[Any, np.dtype[Any]], Any]] = {
    **dict.fromkeys("biufc", _number),
    **dict.fromkeys("mM", _time),
    **dict.fromkeys("UT", _text),
    **dict.fromkeys("SO", _bytes),
    "V": _structure,
}
"""How a value is cast, by NumPy's kind of the dtype."""
