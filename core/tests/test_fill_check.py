"""Chunks of nothing but the fill value are told from all others, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarr_backends._format.fill_values.check import is_fill

STRING = np.dtypes.StringDType()
STRUCT = np.dtype([("x", "<i2"), ("y", ">f8"), ("z", "S3")])
FILLS: list[tuple[Any, Any]] = [
    ("?", True),
    ("u1", 255),
    ("i2", -2),
    ("f4", np.float32("nan")),
    ("f8", 0.0),
    ("f8", -0.0),
    ("c8", 1j),
    ("c16", complex("nan")),
    ("M8[s]", np.datetime64("NaT", "s")),
    ("S3", b"a"),
    ("S8", b"a\0b"),
    ("U5", "é"),
    ("V7", b"\1\0\2"),
    (STRUCT, (1, -0.0, b"b")),
    (STRING, "x\0"),
    (object, b"x\0"),
]


def full(shape: tuple[int, ...], dtype: Any, value: Any) -> Any:
    """Return an array of one value."""
    chunk = np.empty(shape, dtype)
    chunk[...] = value
    return chunk


def other(dtype: np.dtype[Any], value: Any) -> Any:
    """Return a value that differs in its last bit, or character."""
    if dtype.kind in "TO":
        return value + value[:1]
    raw = bytearray(np.array(value, dtype).tobytes())
    raw[-1] ^= 1
    if dtype.kind == "U":
        raw = bytearray(np.array("ee", dtype).tobytes())
    return np.frombuffer(bytes(raw), dtype)[0]


@pytest.mark.parametrize(("dtype", "value"), FILLS)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (40, 50), (3, 70, 90)])
def test_one_other_element_is_found_anywhere(
    dtype: Any, value: Any, shape: tuple[int, ...]
) -> None:
    """At the start, the end and in the middle."""
    chunk = full(shape, dtype, value)
    assert is_fill(chunk, value)
    for at in {0, chunk.size // 2, chunk.size - 1}:
        place = np.unravel_index(at, shape)
        before = chunk[place]
        chunk[place] = other(chunk.dtype, value)
        assert not is_fill(chunk, value)
        chunk[place] = before


@given(
    st.sampled_from(["u1", "f8", "c16", "S3"]),
    st.lists(st.integers(1, 60), min_size=1, max_size=3),
    st.data(),
)
@settings(deadline=None, max_examples=150)
def test_strides_do_not_matter(dtype: str, shape: list[int], data: Any) -> None:
    """Transposed, reversed, with steps and from a larger array."""
    large = np.zeros([2 * n + 3 for n in shape], dtype)
    axes = data.draw(st.permutations(range(len(shape))))
    step = data.draw(st.sampled_from([1, 2, -1, -2]))
    start = 0 if step > 0 else -1
    chunk = large.transpose(axes)[tuple(slice(start, None, step) for _ in shape)]
    fill = np.zeros((), dtype)[()]
    assert is_fill(chunk, fill)
    chunk[tuple(data.draw(st.integers(0, n - 1)) for n in chunk.shape)] = 1
    assert not is_fill(chunk, fill)


def test_equal_is_not_the_same() -> None:
    """Zeros of either sign and all kinds of NaN are kept apart."""
    nans = np.array([0x7FF8000000000000, 0x7FF8000000000001], "u8").view("f8")
    assert not is_fill(np.array([-0.0]), np.float64(0))
    assert is_fill(nans[:1], nans[0])
    assert not is_fill(nans[1:], nans[0])


def test_a_chunk_without_elements_holds_nothing_else() -> None:
    """Of any dtype."""
    assert is_fill(np.empty((3, 0)), 1)
    assert is_fill(np.empty((0,), STRING), "a")


def test_elements_larger_than_a_block_are_compared_too() -> None:
    """One that alone is more than is compared at a time."""
    chunk = np.zeros((2, 3), "V200000")
    assert is_fill(chunk, np.zeros((), "V200000")[()])
    chunk.view("u1")[1, -1] = 1
    assert not is_fill(chunk, np.zeros((), "V200000")[()])


def test_rows_larger_than_a_block_are_compared_in_parts() -> None:
    """Where memory is not contiguous, row by row."""
    chunk = np.zeros((2, 6, 100_000), "u1")[:, ::2]
    assert is_fill(chunk, np.uint8(0))
    chunk[1, 2, -2] = 1
    assert not is_fill(chunk, np.uint8(0))
