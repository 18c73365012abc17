"""Fill values that are text or bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from zarr_backends._format.metadata.members import refuse

__all__ = ["is_zero", "pad_bytes", "read_bytes", "read_fixed_bytes", "read_text", "write_bytes"]


def is_zero(value: object) -> bool:
    """Whether a value is the number 0, which older software wrote for "empty"."""
    return isinstance(value, int | float) and value == 0


def read_text(value: object, dtype: np.dtype[Any]) -> Any:
    """Return text, of fixed or variable length.

    Raises:
        MetadataError: `value` is something else, too long, or no Unicode text.
    """
    text = "" if is_zero(value) else value
    if not isinstance(text, str):
        refuse("fill_value", value, f"a string, the dtype being {dtype}")
    if dtype.kind == "T":
        return _valid_text(text)
    if len(text) > dtype.itemsize // 4:
        expected = f"at most {dtype.itemsize // 4} characters, the dtype being {dtype}"
        refuse("fill_value", value, expected)
    return np.array(_valid_text(text), dtype)[()]


def _valid_text(text: str) -> str:
    """Return text that can be written as UTF-8.

    Raises:
        MetadataError: It holds half of a surrogate pair.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        refuse("fill_value", text, "valid Unicode text")
    return text


def read_bytes(value: object, dtype: np.dtype[Any]) -> bytes:
    """Return bytes: base64, or a list of integers below 256.

    Raises:
        MetadataError: `value` is something else.
    """
    if is_zero(value):
        return b""
    from base64 import b64decode  # noqa: PLC0415  # for few data types, and slow to import

    try:
        return b64decode(value, validate=True) if isinstance(value, str) else _byte_list(value)
    except (TypeError, ValueError, OverflowError):
        refuse("fill_value", value, f"base64, the dtype being {dtype}")


def _byte_list(value: object) -> bytes:
    """Return the bytes that a list of integers below 256 stands for.

    Raises:
        TypeError: `value` is no list of integers.
    """
    if not isinstance(value, list | tuple) or not all(type(byte) is int for byte in value):
        raise TypeError(value)
    return bytes(value)


def read_fixed_bytes(value: object, dtype: np.dtype[Any]) -> Any:
    """Return bytes of fixed length; shorter ones are filled up with zeros.

    Raises:
        MetadataError: They are longer.
    """
    return pad_bytes(read_bytes(value, dtype), dtype, value)


def pad_bytes(raw: bytes, dtype: np.dtype[Any], value: object) -> Any:
    """Return bytes of fixed length as a scalar, filled up with zeros.

    Args:
        raw: The bytes.
        dtype: Dtype of the scalar.
        value: What they were given as, for messages.

    Raises:
        MetadataError: They are too long.
    """
    if len(raw.rstrip(b"\0") if dtype.kind == "S" else raw) > dtype.itemsize:
        expected = f"at most {dtype.itemsize} bytes, the dtype being {dtype}"
        refuse("fill_value", value, expected)
    raw = raw[: dtype.itemsize].ljust(dtype.itemsize, b"\0")
    return np.frombuffer(raw, dtype)[0]


def write_bytes(raw: bytes) -> str:
    """Write bytes."""
    from base64 import b64encode  # noqa: PLC0415  # for few data types, and slow to import

    return b64encode(raw).decode("ascii")
