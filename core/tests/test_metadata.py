"""Metadata documents of both formats are read with care."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zarr_backends import ConfigurationError, MetadataError
from zarr_backends._format.chunks.keys import ChunkKeyEncoding
from zarr_backends._format.metadata.parsing import MAX_CHUNK_NBYTES, parse_metadata

V3: dict[str, Any] = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [10, 20],
    "data_type": "float32",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [5, 10]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "fill_value": "NaN",
    "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
}
V2: dict[str, Any] = {
    "zarr_format": 2,
    "shape": [10, 20],
    "chunks": [5, 10],
    "dtype": ">f4",
    "compressor": {"id": "zlib", "level": 1},
    "fill_value": 7,
    "order": "C",
    "filters": None,
}


def v3(**members: Any) -> dict[str, Any]:
    """Return a v3 document with other members."""
    return {**V3, **members}


def v2(**members: Any) -> dict[str, Any]:
    """Return a v2 document with other members."""
    return {**V2, **members}


def grid(*chunk_shape: Any) -> dict[str, Any]:
    """Return a regular chunk grid."""
    return {"name": "regular", "configuration": {"chunk_shape": list(chunk_shape)}}


def sharding(*chunk_shape: Any, codecs: Any = ("bytes",)) -> dict[str, Any]:
    """Return a sharding codec."""
    configuration = {"chunk_shape": list(chunk_shape), "codecs": list(codecs)}
    return {"name": "sharding_indexed", "configuration": configuration}


def test_a_v3_document_is_read() -> None:
    """Every member ends up in its field."""
    metadata = parse_metadata(v3(attributes={"a": 1}, dimension_names=["x", None]))
    assert (metadata.zarr_format, metadata.shape, metadata.chunk_shape) == (3, (10, 20), (5, 10))
    assert metadata.data_type.name == "float32"
    assert np.isnan(metadata.fill_value)
    assert metadata.codecs == tuple(V3["codecs"])
    assert metadata.key_encoding == ChunkKeyEncoding("default", "/")
    assert (metadata.order, metadata.dimension_names) == ("C", ("x", None))
    assert metadata.attributes == {"a": 1}


def test_a_v2_document_is_read() -> None:
    """Filters and compressor become codecs; the byte order stays in the stored dtype."""
    metadata = parse_metadata(v2(order="F", filters=[{"id": "shuffle", "elementsize": 4}]))
    assert metadata.data_type.dtype == np.dtype("f4")
    assert metadata.stored_dtype == np.dtype(">f4")
    assert metadata.codecs == (
        {"name": "transpose", "configuration": {"order": [1, 0]}},
        {"name": "v2:bytes"},
        {"name": "v2:shuffle", "configuration": {"elementsize": 4}},
        {"name": "v2:zlib", "configuration": {"level": 1}},
    )
    assert metadata.key_encoding == ChunkKeyEncoding("v2", ".")


@pytest.mark.parametrize(("codec", "kind"), [("vlen-utf8", "T"), ("vlen-bytes", "O")])
def test_v2_elements_of_variable_length_have_a_codec_of_their_own(codec: str, kind: str) -> None:
    """It takes the place of what makes bytes of numbers."""
    metadata = parse_metadata(
        v2(dtype="|O", filters=[{"id": codec}], fill_value=None, compressor=None)
    )
    assert metadata.codecs == ({"name": codec},)
    assert metadata.data_type.dtype.kind == kind


def test_the_spec_of_a_chunk_is_what_codecs_need() -> None:
    """Shape, both dtypes and the fill value."""
    spec = parse_metadata(V2).chunk_spec()
    assert (spec.shape, spec.nitems, spec.nbytes) == ((5, 10), 50, 200)
    assert (spec.dtype, spec.stored_dtype) == (np.dtype("f4"), np.dtype(">f4"))
    assert spec.fill_value == 7


@pytest.mark.parametrize(
    "members",
    [
        {"attributes": None},
        {"dimension_names": None},
        {"storage_transformers": []},
        {"codecs": ["bytes", {"name": "crc32c", "configuration": None}]},
        {"chunk_key_encoding": "default"},
        {"data_type": {"name": "float32"}},
        {"extension": {"must_understand": False, "name": "x"}},
        {"shape": [0, 20]},
        {"shape": [10**18, 2**63 - 1]},
    ],
)
def test_what_v3_allows_is_read(members: dict[str, Any]) -> None:
    """Optional members, bare names, extensions that may be ignored, and huge arrays."""
    assert parse_metadata(v3(**members)).data_type.name == "float32"


@pytest.mark.parametrize(
    "members",
    [
        {"filters": []},
        {"unknown": 5},
        {"attributes": {"_ARRAY_DIMENSIONS": "not a list"}},
        {"attributes": {"_ARRAY_DIMENSIONS": ["one name"]}},
        {"attributes": {"_ARRAY_DIMENSIONS": ["x", None]}},
        {"shape": [10**18, 20], "chunks": [1, 20]},
    ],
)
def test_what_v2_allows_is_read(members: dict[str, Any]) -> None:
    """Empty filters, unknown members, and attributes that only look like dimension names."""
    metadata = parse_metadata(v2(**members))
    assert metadata.dimension_names is None
    assert metadata.codecs[-1]["name"] == "v2:zlib"


@pytest.mark.parametrize("member", ["fill_value", "filters", "compressor", "order"])
def test_v2_members_that_some_leave_out_may_be_missing(member: str) -> None:
    """They have a meaning that nobody doubts."""
    document = v2(compressor=None)
    del document[member]
    assert parse_metadata(document).codecs == ({"name": "v2:bytes"},)


def test_v2_attributes_name_the_dimensions_as_xarray_does() -> None:
    """The attribute is where xarray keeps them."""
    metadata = parse_metadata(v2(attributes={"_ARRAY_DIMENSIONS": ["y", "x"]}))
    assert metadata.dimension_names == ("y", "x")
    assert metadata.with_attributes({}).dimension_names is None


@pytest.mark.parametrize(
    ("members", "order", "stored"),
    [
        ({"codecs": [{"name": "bytes", "configuration": {"endian": "big"}}]}, "C", ">f4"),
        ({"codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}}]}, "F", "<f4"),
        ({"codecs": [{"name": "transpose", "configuration": {"order": [0, 1]}}]}, "C", "<f4"),
        ({"codecs": [sharding(1, 1, codecs=V3["codecs"])]}, "C", "<f4"),
    ],
)
def test_v3_codecs_say_byte_order_and_layout(
    members: dict[str, Any], order: str, stored: str
) -> None:
    """Also those of the chunks in a shard."""
    metadata = parse_metadata(v3(**members))
    assert (metadata.order, metadata.stored_dtype) == (order, np.dtype(stored))


@pytest.mark.parametrize("document", [v2(shape=[0, 3], chunks=[0, 3])])
def test_a_v2_chunk_of_no_length_is_read_as_one(document: dict[str, Any]) -> None:
    """Older zarr-python wrote it along empty dimensions; the document is mended."""
    metadata = parse_metadata(document)
    assert metadata.chunk_shape == (1, 3)
    assert metadata.document["chunks"] == [1, 3]
    assert document["chunks"] == [0, 3]


def test_a_v3_chunk_of_no_length_is_read_as_the_smallest_one() -> None:
    """That is 1, or one chunk of a shard."""
    plain = parse_metadata(v3(shape=[0, 3], chunk_grid=grid(0, 3)))
    assert plain.document["chunk_grid"] == grid(1, 3)
    sharded = parse_metadata(v3(shape=[0, 3], chunk_grid=grid(0, 4), codecs=[sharding(2, 2)]))
    assert sharded.chunk_shape == (2, 4)


SHARDS = v3(shape=[2**40] * 2, chunk_grid=grid(2**20, 2**20))


def test_chunks_are_bounded_and_shards_are_not() -> None:
    """What has to fit into memory is the innermost chunk."""
    assert parse_metadata({**SHARDS, "codecs": [sharding(2**10, 2**10)]}).chunk_shape[0] == 2**20
    nested = sharding(2**15, 2**15, codecs=[sharding(2**10, 2**10)])
    assert parse_metadata({**SHARDS, "codecs": [nested]}).codecs == (nested,)


@pytest.mark.parametrize(
    "document",
    [
        v2(chunks=[2**20, 2**20]),
        v2(chunks=[2**63 - 1, 2**63 - 1]),
        v3(chunk_grid=grid(2**15, 2**15 + 1)),
        SHARDS,
        {**SHARDS, "codecs": [sharding(2**17, 2**17)]},
        {**SHARDS, "codecs": [sharding(2**18, 2**18, codecs=[sharding(2**17, 2**17)])]},
        {**SHARDS, "codecs": [sharding(2**10, 2**10), "gzip"]},
        {**SHARDS, "codecs": [sharding(2, 2)]},
        v3(data_type="string", fill_value="", chunk_grid=grid(2**15, 2**15)),
    ],
)
def test_more_than_memory_holds_is_refused(document: dict[str, Any]) -> None:
    """A chunk, a shard that has to be decoded whole, or the index of one; nothing is allocated."""
    with pytest.raises(MetadataError, match=str(MAX_CHUNK_NBYTES)):
        parse_metadata(document)


@pytest.mark.parametrize("member", [name for name in V3 if name != "zarr_format"])
def test_v3_members_are_required(member: str) -> None:
    """The error names what is missing."""
    document = {name: value for name, value in V3.items() if name != member}
    with pytest.raises(MetadataError, match=member):
        parse_metadata(document)


@pytest.mark.parametrize("member", ["shape", "chunks", "dtype"])
def test_v2_members_are_required(member: str) -> None:
    """The error names what is missing."""
    document = {name: value for name, value in V2.items() if name != member}
    with pytest.raises(MetadataError, match=member):
        parse_metadata(document)


SHAPES = ([True, 1], [1.0, 1], [-1, 1], [2**63, 1], ["1", 1], 5, "ab", None, {}, [1] * 65)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        *(("shape", value) for value in (*SHAPES, [1])),
        *(("chunk_grid", grid(*value)) for value in SHAPES if isinstance(value, list)),
        *(("chunk_grid", value) for value in (grid(1), {}, "regular", None, {"name": "regular"})),
        ("chunk_grid", {"name": "rectilinear", "configuration": {}}),
        *(("data_type", value) for value in ("float31", None, {}, 5)),
        *(("fill_value", value) for value in (None, "x", [], {})),
        *(("codecs", value) for value in ([], None, "bytes", [5], [{}], [{"name": 5}], {})),
        *(("codecs", [sharding(*shape)]) for shape in ((), (0, 1), (5,), ("1", 1))),
        ("codecs", [sharding(1, 1, codecs=[])]),
        ("codecs", [{"name": "bytes", "configuration": []}]),
        *(("chunk_key_encoding", value) for value in (None, {}, "x", {"name": "v2", "x": 1})),
        *(("attributes", value) for value in ([], "x", 5)),
        *(("dimension_names", value) for value in (["x"], ["x", 5], "xy", {"x": 1, "y": 2})),
        *(("storage_transformers", value) for value in ([{"name": "x"}], {"a": 1})),
        *(("extension", value) for value in (5, {}, {"must_understand": True}, None)),
        *(("node_type", value) for value in ("group", None, 5)),
    ],
)
def test_a_malformed_v3_member_is_refused(member: str, value: Any) -> None:
    """Nothing but a `MetadataError` comes of it."""
    if member == "chunk_key_encoding" and isinstance(value, dict) and "x" in value:
        value = {"name": "v2", "configuration": {"separator": "x"}}
    with pytest.raises(MetadataError):
        parse_metadata(v3(**{member: value}))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        *((member, value) for member in ("shape", "chunks") for value in (*SHAPES, [1])),
        *(("dtype", value) for value in ("f4", None, "|O", [], {})),
        *(("fill_value", value) for value in ("x", [], {})),
        *(("order", value) for value in ("A", None, [], 5)),
        *(("filters", value) for value in ({}, "x", [5], [{}], [{"id": 5}], 5)),
        *(("compressor", value) for value in ("zlib", [], {}, {"id": 5}, 5)),
        *(("dimension_separator", value) for value in ("-", None, 5)),
        *(("attributes", value) for value in ([], "x", 5)),
    ],
)
def test_a_malformed_v2_member_is_refused(member: str, value: Any) -> None:
    """Nothing but a `MetadataError` comes of it."""
    with pytest.raises(MetadataError):
        parse_metadata(v2(**{member: value}))


def test_the_codec_of_variable_length_elements_comes_first() -> None:
    """A filter before it would get what it cannot handle."""
    filters = [{"id": "delta"}, {"id": "vlen-utf8"}]
    with pytest.raises(MetadataError, match="first filter"):
        parse_metadata(v2(dtype="|O", filters=filters, fill_value=None))


@pytest.mark.parametrize("document", [None, [], 5, {}, {"zarr_format": 1}, {"zarr_format": True}])
def test_what_is_no_array_document_is_refused(document: Any) -> None:
    """The error names the format or what stands in its place."""
    with pytest.raises(MetadataError):
        parse_metadata(document)


@pytest.mark.parametrize("document", [V2, v3(extension={"must_understand": False})])
def test_a_new_shape_changes_nothing_else(document: dict[str, Any]) -> None:
    """Unknown members of the document survive."""
    metadata = parse_metadata(document)
    resized = metadata.with_shape((np.int64(3), 0))
    assert resized.shape == (3, 0)
    assert resized.document == {**document, "shape": [3, 0]}
    assert metadata.document == document


@pytest.mark.parametrize("shape", [(1,), (1, 2, 3), (-1, 2), (1.5, 2), 5, (2**63, 1), "ab"])
def test_an_impossible_new_shape_is_refused(shape: Any) -> None:
    """The error names the option."""
    with pytest.raises(ConfigurationError) as caught:
        parse_metadata(V3).with_shape(shape)
    assert caught.value.option == "shape"


@pytest.mark.parametrize("document", [V2, V3])
def test_new_attributes_change_nothing_else(document: dict[str, Any]) -> None:
    """NumPy's values become JSON."""
    metadata = parse_metadata(document).with_attributes({"a": np.arange(2), "b": np.float32(0.5)})
    assert metadata.attributes == {"a": [0, 1], "b": 0.5}
    assert metadata.document == {**document, "attributes": {"a": [0, 1], "b": 0.5}}


MEMBERS = st.sampled_from(["name", "configuration", "id", "fields", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
    | st.sampled_from([0, 1, -1, 2**31, 2**63, 2**64, 10**30, "NaN", "regular", "bytes", "|O"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(MEMBERS, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
NESTED = v3(
    data_type={"name": "struct", "configuration": {"fields": [["a", "int8"], ["b", "float16"]]}},
    fill_value={"a": 1, "b": "NaN"},
    codecs=[sharding(5, 5, codecs=V3["codecs"])],
    attributes={"a": [1, {"b": None}]},
    dimension_names=["x", None],
)
STRUCTURED = v2(dtype=[["a", "<i4"], ["b", [["c", "|S2"]]]], fill_value=None, filters=[{"id": "x"}])
TIMES = v3(
    data_type={"name": "numpy.datetime64", "configuration": {"unit": "s", "scale_factor": 1}},
    fill_value=0,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of everything inside a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    inner = [places(v, (*path, k)) for k, v in items if isinstance(v, dict | list)]
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    return [(*path, key) for key in keys] + [place for found in inner for place in found]


def mutated(document: Any, path: tuple[Any, ...], values: list[Any]) -> Any:
    """Return a document with the thing at `path` replaced, or dropped where `values` is empty."""
    key, *rest = path
    copy = document.copy()
    if rest:
        copy[key] = mutated(document[key], tuple(rest), values)
    elif values:
        copy[key] = values[0]
    else:
        del copy[key]
    return copy


@settings(deadline=None, max_examples=600)
@given(st.sampled_from([V2, V3, NESTED, STRUCTURED, TIMES]), st.data())
def test_a_mutated_document_is_read_or_refused(
    original: dict[str, Any], data: st.DataObject
) -> None:
    """Whatever is dropped or replaced, nothing but a `MetadataError` comes of it."""
    document = original
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(places(document)))
        document = mutated(document, path, data.draw(st.lists(JSON, max_size=1)))
    try:
        metadata = parse_metadata(document)
    except MetadataError:
        return
    assert len(metadata.shape) == len(metadata.chunk_shape)


@pytest.mark.parametrize("member", sorted({*V2, *V3, "attributes", "extension"}))
@pytest.mark.parametrize("original", [V2, V3])
def test_endless_nesting_is_refused(original: dict[str, Any], member: str) -> None:
    """Neither Python's stack nor time runs out."""
    nested: Any = 0
    for _ in range(20_000):
        nested = {
            "name": "struct",
            "configuration": {"fields": [["a", nested]]},
            "codecs": [nested],
        }
    try:
        parse_metadata({**original, member: nested})
    except MetadataError:
        return
    assert member in ("attributes", "extension") or member not in original


def test_endless_nesting_in_a_message_is_refused() -> None:
    """What is wrong is shown in messages; that must not run out of stack either."""
    nested: Any = []
    for _ in range(20_000):
        nested = [nested]
    encoding = {"name": "v2", "configuration": {"separator": nested}}
    with pytest.raises(MetadataError):
        parse_metadata(v3(chunk_key_encoding=encoding))
