"""Dtypes, and what both formats call them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zarr_backends import ConfigurationError, MetadataError
from zarr_backends._format.data_types.data_type import (
    DataType,
    data_type_of,
    default_fill_value,
    parse_dtype,
    time_dtype,
)
from zarr_backends._format.data_types.v2 import from_v2, to_v2
from zarr_backends._format.data_types.v3 import from_v3, to_v3

STRING = np.dtypes.StringDType()
POINT = np.dtype([("x", "<i4"), ("y", ">f8")])
NESTED = np.dtype([("id", "S3"), ("at", [("t", "<M8[s]"), ("p", POINT)])])

V2 = {
    "bool": "|b1",
    ">i2": ">i2",
    "uint64": "<u8",
    "float16": "<f2",
    ">c16": ">c16",
    "M8[25us]": "<M8[25us]",
    "m8": "<m8",
    "S4": "|S4",
    "V4": "|V4",
    ">U2": ">U2",
}
"""Type strings of Zarr v2, by what users give as a dtype."""

V3: dict[str, Any] = {
    "bool": "bool",
    ">i2": "int16",
    "uint64": "uint64",
    "float16": "float16",
    ">c16": "complex128",
    "string": "string",
    "bytes": "variable_length_bytes",
    "M8[25us]": {
        "name": "numpy.datetime64",
        "configuration": {"unit": "us", "scale_factor": 25},
    },
    "m8[D]": {"name": "numpy.timedelta64", "configuration": {"unit": "D", "scale_factor": 1}},
    "S4": {"name": "null_terminated_bytes", "configuration": {"length_bytes": 4}},
    "V4": {"name": "raw_bytes", "configuration": {"length_bytes": 4}},
    "U2": {"name": "fixed_length_utf32", "configuration": {"length_bytes": 8}},
}
"""``data_type`` members of Zarr v3, by what users give as a dtype."""


@pytest.mark.parametrize(("dtype", "document"), V2.items())
def test_v2_names_a_dtype_as_numpy_does(dtype: str, document: str) -> None:
    """What is written for v2 is NumPy's type string, and is read as the same dtype."""
    parsed = parse_dtype(dtype)
    assert to_v2(parsed) == document
    assert from_v2(document) == parsed


@pytest.mark.parametrize(("dtype", "document"), V3.items())
def test_v3_has_its_own_names(dtype: str, document: Any) -> None:
    """What is written for v3 is read as the same data type, in native byte order."""
    data_type = data_type_of(parse_dtype(dtype))
    assert to_v3(data_type) == document
    assert from_v3(document) == data_type
    assert data_type.dtype.isnative


@pytest.mark.parametrize("dtype", [POINT, NESTED])
def test_a_structure_survives_both_formats(dtype: np.dtype[Any]) -> None:
    """Fields keep name and dtype; v2 keeps their byte orders too."""
    data_type = data_type_of(dtype)
    assert data_type == DataType("struct", dtype.newbyteorder("="))
    assert from_v2(to_v2(dtype)) == dtype
    assert from_v3(to_v3(data_type)) == data_type


def test_both_spellings_of_a_v3_structure_are_read() -> None:
    """Fields may be pairs, as older zarr-python writes them, or objects."""
    objects = [{"name": "x", "data_type": "int32"}, {"name": "y", "data_type": "float64"}]
    for name in ("struct", "structured"):
        for fields in (objects, [["x", "int32"], ["y", "float64"]]):
            document = {"name": name, "configuration": {"fields": fields}}
            assert from_v3(document).dtype == np.dtype([("x", "i4"), ("y", "f8")])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (str, STRING),
        (STRING, STRING),
        (np.dtypes.StringDType(coerce=False), STRING),
        (bytes, np.dtype(object)),
        (float, np.dtype("float64")),
        (np.int8, np.dtype("int8")),
        (data_type_of(np.dtype("f4")), np.dtype("f4")),
        (np.dtype([("a", "u1"), ("b", "f8")], align=True), np.dtype([("a", "u1"), ("b", "f8")])),
    ],
)
def test_users_may_name_a_dtype_in_many_ways(given: Any, expected: np.dtype[Any]) -> None:
    """Python types, NumPy types and data types are taken; structures are packed."""
    assert parse_dtype(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        *(None, "O", object, "longdouble", "S0", "U", "V", "3i4", "no dtype", 5, []),
        np.dtypes.StringDType(na_object=None),
        [("a", "O")],
        [("a", "longdouble")],
        [(("title", "a"), "i4")],
    ],
)
def test_a_dtype_that_cannot_be_stored_is_refused(given: Any) -> None:
    """The error names the option, whatever NumPy itself would have said."""
    with pytest.raises(ConfigurationError) as caught:
        parse_dtype(given)
    assert caught.value.option == "dtype"


def test_object_arrays_are_never_pickled() -> None:
    """``"|O"`` without the filter of strings or bytes is an error that says so."""
    assert from_v2("|O", "vlen-utf8") == STRING
    assert from_v2("|O", "vlen-bytes") == np.dtype(object)
    for codec in (None, "pickle", "json2", "vlen-array"):
        with pytest.raises(MetadataError, match="pickled"):
            from_v2("|O", codec)


@pytest.mark.parametrize(
    ("document", "dtype"),
    [("<u1", "u1"), (">b1", "?"), ("<V4", "V4"), (">S2", "S2"), ("<M8[μs]", "M8[us]")],
)
def test_v2_documents_of_other_libraries_are_read(document: str, dtype: str) -> None:
    """A byte order that says nothing, and the Greek letter of zarr-python, do no harm."""
    assert from_v2(document) == np.dtype(dtype)


def test_v2_structures_may_have_fields_that_are_arrays() -> None:
    """Such fields are read and written, but v3 has no word for them."""
    document = [["x", "<f4", [2, 3]], ["y", "|u1"]]
    dtype = from_v2(document)
    assert dtype == np.dtype([("x", "<f4", (2, 3)), ("y", "u1")])
    assert to_v2(dtype) == document
    with pytest.raises(ConfigurationError, match="zarr_format=2"):
        to_v3(data_type_of(dtype))


def test_raw_bits_of_the_specification_are_read() -> None:
    """``r16`` is two opaque bytes; other names of the extensions are known too."""
    assert from_v3("r16").dtype == np.dtype("V2")
    assert from_v3("complex_float32").name == "complex64"
    assert from_v3("bytes").name == from_v3("binary").name == "variable_length_bytes"
    assert from_v3({"name": "int8"}).name == "int8"


HUGE = {"length_bytes": 2**40}


@pytest.mark.parametrize(
    "document",
    [
        *(None, 5, "", "float8", "r7", "r0", "f8", "struct", {}, {"name": 5}, ["int8"]),
        *({"name": name, "configuration": HUGE} for name in ("raw_bytes", "fixed_length_utf32")),
        {"name": "raw_bytes", "configuration": {"length_bytes": True}},
        {"name": "fixed_length_utf32", "configuration": {"length_bytes": 6}},
        {"name": "numpy.datetime64", "configuration": {"unit": "s", "scale_factor": 2**31}},
        {"name": "numpy.datetime64", "configuration": {"unit": "eon", "scale_factor": 1}},
        {"name": "struct", "configuration": {"fields": []}},
        {"name": "struct", "configuration": {"fields": [["a", "string"]]}},
        {"name": "struct", "configuration": {"fields": [["a", "int8"], ["a", "int8"]]}},
        {"name": "struct", "configuration": {"fields": [["", "int8"]]}},
        {"name": "struct", "configuration": []},
    ],
)
def test_a_malformed_v3_data_type_is_refused(document: Any) -> None:
    """Nothing but a `MetadataError` comes of it."""
    with pytest.raises(MetadataError):
        from_v3(document)


@pytest.mark.parametrize(
    "document",
    [
        *(None, 5, "", "f8", "<f16", "|i4", "=i4", "<i4,<i4", "|S0", "|S9999999999", "<M8[2s/3]"),
        *("<M8[9999999999s]", "<M8[eon]", "O", "|S", [], [["a"]], [["a", "|O"]], [["", "<i4"]]),
        *([["a", "<i4", 3]], [["a", "<i4", [2**40]]], [["a", "<i4"], ["a", "<i4"]], [[1, "<i4"]]),
        [["a", "<f8", [2**15, 2**15]]],
    ],
)
def test_a_malformed_v2_dtype_is_refused(document: Any) -> None:
    """Nothing but a `MetadataError` comes of it, and NumPy is given no strange string."""
    with pytest.raises(MetadataError):
        from_v2(document)


def test_structures_are_nested_so_deep_and_no_deeper() -> None:
    """Endless nesting is refused in both formats, long before Python's stack is."""
    v2: Any = "<i4"
    v3: Any = "int32"
    for _ in range(40):
        v2, v3 = [["a", v2]], {"name": "struct", "configuration": {"fields": [["a", v3]]}}
    for read, document in ((from_v2, v2), (from_v3, v3)):
        with pytest.raises(MetadataError, match="32 deep"):
            read(document)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("f4", b"\0" * 4), ("M8[s]", b"\0" * 7 + b"\x80"), ("S3", b""), ("i4,u1", b"\0" * 5)],
)
def test_the_default_fill_value_is_zero_or_not_a_time(dtype: str, expected: bytes) -> None:
    """As zarr-python has it."""
    value = default_fill_value(np.dtype(dtype))
    assert (value if dtype == "S3" else value.tobytes()) == expected


def test_variable_length_elements_are_empty_by_default() -> None:
    """Strings are ``str`` and byte strings ``bytes``."""
    assert default_fill_value(STRING) == ""
    assert default_fill_value(np.dtype(object)) == b""
    assert data_type_of(STRING).is_variable_length


def test_times_may_leave_their_unit_open() -> None:
    """NumPy's generic unit has no scale."""
    assert time_dtype("M", "generic", 7) == np.dtype("M8")
    assert from_v2("<M8") == np.dtype("M8")
