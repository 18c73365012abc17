"""Metadata of new arrays, from the words of those who create them."""

from __future__ import annotations

import json
from math import prod
from types import SimpleNamespace
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr.codecs
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from zarr_backends import ConfigurationError
from zarr_backends._format.chunks.keys import ChunkKeyEncoding
from zarr_backends._format.creation.auto_chunks import TARGET_NBYTES, auto_chunks
from zarr_backends._format.creation.codec_options import DEFAULT_ZSTD_LEVEL
from zarr_backends._format.creation.new_metadata import new_metadata
from zarr_backends._format.metadata.array_metadata import ArrayMetadata

LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
ZSTD = {"name": "zstd", "configuration": {"level": DEFAULT_ZSTD_LEVEL, "checksum": False}}


def new(**options: Any) -> ArrayMetadata:
    """Return the metadata of a small array."""
    return new_metadata(**{"shape": (100, 60), "dtype": "float32", **options})


def codecs(**options: Any) -> list[Any]:
    """Return the codecs of a small v3 array."""
    found: list[Any] = new(**options).document["codecs"]
    return found


def test_a_v3_document_is_complete() -> None:
    """Shape and dtype are enough."""
    assert new().document == {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [100, 60],
        "data_type": "float32",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [100, 60]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0.0,
        "codecs": [LITTLE, ZSTD],
        "attributes": {},
    }


def test_a_v2_document_is_complete() -> None:
    """Shape and dtype are enough."""
    assert new(zarr_format=2).document == {
        "zarr_format": 2,
        "shape": [100, 60],
        "chunks": [100, 60],
        "dtype": "<f4",
        "fill_value": 0.0,
        "order": "C",
        "filters": None,
        "dimension_separator": ".",
        "compressor": {"id": "zstd", "level": DEFAULT_ZSTD_LEVEL},
        "attributes": {},
    }


@pytest.mark.parametrize(
    ("shape", "expected"), [(5, (5,)), ((), ()), ([2, np.int64(3)], (2, 3)), (np.array([4]), (4,))]
)
def test_a_shape_is_an_integer_or_several(shape: Any, expected: tuple[int, ...]) -> None:
    """NumPy's integers are integers."""
    assert new(shape=shape).shape == expected


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [(10, (10, 10)), (-1, (100, 60)), ((10, None), (10, 60)), ([200, -1], (200, 60))],
)
def test_chunks_are_an_integer_or_several(chunks: Any, expected: tuple[int, ...]) -> None:
    """-1 and None stand for a whole dimension; a chunk may be larger than the array."""
    assert new(chunks=chunks).chunk_shape == expected
    assert new(chunks=chunks, zarr_format=2).chunk_shape == expected


@pytest.mark.parametrize(
    ("chunks", "shards", "inner", "outer"),
    [
        (10, 20, [10, 10], [20, 20]),
        ((30, 60), -1, [30, 60], [120, 60]),
        ("auto", (1000, 2048), [500, 512], [1000, 2048]),
        ("auto", (1000, -1), [500, 500], [1000, 3000]),
    ],
)
def test_shards_are_multiples_of_chunks(chunks: Any, shards: Any, inner: Any, outer: Any) -> None:
    """A whole dimension is rounded up; automatic chunks divide the shards that are given."""
    shape = (5000, 3000) if chunks == "auto" else (100, 60)
    document = new(shape=shape, dtype="f8", chunks=chunks, shards=shards).document
    assert document["chunk_grid"]["configuration"]["chunk_shape"] == outer
    assert document["codecs"][0]["configuration"]["chunk_shape"] == inner


def test_a_shard_holds_the_codecs_of_its_chunks() -> None:
    """Its index has a checksum and stands at the end."""
    assert codecs(chunks=10, shards=20, order="F") == [
        {
            "name": "sharding_indexed",
            "configuration": {
                "chunk_shape": [10, 10],
                "codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}}, LITTLE, ZSTD],
                "index_codecs": [LITTLE, {"name": "crc32c"}],
                "index_location": "end",
            },
        }
    ]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (">f8", {"name": "bytes", "configuration": {"endian": "big"}}),
        ("u1", {"name": "bytes"}),
        ("S4", {"name": "bytes"}),
        (">U4", {"name": "bytes", "configuration": {"endian": "big"}}),
        ("string", {"name": "vlen-utf8", "configuration": {}}),
        ("bytes", {"name": "vlen-bytes", "configuration": {}}),
        ([("a", ">i4"), ("b", "<i4")], LITTLE),
        ([("a", ">i4")], LITTLE),
    ],
)
def test_the_dtype_decides_how_elements_become_bytes(dtype: Any, expected: Any) -> None:
    """Big-endian elements are stored as such, structures little endian."""
    assert codecs(dtype=dtype, compressor=None) == [expected]


COMPRESSORS: list[tuple[Any, Any, Any]] = [
    (None, None, None),
    ("auto", {"id": "zstd", "level": 1}, ZSTD),
    ("gzip", {"id": "gzip", "level": 5}, {"name": "gzip", "configuration": {"level": 5}}),
    (
        "lz4",
        {"id": "lz4", "acceleration": 1},
        {"name": "numcodecs.lz4", "configuration": {"acceleration": 1}},
    ),
    (
        numcodecs.Blosc("zstd", shuffle=-1),
        {"id": "blosc", "cname": "zstd", "clevel": 5, "shuffle": -1, "blocksize": 0},
        {
            "name": "blosc",
            "configuration": {
                "cname": "zstd",
                "clevel": 5,
                "shuffle": "shuffle",
                "blocksize": 0,
                "typesize": 4,
            },
        },
    ),
    (
        zarr.codecs.ZstdCodec(level=4),
        {"id": "zstd", "level": 4},
        {"name": "zstd", "configuration": {"level": 4, "checksum": False}},
    ),
    (
        {"id": "zstd", "level": 3, "checksum": True},
        {"id": "zstd", "level": 3, "checksum": True},
        {"name": "zstd", "configuration": {"level": 3, "checksum": True}},
    ),
    (
        {
            "name": "blosc",
            "configuration": {
                "cname": "lz4",
                "clevel": 1,
                "shuffle": "bitshuffle",
                "typesize": 4,
                "blocksize": 0,
            },
        },
        {"id": "blosc", "cname": "lz4", "clevel": 1, "shuffle": 2, "blocksize": 0},
        {
            "name": "blosc",
            "configuration": {
                "cname": "lz4",
                "clevel": 1,
                "shuffle": "bitshuffle",
                "typesize": 4,
                "blocksize": 0,
            },
        },
    ),
    (
        {"name": "numcodecs.bz2", "configuration": {"level": 9}},
        {"id": "bz2", "level": 9},
        {"name": "numcodecs.bz2", "configuration": {"level": 9}},
    ),
]
"""Compressors as users give them, as v2 has them and as v3 has them."""


@pytest.mark.parametrize(("compressor", "v2", "v3"), COMPRESSORS)
def test_a_compressor_is_written_as_the_format_has_it(compressor: Any, v2: Any, v3: Any) -> None:
    """Names, dicts of either format and the codecs of both libraries are taken."""
    assert new(compressor=compressor, zarr_format=2).document["compressor"] == v2
    assert codecs(compressor=compressor) == [LITTLE, *([v3] if v3 else [])]


def test_filters_come_before_elements_become_bytes() -> None:
    """In v2 after the codec of variable-length elements."""
    delta = numcodecs.Delta("<f4")
    name = {"name": "numcodecs.delta", "configuration": {"dtype": "<f4", "astype": "<f4"}}
    assert codecs(filters=[delta]) == [name, LITTLE, ZSTD]
    assert new(filters=[delta], zarr_format=2).document["filters"] == [delta.get_config()]
    strings = new(dtype=str, filters=[{"id": "vlen-utf8"}, {"id": "x"}], zarr_format=2)
    assert strings.document["filters"] == [{"id": "vlen-utf8"}, {"id": "x"}]


def test_codecs_are_the_complete_list() -> None:
    """A byte order that is left out is that of the dtype."""
    given = ["bytes", zarr.codecs.GzipCodec(level=1), "crc32c"]
    big = {"name": "bytes", "configuration": {"endian": "big"}}
    gzip = {"name": "gzip", "configuration": {"level": 1}}
    assert codecs(codecs=given, dtype=">f4") == [big, gzip, {"name": "crc32c"}]
    assert codecs(codecs=["bytes"], dtype="string") == [{"name": "bytes"}]
    inner = codecs(codecs=given, chunks=5, shards=10)[0]["configuration"]["codecs"]
    assert inner == [LITTLE, gzip, {"name": "crc32c"}]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ChunkKeyEncoding("default", "/")),
        ("v2", ChunkKeyEncoding("v2", ".")),
        (".", ChunkKeyEncoding("default", ".")),
        ({"name": "v2", "separator": "/"}, ChunkKeyEncoding("v2", "/")),
        (
            {"name": "default", "configuration": {"separator": "."}},
            ChunkKeyEncoding("default", "."),
        ),
        (SimpleNamespace(name="v2", separator="/"), ChunkKeyEncoding("v2", "/")),
    ],
)
def test_chunk_keys_are_named_in_many_ways(given: Any, expected: ChunkKeyEncoding) -> None:
    """A name, a separator, a dict of either shape, or an object."""
    assert new(chunk_key_encoding=given).key_encoding == expected


@pytest.mark.parametrize("given", ["/", {"name": "v2", "separator": "/"}, {"separator": "/"}])
def test_v2_keys_have_a_separator(given: Any) -> None:
    """That is all there is to choose."""
    document = new(chunk_key_encoding=given, zarr_format=2).document
    assert document["dimension_separator"] == "/"


def test_dimension_names_are_kept_by_both_formats() -> None:
    """In v2 they are the attribute that xarray reads."""
    assert new(dimension_names=("y", None)).document["dimension_names"] == ["y", None]
    metadata = new(dimension_names=["y", "x"], attributes={"a": 1}, zarr_format=2)
    assert metadata.attributes == {"a": 1, "_ARRAY_DIMENSIONS": ["y", "x"]}
    assert metadata.dimension_names == ("y", "x")


def test_attributes_become_json() -> None:
    """NumPy's scalars and arrays, tuples and mappings are taken."""
    given = {"a": np.float32(0.5), "b": np.arange(2), "c": (1, np.True_), "d": {"e": None}}
    expected = {"a": 0.5, "b": [0, 1], "c": [1, True], "d": {"e": None}}
    metadata = new(attributes=given)
    assert metadata.attributes == expected
    assert json.loads(json.dumps(metadata.document))["attributes"] == expected


LOOP: dict[str, Any] = {}
LOOP["loop"] = LOOP


@pytest.mark.parametrize(
    ("option", "value", "others"),
    [
        *(("shape", value, {}) for value in (-1, 1.5, "ab", (True,), None, [[1]], (2**63,))),
        *(("chunks", value, {}) for value in (0, -2, 1.5, "big", (1,), (1, 0), True, None, [], ())),
        ("chunks", -1, {"shape": (2**40,)}),
        *(("shards", value, {"chunks": 10}) for value in (15, 0, "auto", (20,), (20, 15))),
        ("shards", 20, {"zarr_format": 2, "chunks": 10}),
        ("shards", (7919, 7919), {"shape": (10**5, 10**5)}),
        *(("dtype", value, {}) for value in ("O", "S0", "longdouble", None)),
        ("dtype", [("a", "i4", (2,))], {}),
        *(("fill_value", value, {}) for value in ("x", 1e300, [])),
        *(
            ("compressor", value, {})
            for value in ("zsdt", 5, {"level": 1}, False, zarr.codecs.ZstdCodec)
        ),
        ("compressor", {"name": "crc32c"}, {"zarr_format": 2}),
        ("codecs", ["bytes"], {"zarr_format": 2}),
        *(
            ("codecs", ["bytes"], {name: value})
            for name, value in (("compressor", None), ("order", "F"))
        ),
        *(("codecs", value, {}) for value in ("bytes", [5], {})),
        *(("filters", value, {}) for value in ("delta", [5], {"id": "delta"})),
        *(("dimension_names", value, {}) for value in (["x"], "xy", [1, 2], 5)),
        ("dimension_names", ["x", None], {"zarr_format": 2}),
        (
            "dimension_names",
            ["x", "y"],
            {"zarr_format": 2, "attributes": {"_ARRAY_DIMENSIONS": []}},
        ),
        *(("attributes", value, {}) for value in ([], {1: 2}, {"a": b"x"}, {"a": 1j}, LOOP)),
        *(("zarr_format", value, {}) for value in (1, "3", None, 2.0)),
        *(("order", value, {}) for value in ("A", None)),
        *(
            ("chunk_key_encoding", value, {})
            for value in ("v3", {"separator": "-"}, 5, {"name": 5})
        ),
        ("chunk_key_encoding", "default", {"zarr_format": 2}),
    ],
)
def test_an_impossible_option_is_refused(option: str, value: Any, others: dict[str, Any]) -> None:
    """The error names the option."""
    with pytest.raises(ConfigurationError) as caught:
        new(**{option: value, **others})
    assert caught.value.option == option


def test_an_empty_list_of_codecs_is_refused() -> None:
    """What cannot be opened again is not created."""
    with pytest.raises(ConfigurationError, match="at least one codec"):
        new(codecs=[])


@settings(deadline=None)
@given(
    npst.array_shapes(min_dims=0, max_dims=6, min_side=0, max_side=10**6),
    st.integers(1, 2**22),
)
def test_automatic_chunks_are_neither_large_nor_small(
    shape: tuple[int, ...], itemsize: int
) -> None:
    """They fit into the array and the target, and use a good part of both."""
    chunks = auto_chunks(shape, itemsize)
    nbytes = prod(chunks) * itemsize
    assert all(1 <= chunk <= (length or chunk) for chunk, length in zip(chunks, shape, strict=True))
    assert nbytes <= TARGET_NBYTES or prod(chunks) == 1
    whole = all(chunk == length for chunk, length in zip(chunks, shape, strict=True))
    assert whole or nbytes * 2 ** (len(shape) + 1) > TARGET_NBYTES


@pytest.mark.parametrize(
    ("shape", "itemsize", "expected"),
    [
        ((), 8, ()),
        ((0,), 8, (262144,)),
        ((10**18,), 1, (2**21,)),
        ((10_000, 10_000), 8, (500, 500)),
        ((365, 721, 1440), 4, (73, 81, 85)),
        ((3, 10**9), 4, (3, 174734)),
        ((7,), 2**31 - 1, (1,)),
    ],
)
def test_automatic_chunks_look_sane(
    shape: tuple[int, ...], itemsize: int, expected: tuple[int, ...]
) -> None:
    """Cubes where there is room, slabs where a dimension is short, one element where it is huge."""
    assert auto_chunks(shape, itemsize) == expected
