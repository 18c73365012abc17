"""Fill values as JSON and back, bit by bit, and what users give for them."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from zarr_backends import ConfigurationError, MetadataError
from zarr_backends._format.fill_values.casting import cast_fill_value
from zarr_backends._format.fill_values.encoding import decode_fill_value, encode_fill_value

STRING = np.dtypes.StringDType()
POINT = np.dtype([("x", "<i4"), ("y", ">f8")])

INTEGERS = npst.integer_dtypes(endianness="=") | npst.unsigned_integer_dtypes(endianness="=")
FLOATS = npst.floating_dtypes(endianness="=", sizes=(16, 32, 64))
DTYPES = st.one_of(
    npst.boolean_dtypes(),
    INTEGERS,
    FLOATS,
    npst.complex_number_dtypes(endianness="=", sizes=(64, 128)),
    npst.datetime64_dtypes(endianness="="),
    npst.timedelta64_dtypes(endianness="="),
    st.integers(1, 9).map(lambda size: np.dtype(f"V{size}")),
    npst.array_dtypes(INTEGERS | FLOATS),
)


def bits(value: Any, dtype: np.dtype[Any]) -> bytes:
    """Return the bytes that an element has after it was set to `value`."""
    return np.full((), value, dtype).tobytes()


@settings(deadline=None)
@given(DTYPES, st.data())
def test_v3_keeps_every_bit(dtype: np.dtype[Any], data: st.DataObject) -> None:
    """Any bit pattern of any dtype survives JSON, signalling NaNs included."""
    raw = data.draw(st.binary(min_size=dtype.itemsize, max_size=dtype.itemsize))
    raw = bytes([raw[0] & 1]) if dtype.kind == "b" else raw
    scalar = np.frombuffer(raw, dtype)[0]
    text = json.dumps(encode_fill_value(scalar, dtype, 3), allow_nan=False)
    assert bits(decode_fill_value(json.loads(text), dtype), dtype) == raw


@settings(deadline=None)
@given(DTYPES, st.data())
def test_v2_keeps_every_bit_but_those_of_a_nan(dtype: np.dtype[Any], data: st.DataObject) -> None:
    """Structures are written in their stored byte order; there is one NaN."""
    raw = data.draw(st.binary(min_size=dtype.itemsize, max_size=dtype.itemsize))
    raw = bytes([raw[0] & 1]) if dtype.kind == "b" else raw
    scalar, stored = np.frombuffer(raw, dtype)[0], dtype.newbyteorder(">")
    text = json.dumps(encode_fill_value(scalar, stored, 2), allow_nan=False)
    decoded = decode_fill_value(json.loads(text), dtype, stored)
    assert bits(decoded, dtype) == raw or (dtype.kind in "fc" and np.isnan(scalar))


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_text_and_bytes_of_any_length_survive(text: str) -> None:
    """Zero characters included."""
    raw = text.encode()
    assert decode_fill_value(encode_fill_value(text, STRING, 3), STRING) == text
    assert decode_fill_value(encode_fill_value(raw, np.dtype("O"), 2), np.dtype("O")) == raw


@pytest.mark.parametrize(
    ("document", "dtype", "expected"),
    [
        ("NaN", "f4", "0000c07f"),
        ("-Infinity", "f2", "00fc"),
        ("0x7fc00001", "f4", "0100c07f"),
        (-0.0, "f8", "0000000000000080"),
        (["NaN", "0xff800001"], "c8", "0000c07f010080ff"),
        (float("nan"), "f2", "007e"),
        (0, "f4", "00000000"),
        ("1.5", "f2", "003e"),
        (3.0, "i2", "0300"),
        ("-3", "i2", "fdff"),
        (True, "u1", "01"),
        (0, "?", "00"),
        (7, "c8", "0000e04000000000"),
        ("NaT", "M8[s]", "0000000000000080"),
        (1, "m8[D]", "0100000000000000"),
        ("YWI=", "S3", "616200"),
        ("YWI=", "V3", "616200"),
        ([0, 255], "V2", "00ff"),
        ("é", "U2", "e900000000000000"),
        *((0, empty, "") for empty in ("S2", "V2", "U2", "i4,f8")),
    ],
)
def test_what_others_wrote_is_read(document: Any, dtype: str, expected: str) -> None:
    """Names, bit patterns, numbers of the wrong sort, and 0 where nothing was meant."""
    raw = bits(decode_fill_value(document, np.dtype(dtype)), np.dtype(dtype))
    assert raw == (bytes.fromhex(expected) or bytes(len(raw)))


def test_structures_are_read_as_bytes_or_as_objects() -> None:
    """Bytes have the stored layout, objects a value for each field."""
    native = POINT.newbyteorder("=")
    one = np.array((1, 2.0), native)[()]
    assert encode_fill_value(one, POINT, 2) == "AQAAAEAAAAAAAAAA"
    assert encode_fill_value(one, POINT, 3) == "AQAAAAAAAAAAAABA"
    assert decode_fill_value("AQAAAEAAAAAAAAAA", native, POINT) == one
    assert decode_fill_value({"x": 1, "y": 2}, native) == one


@pytest.mark.parametrize("empty", [0, "", 0.0])
def test_zero_means_an_empty_string(empty: object) -> None:
    """Older zarr-python wrote 0 for strings that had no fill value."""
    assert decode_fill_value(empty, STRING) == ""


@pytest.mark.parametrize(
    ("document", "dtype"),
    [
        *((document, "f4") for document in ("x", "0x7fc0", "0x", [], {}, None, 10**400)),
        *((document, "u1") for document in (256, -1, 1.5, "NaN", "x", None, [1], float("inf"))),
        *((document, "?") for document in (2, "true", None, 0.5)),
        *((document, "c8") for document in ([1], [1, 2, 3], "x", ["NaN", None])),
        *((document, "M8[s]") for document in (2**63, "2020", 0.5, None)),
        *((document, "S2") for document in ("YWJj", "?", 1, None, [256], [2**70], ["a"])),
        *((document, "U2") for document in ("abc", 1, None, "\ud800")),
        *((document, "V2") for document in ("AAAA", "A", None)),
        *((document, POINT) for document in ("AAAA", {"x": 1}, {"x": 1, "y": "a"}, None, 5)),
        *((document, STRING) for document in (1, None, [], "\ud800")),
        ({"x": 0}, [("x", "i4", (2,))]),
        ("é", "O"),
    ],
)
def test_what_is_no_fill_value_of_the_dtype_is_refused(document: Any, dtype: Any) -> None:
    """Nothing but a `MetadataError` comes of it, and it names the member."""
    with pytest.raises(MetadataError, match="fill_value"):
        decode_fill_value(document, np.dtype(dtype))


@pytest.mark.parametrize(
    ("given", "dtype", "expected"),
    [
        (True, "i4", 1),
        (3.0, "i4", 3),
        (np.array(3), "u1", 3),
        (10**30, "f8", 1e30),
        (float("inf"), "f2", float("inf")),
        ("Infinity", "f4", float("inf")),
        (1 + 2j, "c8", 1 + 2j),
        (2, "c16", 2),
        (1 + 0j, "f4", 1),
        ("2020-01-01", "M8[s]", np.datetime64("2020-01-01", "s")),
        (dt.datetime(2020, 1, 1, 5), "M8[h]", np.datetime64("2020-01-01T05", "h")),  # noqa: DTZ001
        (dt.timedelta(hours=1), "m8[m]", np.timedelta64(60, "m")),
        (np.timedelta64(2000, "ms"), "m8[s]", np.timedelta64(2, "s")),
        (5, "m8[s]", np.timedelta64(5, "s")),
        ("ab", "S4", b"ab"),
        (b"ab", "V4", np.void(b"ab\0\0")),
        (np.void(b"ab"), "V4", np.void(b"ab\0\0")),
        (0, "V2", np.void(b"\0\0")),
        (np.str_("ab"), "U2", "ab"),
        (bytearray(b"x"), "O", b"x"),
    ],
)
def test_users_give_a_fill_value_in_many_ways(given: Any, dtype: str, expected: Any) -> None:
    """What the dtype can hold is taken."""
    value = cast_fill_value(given, np.dtype(dtype))
    assert value == expected
    assert np.asarray(value).dtype.kind == np.dtype(dtype).kind or dtype == "O"


def test_users_give_a_structure_as_a_tuple_or_a_mapping() -> None:
    """Each field is cast for itself; 0 is the empty structure."""
    dtype = np.dtype([("x", "i4"), ("y", [("t", "M8[s]"), ("v", "f4", (2,))])])
    value = cast_fill_value((1, {"t": 2, "v": [3, 4]}), dtype)
    assert (value["x"], value["y"]["t"]) == (1, np.datetime64(2, "s"))
    assert value["y"]["v"].tolist() == [3, 4]
    assert cast_fill_value(np.array((1, 2.5), POINT)[()], np.dtype("i8,f8")).item() == (1, 2.5)
    assert cast_fill_value(0, dtype)["x"] == 0


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
def test_the_bits_of_a_users_nan_stay(kind: str) -> None:
    """Scalars and 0-d arrays of the dtype, of either byte order, are not converted."""
    dtype = np.dtype(kind)
    ones = np.frombuffer(b"\xff" * dtype.itemsize, dtype)
    for nan in (ones[0], ones.reshape(()), ones.astype(dtype.newbyteorder(">")).reshape(())):
        assert cast_fill_value(nan, dtype).tobytes() == b"\xff" * dtype.itemsize


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        *((given, "i4") for given in (1.5, "x", 2**31, object(), [1], {}, float("nan"), 1j)),
        *((given, "f4") for given in (1e300, 10**400, "x", b"x", 1j, object())),
        *((given, "c8") for given in (complex(1e300, 0), "x", [1])),
        *((given, "M8[D]") for given in (dt.datetime(2020, 1, 1, 5), "x", 1.5, object())),  # noqa: DTZ001
        *((given, "m8[s]") for given in (np.timedelta64(1, "ms"), np.datetime64(0, "s"), "1 s")),
        *((given, "S2") for given in (b"abc", "é", 1, 1.5)),
        *((given, "U2") for given in ("abc", 0, b"a")),
        *((given, "V2") for given in (b"abc", "abc", 1)),
        *((given, POINT) for given in ((1,), {"x": 1}, 5, "ab", (1, "x"))),
        *((given, STRING) for given in (0, b"a", "\ud800")),
        *((given, "O") for given in (1, [1])),
    ],
)
def test_what_the_dtype_cannot_hold_is_refused(given: Any, dtype: Any) -> None:
    """The error names the option; nothing is cut off, rounded to an integer or made infinite."""
    with pytest.raises(ConfigurationError, match="fill_value") as caught:
        cast_fill_value(given, np.dtype(dtype))
    assert caught.value.option == "fill_value"
