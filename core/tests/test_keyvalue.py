"""The base class of key-value backends: ten members and more out of five methods."""

from __future__ import annotations

import itertools
import json
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pytest

from zarr_backends._storage.keyvalue.backend import KeyValueBackend
from zarr_backends.contract import (
    Backend,
    Buffer,
    SupportsAtomicUpdate,
    SupportsBatches,
    SupportsKeys,
    SupportsRangeReads,
    SupportsSizes,
    SupportsSnapshots,
    Transform,
    contiguous_view,
)
from zarr_backends.errors import (
    ArrayNotFoundError,
    BackendError,
    ChunkNotFoundError,
    ConfigurationError,
    MetadataError,
    MetadataNotFoundError,
)

CAPABILITIES = [
    SupportsAtomicUpdate,
    SupportsBatches,
    SupportsRangeReads,
    SupportsSizes,
    SupportsSnapshots,
]
PLACES: dict[str, dict[str, bytes]] = {}
"""What is stored, by the option ``place``: a dict is the oracle, and has the bytes to see."""


class Shelf(KeyValueBackend):
    """The five methods over a dict, and nothing else."""

    backend_id: ClassVar[str] = "shelf"

    def connect(self, *, place: str = "") -> None:
        """Take the dict of a place."""
        self.place = place
        self.values = PLACES.setdefault(place, {})
        self.refused: str | None = None

    def get(self, key: str) -> Buffer | None:
        """Return a value."""
        return self.values.get(key)

    def set(self, key: str, value: Buffer) -> None:
        """Keep a copy, unless the key is the one that is refused."""
        if key == self.refused:
            message = "no"
            raise BackendError(message)
        self.values[key] = bytes(contiguous_view(value))

    def delete(self, key: str) -> None:
        """Forget a value."""
        self.values.pop(key, None)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys."""
        return (key for key in tuple(self.values) if key.startswith(prefix))


@pytest.fixture
def shelf(request: pytest.FixtureRequest) -> Shelf:
    """Return an empty backend whose place is named after the test."""
    PLACES.pop(request.node.nodeid, None)
    return Shelf.create(place=request.node.nodeid)


def document(shape: tuple[int, ...], name: str = "default", separator: str = "/") -> dict[str, Any]:
    """Return the part of a v3 document that says how chunks are named."""
    encoding = {"name": name, "configuration": {"separator": separator}}
    shared = {"zarr_format": 3, "node_type": "array"}
    return {**shared, "shape": list(shape), "chunk_key_encoding": encoding}


def document_v2(shape: tuple[int, ...], separator: str | None = None) -> dict[str, Any]:
    """Return the same for v2."""
    extra = {"dimension_separator": separator} if separator else {}
    return {"zarr_format": 2, "shape": list(shape), "attributes": {"a": 1}, **extra}


def test_five_methods_make_a_backend(shelf: Shelf) -> None:
    """A subclass with the five methods has the ten members and keys."""
    assert isinstance(shelf, Backend)
    assert isinstance(shelf, SupportsKeys)


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_fallbacks_are_no_capabilities(shelf: Shelf, capability: type) -> None:
    """What merely follows from the five methods is not shown as a capability."""
    assert not isinstance(shelf, capability)


@pytest.mark.parametrize(
    ("primitives", "capability"),
    [
        (("get_range",), SupportsRangeReads),
        (("open_value",), SupportsSnapshots),
        (("size",), SupportsSizes),
        (("get_many", "set_many", "delete_many"), SupportsBatches),
        (("update",), SupportsAtomicUpdate),
    ],
)
def test_overridden_primitives_bring_capabilities(
    primitives: tuple[str, ...], capability: type
) -> None:
    """Overriding a primitive brings its capability and no other, also to subclasses."""
    overrides = {name: lambda *_: None for name in primitives}
    derived = type("Derived", (type("Better", (Shelf,), overrides),), {})
    found = {c for c in CAPABILITIES if isinstance(derived.create(), c)}
    assert found == {capability}


def test_half_a_batch_is_no_batch() -> None:
    """Batches need all three primitives."""
    half = type("Half", (Shelf,), {"get_many": lambda *_: [], "set_many": lambda *_: None})
    assert not isinstance(half.create(), SupportsBatches)


def test_reading_several_keys_brings_reading_several_chunks() -> None:
    """A backend may read several chunks at once and write them one by one."""
    reader = type("Reader", (Shelf,), {"get_many": lambda _, keys: list(keys)})
    assert reader.create().read_chunks([(0, 1), (2, 3)]) == ["c/0/1", "c/2/3"]
    assert not hasattr(reader, "write_chunks")


@pytest.mark.parametrize(
    ("encoding", "index", "key"),
    [
        (("default", "/"), (0, 12), "c/0/12"),
        (("default", "."), (0, 12), "c.0.12"),
        (("v2", "."), (0, 12), "0.12"),
        (("v2", "/"), (0, 12), "0/12"),
        (("default", "/"), (7,), "c/7"),
        (("default", "."), (7,), "c.7"),
        (("v2", "."), (7,), "7"),
        (("default", "/"), (), "c"),
        (("default", "."), (), "c"),
        (("v2", "."), (), "0"),
    ],
)
def test_chunks_of_v3_have_the_keys_of_the_specification(
    shelf: Shelf, encoding: tuple[str, str], index: tuple[int, ...], key: str
) -> None:
    """Every chunk key encoding of v3, with both separators and without dimensions."""
    shelf.write_metadata(document((99,) * len(index), *encoding), 3)
    shelf.write_chunk(index, b"bytes")
    assert shelf.values.keys() == {"zarr.json", key}
    assert list(shelf.list_chunks()) == [index]
    assert shelf.read_chunk(index) == b"bytes"
    shelf.delete_chunk(index)
    assert list(shelf.list_chunks()) == []


@pytest.mark.parametrize(
    ("separator", "index", "key"),
    [(None, (0, 12), "0.12"), (".", (0, 12), "0.12"), ("/", (0, 12), "0/12"), (None, (), "0")],
)
def test_chunks_of_v2_have_the_keys_of_the_specification(
    shelf: Shelf, separator: str | None, index: tuple[int, ...], key: str
) -> None:
    """Both separators of v2, the default one, and no dimensions."""
    shelf.write_metadata(document_v2((99,) * len(index), separator), 2)
    shelf.write_chunk(index, b"bytes")
    assert shelf.values.keys() == {".zarray", ".zattrs", key}
    assert list(Shelf.open(place=shelf.place).list_chunks()) == [index]


def test_another_instance_reads_how_chunks_are_named(shelf: Shelf) -> None:
    """The names of chunks come from the metadata, whoever wrote it."""
    shelf.write_metadata(document((9, 9), "default", "."), 3)
    other = Shelf.open(place=shelf.place)
    other.write_chunk((1, 2), b"x")
    assert "c.1.2" in shelf.values


def test_only_chunks_are_listed(shelf: Shelf) -> None:
    """Metadata, children, siblings with a like name and odd numbers are no chunks."""
    shelf.write_metadata(document((99, 99)), 3)
    others = "c c/0 c/0/0/0 c/00/1 c/-1/0 c/0/x cc/0/0 c0/0 child/zarr.json child/c/0/0 c.0.0"
    for key in others.split():
        shelf.set(key, b"")
    shelf.write_chunk((3, 4), b"x")
    assert list(shelf.list_chunks()) == [(3, 4)]


def test_listing_is_lazy() -> None:
    """The first chunks of a listing without end come at once."""

    class Endless(Shelf):
        def list_keys(self, prefix: str = "") -> Iterator[str]:
            return (f"{prefix}{i}" for i in itertools.count())

    backend = Endless.create(place="endless")
    backend.write_metadata(document((2**40,)), 3)
    first = itertools.islice(backend.list_chunks(), 3)
    assert list(first) == [(0,), (1,), (2,)]


def test_a_missing_chunk_is_an_error_with_attributes(shelf: Shelf) -> None:
    """Absence is a NotFoundError that says what and where."""
    shelf.write_metadata(document((9, 9)), 3)
    with pytest.raises(ChunkNotFoundError) as caught:
        shelf.read_chunk((1, 2))
    assert (caught.value.index, caught.value.key) == ((1, 2), "c/1/2")
    assert caught.value.backend == "shelf"
    shelf.delete_chunk((1, 2))


def test_an_empty_chunk_is_not_a_missing_one(shelf: Shelf) -> None:
    """Zero bytes are bytes."""
    shelf.write_metadata(document((9,)), 3)
    shelf.write_chunk((0,), b"")
    assert shelf.read_chunk((0,)) == b""


@pytest.mark.parametrize("index", [(-1, 0), (0,), (0, 0, 0), (0.0, 1), ("0", 1), (None, 0)])
def test_an_impossible_index_is_refused(shelf: Shelf, index: Any) -> None:
    """Negative, wrongly typed and wrongly many coordinates never become keys."""
    shelf.write_metadata(document((9, 9)), 3)
    with pytest.raises(ConfigurationError):
        shelf.write_chunk(index, b"x")
    assert shelf.values.keys() == {"zarr.json"}


def test_numpy_integers_are_indices(shelf: Shelf) -> None:
    """A coordinate may be a NumPy integer."""
    shelf.write_metadata(document((9, 9)), 3)
    shelf.write_chunk((np.int64(1), np.uint8(2)), b"x")
    assert shelf.read_chunk((1, 2)) == b"x"


def test_v2_attributes_are_a_member_of_the_document(shelf: Shelf) -> None:
    """The two documents of v2 are one in the contract, and two in the storage."""
    wanted = document_v2((4,))
    shelf.write_metadata(wanted, 2)
    assert json.loads(shelf.values[".zattrs"]) == {"a": 1}
    assert "attributes" not in json.loads(shelf.values[".zarray"])
    assert shelf.read_metadata() == wanted


def test_v2_without_attributes_has_one_document(shelf: Shelf) -> None:
    """Attributes that are left out are removed."""
    shelf.write_metadata(document_v2((4,)), 2)
    bare = {"zarr_format": 2, "shape": [4]}
    shelf.write_metadata(bare, 2)
    assert shelf.values.keys() == {".zarray"}
    assert shelf.read_metadata() == bare


@pytest.mark.parametrize(("first", "second"), [(2, 3), (3, 2)])
def test_one_format_replaces_the_other(shelf: Shelf, first: Any, second: Any) -> None:
    """Documents of the other format are gone when metadata is replaced."""
    documents = {2: document_v2((4,)), 3: document((4,))}
    shelf.write_metadata(documents[first], first)
    shelf.write_metadata(documents[second], second)
    assert shelf.read_metadata() == documents[second]
    assert shelf.values.keys() == ({"zarr.json"} if second == 3 else {".zarray", ".zattrs"})


@pytest.mark.parametrize("refused", [".zarray", ".zattrs", "zarr.json"])
def test_a_failed_write_of_metadata_is_rolled_back(shelf: Shelf, refused: str) -> None:
    """Where one document cannot be written, all are as they were, and so are chunk names."""
    shelf.write_metadata(document_v2((4,)), 2)
    before = dict(shelf.values)
    shelf.refused = refused
    new = document((4,)) if refused == "zarr.json" else document_v2((5,), "/")
    with pytest.raises(BackendError):
        shelf.write_metadata({**new, "attributes": {"a": 2}}, new["zarr_format"])
    assert shelf.values == before
    shelf.write_chunk((3,), b"x")
    assert shelf.values.keys() - before == {"3"}


@pytest.mark.parametrize(
    ("raw", "error"),
    [(None, MetadataNotFoundError), (b"{", MetadataError), (b"[]", MetadataError)],
)
def test_what_is_no_document_is_an_error(
    shelf: Shelf, raw: bytes | None, error: type[Exception]
) -> None:
    """Nothing is not found; anything but a JSON object is wrong."""
    if raw is not None:
        shelf.set("zarr.json", raw)
    with pytest.raises(error):
        shelf.read_metadata()


def test_open_finds_arrays_only(shelf: Shelf) -> None:
    """There must be an array; a group is none."""
    with pytest.raises(ArrayNotFoundError):
        Shelf.open(place=shelf.place)
    shelf.set("zarr.json", b'{"zarr_format": 3, "node_type": "group"}')
    assert not shelf.exists()
    with pytest.raises(ArrayNotFoundError):
        Shelf.open(place=shelf.place)
    shelf.write_metadata(document((4,)), 3)
    assert Shelf.open(place=shelf.place).exists()


def test_create_writes_nothing(shelf: Shelf) -> None:
    """Connecting leaves the place as it is."""
    Shelf.create(place=shelf.place)
    assert shelf.values == {}


@pytest.mark.parametrize(("start", "stop"), [(0, 3), (2, None), (-2, None), (8, 9), (4, 99)])
def test_ranges_are_slices(shelf: Shelf, start: int, stop: int | None) -> None:
    """The fallback of `get_range` cuts as a slice does."""
    shelf.set("k", b"01234")
    assert shelf.get_range("k", start, stop) == b"01234"[start:stop]
    assert shelf.get_range("absent", start, stop) is None


def test_fallbacks_of_sizes_snapshots_and_batches(shelf: Shelf) -> None:
    """What is not overridden is made of the five methods."""
    shelf.set_many({"a": b"12", "b": b""})
    assert shelf.get_many(["b", "x", "a"]) == [b"", None, b"12"]
    assert [shelf.size(key) for key in "abx"] == [2, 0, None]
    snapshot = shelf.open_value("a")
    assert shelf.open_value("x") is None
    shelf.delete_many(["a", "x"])
    assert snapshot is not None
    with snapshot as value:
        assert (value.nbytes, value.read(1, 2)) == (2, b"2")


def test_prefixes_are_not_names(shelf: Shelf) -> None:
    """Siblings whose names start alike are told apart by the slash."""
    for key in ("a/x", "a/b/x", "ab/x", "a.b", "a"):
        shelf.set(key, b"")
    assert set(shelf.list_keys("a/")) == {"a/x", "a/b/x"}
    assert sorted(shelf.list_dir("a/")) == ["b", "x"]
    assert sorted(shelf.list_dir()) == ["a", "a.b", "ab"]
    shelf.delete_prefix("a/")
    assert shelf.values.keys() == {"ab/x", "a.b", "a"}


def test_threads_of_one_instance_lose_no_update(shelf: Shelf) -> None:
    """The fallbacks of `update` and `set_if_absent` are safe between threads."""

    def add(_: int) -> bool:
        created = shelf.set_if_absent("first", b"")
        shelf.update("n", lambda old: str(int(bytes(old or b"0")) + 1).encode())
        return created

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(add, range(200))) == 1
    assert shelf.get("n") == b"200"


@pytest.mark.parametrize("old", [None, b"1"])
def test_update_to_nothing_deletes(shelf: Shelf, old: bytes | None) -> None:
    """None is absence, on both sides of a transform."""
    if old is not None:
        shelf.set("k", old)
    seen: list[Buffer | None] = []
    forget: Transform = seen.append
    shelf.update("k", forget)
    assert seen == [old]
    assert shelf.values == {}


def test_a_backend_is_pickled_as_its_options(shelf: Shelf) -> None:
    """A copy connects for itself."""
    shelf.set("k", b"v")
    copy = pickle.loads(pickle.dumps(shelf))  # our own bytes
    assert type(copy) is Shelf
    assert copy.get("k") == b"v"


def test_the_repr_shows_no_options() -> None:
    """Options may hold credentials."""
    assert "secret" not in repr(Shelf.create(place="secret"))


def test_a_document_may_be_any_mapping(shelf: Shelf) -> None:
    """A view that cannot be changed is written like a dict."""
    shelf.write_metadata(MappingProxyType(document((2,))), 3)
    assert shelf.read_metadata()["shape"] == [2]
