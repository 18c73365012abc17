"""What a chunk may be given as: every kind of buffer, and what is none."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import numpy as np

from zarr_backends_compliance._kernel.samples import payload

__all__ = ["AWKWARD_BYTES", "NO_BUFFERS", "changeable_buffers", "good_buffers", "strided_buffers"]

AWKWARD_BYTES = (
    bytes(range(256)) * 2,
    b"\0" * 100,
    b"ends in zeros\0\0\0",
    b"\0starts with one",
    b"line\nline\r\nline\r",
    b"ends in blanks \t\r\n",
    b" \t\nstarts with blanks",
    b"ends in control-Z\x1a",
    b"\xef\xbb\xbfmarked",
    b"\xff\xfe\xfd is no UTF-8 \xc3",
    b"null",
    b"0",
    b'{"zarr_format": 3}',
    b"%s %00 ' \" \\ \\n $1",
    b"\x1f\x8b\x08\x00 is no gzip",
    b"\x28\xb5\x2f\xfd is no zstd",
    b"aGVsbG8=",
)
"""Bytes that go wrong where they are taken for text, for a number or for something packed."""

NO_BUFFERS = MappingProxyType(
    {
        "a str": "text",
        "an empty str": "",
        "None": None,
        "an int": 5,
        "zero": 0,
        "a float": 1.5,
        "a list of ints": [1, 2, 3],
        "a list of bytes": [b"x"],
        "a tuple": (),
        "a dict": {"data": b"x"},
    }
)
"""What is no buffer and has to be refused, by name."""


def good_buffers(nbytes: int = 240) -> Iterator[tuple[str, Any, bytes]]:
    """Yield every kind of contiguous buffer: its name, itself, and its bytes.

    Args:
        nbytes: Size of most of them, a multiple of 48.
    """
    data = payload(nbytes, 1)
    view = memoryview(bytearray(data))
    yield "bytes", data, data
    yield "a bytearray", bytearray(data), data
    yield "a memoryview", memoryview(data), data
    yield "a writable memoryview", view, data
    yield "a part of a memoryview", memoryview(b"<" + data + b">")[1:-1], data
    yield "a memoryview of 4-byte items", view.cast("I"), data
    yield "a memoryview of doubles", view.cast("d"), data
    yield "a memoryview of signed bytes", view.cast("b"), data
    yield "a memoryview of two dimensions", view.cast("B", (nbytes // 12, 12)), data
    yield "an array.array", array("H", data), data
    for dtype in ("uint8", "int16", "float64", "complex128", "bool"):
        values = np.frombuffer(data, "uint8").view(dtype).reshape(-1, 3)
        yield f"a NumPy array of {dtype}", values, values.tobytes()
    yield "a part of a NumPy array", np.frombuffer(b"<" + data, "uint8")[1:], data
    yield "a NumPy array of no dimension", np.array(258, "int32"), np.array(258, "int32").tobytes()
    yield "an empty NumPy array", np.empty((0, 3)), b""
    yield "empty bytes", b"", b""
    yield "an empty bytearray", bytearray(), b""
    yield "an empty memoryview", memoryview(b"xyz")[1:1], b""


def strided_buffers() -> Iterator[tuple[str, Any]]:
    """Yield buffers whose bytes are not next to each other, with their names."""
    data = payload(96, 2)
    yield "every second byte of a memoryview", memoryview(data)[::2]
    yield "a memoryview backwards", memoryview(data)[::-1]
    yield "every second byte of an array", np.frombuffer(data, "uint8")[::2]
    yield "a transposed array", np.frombuffer(data, "uint8").reshape(8, 12).T
    yield "columns of an array", np.frombuffer(data, "float32").reshape(4, 6)[:, 1:3]


def changeable_buffers(data: bytes) -> Iterator[tuple[str, Any, memoryview]]:
    """Yield buffers that hold `data`: a name, one to write, and a view to change it by."""
    whole = bytearray(data)
    yield "a bytearray", whole, memoryview(whole)
    under = bytearray(data)
    yield "a memoryview", memoryview(under), memoryview(under)
    hidden = bytearray(data)
    yield "a read-only memoryview", memoryview(hidden).toreadonly(), memoryview(hidden)
    values = np.frombuffer(bytearray(data), "uint8")
    yield "a NumPy array", values, values.data
