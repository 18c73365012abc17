"""A store over a backend that has the ten members and holds one array."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import zarr
from bare_backend import BareBackend
from zarr.core.buffer import cpu

from zarr_backends._storage.keyvalue.array_keys import ArrayKeys
from zarr_backends._storage.zarr_store import BackendStore, zarr_store
from zarr_backends.contract import Buffer, ChunkIndex, SupportsKeys
from zarr_backends.errors import ConfigurationError, MetadataError, NetworkError

DATA = np.arange(35, dtype="i4").reshape(5, 7)

ARRAYS: list[dict[str, Any]] = [
    {"zarr_format": 3},
    {"zarr_format": 3, "chunk_key_encoding": {"name": "default", "separator": "."}},
    {"zarr_format": 3, "chunk_key_encoding": {"name": "v2", "separator": "/"}},
    {"zarr_format": 3, "shards": (4, 6)},
    {"zarr_format": 2},
    {"zarr_format": 2, "chunk_key_encoding": {"name": "v2", "separator": "/"}},
]


def new_array(store: BackendStore, **options: Any) -> zarr.Array[Any]:
    """Create an array in the store."""
    return zarr.create_array(store, shape=(5, 7), chunks=(2, 3), dtype="i4", **options)


async def keys_of(store: BackendStore, prefix: str = "") -> list[str]:
    """Return the keys that a store lists."""
    return sorted([key async for key in store.list_prefix(prefix)])


@pytest.mark.parametrize("options", ARRAYS)
def test_one_array_is_written_and_read(options: dict[str, Any]) -> None:
    """Data, attributes and parts of both survive in all formats and chunk namings."""
    backend = BareBackend()
    assert not isinstance(backend, SupportsKeys)
    array = new_array(zarr_store(backend), attributes={"units": "K"}, **options)
    array[:] = DATA
    array[1:3, 2:5] = DATA[1:3, 2:5] + 100
    array.attrs["more"] = [1, 2]
    again = zarr.open_array(zarr_store(backend), mode="r")
    np.testing.assert_array_equal(again[1:3, 2:5], DATA[1:3, 2:5] + 100)
    np.testing.assert_array_equal(again[3:], DATA[3:])
    assert dict(again.attrs) == {"units": "K", "more": [1, 2]}


@pytest.mark.parametrize("options", ARRAYS)
def test_keys_are_those_of_the_specification(options: dict[str, Any]) -> None:
    """Each key that is listed is found, and is a key of zarr-python's own store."""
    store, values = zarr_store(BareBackend()), {}
    new_array(store, **options)[:] = DATA
    zarr.create_array(values, shape=(5, 7), chunks=(2, 3), dtype="i4", **options)[:] = DATA
    keys = asyncio.run(keys_of(store))
    assert keys == sorted(values)
    for key in keys:
        assert asyncio.run(store.exists(key))
        assert asyncio.run(store.getsize(key)) == len(store.get_sync(key))


def test_chunks_are_byte_exact() -> None:
    """A chunk's bytes are those that were written, and ranges of them are slices."""
    backend = BareBackend()
    new_array(zarr_store(backend))[:] = DATA
    keys = ArrayKeys(backend)
    keys.set("c/0/1", b"raw bytes")
    assert backend.chunks[0, 1] == keys.get("c/0/1") == b"raw bytes"
    assert keys.get_range("c/0/1", 2, 6) == b"w by"
    assert keys.get_range("c/0/1", -5) == b"bytes"
    assert keys.size("c/0/1") == 9


class RangedBackend(BareBackend):
    """Can read a part of a chunk, knows sizes and deletes at once, and not otherwise."""

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Refuse."""
        raise AssertionError(index)

    def read_chunk_range(self, index: ChunkIndex, start: int, stop: int | None = None) -> Buffer:
        """Return a part."""
        return BareBackend.read_chunk(self, index)[start:stop]

    def chunk_nbytes(self, index: ChunkIndex) -> int:
        """Return a length."""
        return len(BareBackend.read_chunk(self, index))

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Refuse."""
        raise AssertionError(index)

    def read_chunks(self, indices: Sequence[ChunkIndex]) -> list[Buffer | None]:
        """Return several chunks."""
        return [self.chunks.get(index) for index in indices]

    def write_chunks(self, chunks: Mapping[ChunkIndex, Buffer]) -> None:
        """Write several chunks."""
        self.chunks.update({index: bytes(data) for index, data in chunks.items()})

    def delete_chunks(self, indices: Sequence[ChunkIndex]) -> None:
        """Delete several chunks."""
        for index in indices:
            del self.chunks[index]


def test_better_members_are_used() -> None:
    """Parts and sizes are asked of the backend where it can say, and chunks deleted at once."""
    backend = RangedBackend()
    new_array(zarr_store(backend))
    backend.chunks[0, 1] = b"raw bytes"
    keys = ArrayKeys(backend)
    assert keys.get_range("c/0/1", 4) == b"bytes"
    assert keys.get_range("c/2/2", 4) is None
    assert (keys.size("c/0/1"), keys.size("c/2/2")) == (9, None)
    keys.delete_prefix("c/")
    assert backend.chunks == {}


@pytest.mark.parametrize(
    "key", ["foo", "foo/zarr.json", ".zgroup", "c/0", "c/0/0/0", "c/00/1", "c/-1/0"]
)
def test_other_keys_are_absent(key: str) -> None:
    """A key outside the array has no value, and deleting it is no error."""
    store = zarr_store(BareBackend())
    new_array(store)[:] = DATA
    assert store.get_sync(key) is None
    assert not asyncio.run(store.exists(key))
    store.delete_sync(key)
    with pytest.raises(ConfigurationError, match="stores one array and no hierarchy"):
        store.set_sync(key, cpu.Buffer.from_bytes(b"{}"))


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_groups_have_no_place(zarr_format: Any) -> None:
    """Creating a group, or an array below the root, says that there is one array alone."""
    store = zarr_store(BareBackend())
    with pytest.raises(ConfigurationError, match="stores one array and no hierarchy"):
        zarr.create_group(store, zarr_format=zarr_format)
    with pytest.raises(ConfigurationError, match="create the array at the root"):
        new_array(store, name="a/b", zarr_format=zarr_format)
    assert "one array" in repr(store)


@pytest.mark.parametrize("before", [2, 3])
@pytest.mark.parametrize("after", [2, 3])
def test_an_array_is_overwritten(before: Any, after: Any) -> None:
    """A new array, of either format, replaces the old one and its chunks."""
    backend = BareBackend()
    new_array(zarr_store(backend), zarr_format=before, attributes={"old": 1})[:] = DATA
    array = new_array(zarr_store(backend), zarr_format=after, overwrite=True)
    assert backend.chunks == {}
    assert dict(array.attrs) == dict(zarr.open_array(zarr_store(backend)).attrs) == {}
    assert not np.any(array[:])
    with pytest.raises(zarr.errors.ContainsArrayError):
        new_array(zarr_store(backend), zarr_format=after)


def test_clearing_empties_the_store() -> None:
    """A store that was cleared shows nothing and can be filled again."""
    store = zarr_store(BareBackend())
    new_array(store)[:] = DATA
    asyncio.run(store.clear())
    assert asyncio.run(store.is_empty(""))
    assert asyncio.run(keys_of(store)) == []
    new_array(store, zarr_format=2)
    assert asyncio.run(keys_of(store)) == [".zarray", ".zattrs"]


@pytest.mark.parametrize(("zarr_format", "key"), [(3, "zarr.json"), (2, ".zarray")])
def test_metadata_cannot_be_deleted_alone(zarr_format: Any, key: str) -> None:
    """The contract has no way to delete metadata, and the store says so."""
    store = zarr_store(BareBackend())
    store.delete_sync(key)
    new_array(store, zarr_format=zarr_format)
    with pytest.raises(ConfigurationError, match="no way to delete its metadata"):
        store.delete_sync(key)


def test_v2_attributes_come_and_go() -> None:
    """Attributes of Zarr v2 are a key of their own, before and after the array is there."""
    keys = ArrayKeys(BareBackend())
    keys.set(".zattrs", b'{"a": 1}')
    assert keys.get(".zattrs") == b'{"a": 1}'
    keys.delete(".zattrs")
    assert keys.get(".zattrs") is None
    keys.set(".zattrs", b'{"a": 1}')
    assert (keys.get(".zarray"), keys.get("0.0")) == (None, None)
    keys.set(".zarray", b'{"zarr_format": 2, "shape": [4], "chunks": [2]}')
    assert b'"a": 1' in keys.get(".zattrs")
    keys.delete(".zattrs")
    assert keys.get(".zattrs") is None
    assert sorted(keys.list_keys(".z")) == [".zarray"]


def test_metadata_of_one_format_replace_those_of_the_other() -> None:
    """An array has one format, and its chunks the keys of that."""
    keys = ArrayKeys(BareBackend())
    new = b'{"zarr_format": 3, "shape": [4], "chunk_key_encoding": {"name": "default"}}'
    old = b'{"zarr_format": 2, "shape": [4, 4]}'
    for _ in range(2):
        keys.set("zarr.json", new)
        keys.set("c/1", b"x")
        assert sorted(keys.list_keys()) == ["c/1", "zarr.json"]
        keys.delete("c/1")
        keys.set(".zarray", old)
        keys.set("1.1", b"x")
        assert sorted(keys.list_keys()) == [".zarray", "1.1"]
        keys.delete("1.1")


def test_prefixes_of_keys() -> None:
    """A part of the chunks can be listed and deleted."""
    store = zarr_store(BareBackend())
    new_array(store)[:] = DATA
    assert asyncio.run(keys_of(store, "c/1/")) == ["c/1/0", "c/1/1", "c/1/2"]
    assert asyncio.run(keys_of(store, "d/")) == []
    asyncio.run(store.delete_dir("c/1"))
    assert asyncio.run(keys_of(store, "c/1/")) == []
    assert len(asyncio.run(keys_of(store))) == 7


def test_points_have_a_key() -> None:
    """The one chunk of a 0-d array is found in both formats."""
    for zarr_format, key in ((3, "c"), (2, "0")):
        store = zarr_store(BareBackend())
        zarr.create_array(store, shape=(), dtype="i4", zarr_format=zarr_format)[()] = 5
        assert asyncio.run(keys_of(store, key)) == [key]
        assert zarr.open_array(store)[()] == 5


def test_bytes_that_are_no_document_are_refused() -> None:
    """Metadata are JSON; anything else never reaches the backend."""
    keys = ArrayKeys(BareBackend())
    for key in ("zarr.json", ".zarray", ".zattrs"):
        with pytest.raises(MetadataError, match="JSON"):
            keys.set(key, b"\x00")


class UnreachableBackend(BareBackend):
    """Fails whatever it is asked."""

    message = "down"

    def read_metadata(self) -> dict[str, Any]:
        """Fail."""
        raise NetworkError(self.message)

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Fail."""
        raise NetworkError(self.message, index=index)


def test_an_error_is_never_an_absent_array() -> None:
    """What the backend raises arrives as it was."""
    keys = ArrayKeys(UnreachableBackend())
    for key in ("zarr.json", ".zarray", "c/0"):
        with pytest.raises(NetworkError, match="down"):
            keys.get(key)
    with pytest.raises(NetworkError, match="down"):
        list(keys.list_keys())


def test_an_error_is_never_an_absent_chunk() -> None:
    """A chunk that cannot be read is an error, for the array as for the store."""
    backend = UnreachableBackend()
    backend.read_metadata = lambda: BareBackend.read_metadata(backend)
    array = new_array(zarr_store(backend))
    with pytest.raises(NetworkError, match="down"):
        array[:]
    with pytest.raises(NetworkError, match="down"):
        zarr_store(backend).get_sync("c/0/0")
