"""Metadata documents are exchanged with zarr-python, bit by bit, for every data type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tensorstore
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from zarr_backends._format.creation.new_metadata import new_metadata
from zarr_backends._format.metadata.array_metadata import ArrayMetadata
from zarr_backends._format.metadata.parsing import parse_metadata

pytestmark = pytest.mark.filterwarnings(
    # zarr-python warns of every data type that the v3 specification does not have.
    "ignore::FutureWarning",
    "ignore:Numcodecs codecs are not in the Zarr version 3 specification:UserWarning",
)

STRING = np.dtypes.StringDType()
POINT = np.dtype([("x", "<i4"), ("y", ">f8")])

NUMBERS = ("i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")
FILLS: list[tuple[Any, Any]] = [
    *((f"{order}{kind}", 3) for kind in NUMBERS for order in "<>"),
    *((kind, value) for kind in ("f2", "<f4", ">f8") for value in ("NaN", "Infinity", -0.0)),
    *((kind, value) for kind in ("i1", "u1") for value in (0, 127)),
    *(("?", value) for value in (False, True)),
    ("u8", 2**64 - 1),
    ("i8", -(2**63)),
    (">c8", complex("nan-infj")),
    ("<M8[25us]", 7),
    (">M8[ns]", None),
    ("<m8[s]", -3),
    ("S5", b"a\0b"),
    ("S2", None),
    ("V3", b"\xff\0\0"),
    ("<U3", "aé😀"),
    (">U2", None),
    ("string", "Zürich"),
    (POINT, (1, 2.5)),
    (np.dtype([("only", "u1")]), (7,)),
]
"""Dtypes as users give them, each with a fill value."""

Format = Literal[2, 3]


def open_in_zarr(document: dict[str, Any]) -> Any:
    """Return the array that zarr-python makes of a document."""
    rest = {name: value for name, value in document.items() if name != "attributes"}
    parts = {".zarray": rest, ".zattrs": document["attributes"]}
    if document["zarr_format"] == 3:
        parts = {"zarr.json": document}
    from_bytes = default_buffer_prototype().buffer.from_bytes
    values = {key: from_bytes(json.dumps(part).encode()) for key, part in parts.items()}
    return zarr.open_array(MemoryStore(values), mode="r")


def create_in_zarr(**options: Any) -> tuple[Any, dict[str, Any]]:
    """Return an array of zarr-python, opened again after it was created, and its document."""
    values: dict[str, Any] = {}
    if options.get("fill_value", 0) is None:
        del options["fill_value"]
    zarr.create_array(MemoryStore(values), **options)
    array = zarr.open_array(MemoryStore(values), mode="r")
    if options["zarr_format"] == 3:
        return array, json.loads(values["zarr.json"].to_bytes())
    document = json.loads(values[".zarray"].to_bytes())
    return array, {**document, "attributes": json.loads(values[".zattrs"].to_bytes())}


def as_number(fill_value: Any) -> Any:
    """Return a fill value with names of numbers replaced by the numbers."""
    return float(fill_value) if fill_value in ("NaN", "Infinity") else fill_value


def bits(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return what an element is after it was set to `value`: bytes, or text."""
    if dtype.kind == "T":
        return str(value)
    return np.full((), value, dtype).astype(dtype.newbyteorder("<")).tobytes()


def assert_same(ours: ArrayMetadata, theirs: Any) -> None:
    """Compare all that both sides know, the elements that were never written above all."""
    dtype = ours.data_type.dtype
    assert (ours.shape, ours.chunk_shape) == (theirs.shape, theirs.shards or theirs.chunks)
    native = theirs.dtype if dtype.kind == "T" else theirs.dtype.newbyteorder("=")
    assert native == dtype
    assert bits(theirs.fill_value, dtype) == bits(ours.fill_value, dtype)
    assert bits(theirs[...].flat[0], dtype) == bits(ours.fill_value, dtype)
    assert dict(theirs.attrs) == ours.attributes


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(("dtype", "fill_value"), FILLS)
def test_zarr_python_opens_what_we_create(dtype: Any, fill_value: Any, zarr_format: Format) -> None:
    """With the same dtype, fill value, shape and chunks."""
    metadata = new_metadata(
        shape=(5, 4), dtype=dtype, chunks=(2, -1), fill_value=fill_value, zarr_format=zarr_format
    )
    assert_same(metadata, open_in_zarr(metadata.document))


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(("dtype", "fill_value"), FILLS)
def test_we_open_what_zarr_python_creates(dtype: Any, fill_value: Any, zarr_format: Format) -> None:
    """With the same dtype, fill value, shape and chunks."""
    options: dict[str, Any] = {"shape": (5, 4), "dtype": dtype, "chunks": (2, 4)}
    options["fill_value"] = as_number(fill_value)
    array, document = create_in_zarr(**options, zarr_format=zarr_format, attributes={"a": [1]})
    assert_same(parse_metadata(document), array)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(
    ("dtype", "fill_value"), [fill for fill in FILLS if not isinstance(fill[0], np.dtype)]
)
def test_fill_values_are_written_as_zarr_python_writes_them(
    dtype: Any, fill_value: Any, zarr_format: Format
) -> None:
    """So are data types, but for structures, which its versions write differently."""
    options: dict[str, Any] = {"shape": (5,), "dtype": dtype, "zarr_format": zarr_format}
    theirs = create_in_zarr(**options, fill_value=as_number(fill_value))[1]
    ours = new_metadata(**options, fill_value=fill_value).document
    member = "dtype" if zarr_format == 2 else "data_type"
    assert json.dumps([ours[member], ours["fill_value"]]) == json.dumps(
        [theirs[member], theirs["fill_value"]]
    )


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {"order": "F"},
        {"compressor": None},
        {"compressor": "gzip"},
        {"compressor": "blosc"},
        {"compressor": "lz4"},
        {"filters": [{"id": "delta", "dtype": "<f4"}]},
        {"dimension_names": ["y", "x"]},
        {"attributes": {"a": {"b": [1.5, None, "é"]}}},
        {"chunk_key_encoding": {"name": "v2", "separator": "/"}},
        {"shape": (), "chunks": ()},
        {"shape": (0, 4), "chunks": -1},
    ],
)
def test_zarr_python_understands_every_option(options: dict[str, Any], zarr_format: Format) -> None:
    """Order, codecs, names, attributes and chunk keys."""
    defaults = {"shape": (5, 4), "dtype": "f4", "fill_value": 1.5, "chunks": (2, 3)}
    metadata = new_metadata(**{**defaults, **options}, zarr_format=zarr_format)
    array = open_in_zarr(metadata.document)
    assert (array.shape, array.chunks) == (metadata.shape, metadata.chunk_shape)
    assert np.all(array[...] == 1.5)
    assert dict(array.attrs) == metadata.attributes


def test_zarr_python_understands_our_shards() -> None:
    """Chunks, shards and byte order."""
    metadata = new_metadata(shape=(20, 30), dtype=">f8", chunks=5, shards=10, order="F")
    array = open_in_zarr(metadata.document)
    assert (array.chunks, array.shards) == ((5, 5), (10, 10))
    assert metadata.stored_dtype == np.dtype(">f8")


def test_we_understand_the_shards_of_zarr_python() -> None:
    """Chunks and shards; the codecs inside are the pipeline's concern."""
    array, document = create_in_zarr(
        shape=(20, 30), dtype="f8", chunks=(5, 5), shards=(10, 10), zarr_format=3
    )
    assert_same(parse_metadata(document), array)


@pytest.mark.parametrize("fill_value", ["0x7fc00001", "0xffc00000", "0x7f800001"])
def test_zarr_python_reads_a_nan_whose_bits_it_would_lose(fill_value: str) -> None:
    """It takes the bit pattern for a NaN; the document keeps it for those who know more."""
    metadata = new_metadata(shape=2, dtype="f4", fill_value=fill_value)
    assert metadata.document["fill_value"] == fill_value
    assert np.isnan(open_in_zarr(metadata.document).fill_value)


def test_a_v2_array_without_a_fill_value_reads_as_zarr_python_reads_it() -> None:
    """Null is undefined; zero, empty and "not a time" are what both take it for."""
    for dtype in ("<f4", "|b1", "|S2", "<U2", "|V2", "<M8[s]", [["a", "<i4"], ["b", "|u1"]]):
        document = new_metadata(shape=2, dtype="f4", zarr_format=2).document
        document = {**document, "dtype": dtype, "fill_value": None}
        metadata = parse_metadata(document)
        read = open_in_zarr(document)[...]
        assert bits(read[0], read.dtype) == bits(metadata.fill_value, metadata.data_type.dtype)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr_python_opens_our_byte_strings(zarr_format: Format) -> None:
    """Both sides hold them as ``bytes``."""
    metadata = new_metadata(shape=2, dtype="bytes", fill_value=b"a\0", zarr_format=zarr_format)
    assert open_in_zarr(metadata.document)[...].tolist() == [b"a\0", b"a\0"]


@pytest.mark.parametrize("fill_value", ["0x7fc00001", "NaN", "-Infinity", -0.0])
def test_tensorstore_reads_the_bits_of_our_fill_values(tmp_path: Path, fill_value: Any) -> None:
    """It keeps those of a NaN, as we do."""
    metadata = new_metadata(shape=1, dtype="f4", fill_value=fill_value)
    (tmp_path / "zarr.json").write_text(json.dumps(metadata.document))
    kvstore = {"driver": "file", "path": str(tmp_path)}
    array = tensorstore.open({"driver": "zarr3", "kvstore": kvstore}).result()
    assert array.read().result().tobytes() == metadata.fill_value.tobytes()
