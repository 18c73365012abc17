"""The zarr-python store over a backend, where the suites of zarr-python do not look."""

# ruff: noqa: SLF001  # zarr-python itself calls these private members of a store

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from dict_backend import DictBackend
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import cpu, default_buffer_prototype

from zarr_backends._storage.filesystem.backend import FilesystemBackend
from zarr_backends._storage.memory.backend import MemoryBackend
from zarr_backends._storage.zarr_store import BackendStore, zarr_store
from zarr_backends._storage.zip.backend import ZipBackend
from zarr_backends.contract import Buffer
from zarr_backends.errors import InvalidBackendError, NetworkError

PROTOTYPE = default_buffer_prototype()
VALUE = cpu.Buffer.from_bytes(b"0123")


async def collect(items: Any) -> list[Any]:
    """Return all that an asynchronous iterator yields."""
    return [item async for item in items]


def get(store: BackendStore, key: str, byte_range: Any = None) -> bytes | None:
    """Return a value as bytes."""
    buffer = asyncio.run(store.get(key, PROTOTYPE, byte_range))
    return None if buffer is None else buffer.to_bytes()


# --- Read-only ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "write",
    [
        lambda store: asyncio.run(store.set("k", VALUE)),
        lambda store: asyncio.run(store.set_if_not_exists("k", VALUE)),
        lambda store: asyncio.run(store._set_many([("k", VALUE)])),
        lambda store: asyncio.run(store.delete("a/b")),
        lambda store: asyncio.run(store.delete_dir("a")),
        lambda store: asyncio.run(store.clear()),
        lambda store: store.set_sync("k", VALUE),
        lambda store: store.delete_sync("a/b"),
    ],
)
def test_a_read_only_store_changes_nothing(write: Callable[[BackendStore], None]) -> None:
    """Every way to write is refused, in the words that zarr-python's own stores have."""
    backend = DictBackend()
    backend.set("a/b", b"old")
    message = "store was opened in read-only mode and does not support writing"
    with pytest.raises(ValueError, match=message):
        write(BackendStore(backend, read_only=True))
    assert backend.values == {"a/b": b"old"}


# --- Ranges -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (RangeByteRequest(1, 3), b"12"),
        (RangeByteRequest(1, 99), b"123"),
        (RangeByteRequest(2, 2), b""),
        (RangeByteRequest(3, 1), b""),
        (RangeByteRequest(50, 60), b""),
        (RangeByteRequest(np.int64(1), np.int64(3)), b"12"),
        (OffsetByteRequest(0), b"0123"),
        (OffsetByteRequest(4), b""),
        (OffsetByteRequest(99), b""),
        (SuffixByteRequest(0), b""),
        (SuffixByteRequest(1), b"3"),
        (SuffixByteRequest(99), b"0123"),
    ],
)
def test_ranges_are_cut_to_what_there_is(
    store: BackendStore, request_: Any, expected: bytes
) -> None:
    """Every range of every value is a slice of it, in both surfaces; absent stays absent."""
    store.set_sync("k", VALUE)
    assert get(store, "k", request_) == expected
    assert store.get_sync("k", byte_range=request_).to_bytes() == expected
    assert get(store, "absent", request_) is None


@pytest.mark.parametrize(
    "bad",
    [
        (0, 2), 3, "0-2", slice(0, 2), RangeByteRequest(-1, 2), RangeByteRequest(0, -1),
        OffsetByteRequest(-2), SuffixByteRequest(-1), RangeByteRequest(0.0, 1.5),
    ],
)  # fmt: skip
def test_what_is_no_range_is_refused(bad: Any) -> None:
    """A wrong range is an error in both surfaces, also where the key is absent."""
    store = BackendStore(DictBackend())
    with pytest.raises(ValueError, match="Unexpected byte_range, got"):
        get(store, "absent", bad)
    with pytest.raises(ValueError, match="Unexpected byte_range, got"):
        store.get_sync("absent", byte_range=bad)


# --- Errors -------------------------------------------------------------------------------


class BrokenBackend(DictBackend):
    """Fails to list, and to read some keys."""

    broken = ""
    message = "down"

    def get(self, key: str) -> Buffer | None:
        """Fail where a key starts with what is broken."""
        if key.startswith(self.broken):
            raise NetworkError(self.message, key=key) from ConnectionResetError("by peer")
        return super().get(key)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Fail once iterated over."""
        yield from ()
        raise NetworkError(self.message, key=prefix) from ConnectionResetError("by peer")


@pytest.mark.parametrize(
    "read",
    [
        lambda store: store.get("k", PROTOTYPE),
        lambda store: store.get("k", PROTOTYPE, SuffixByteRequest(1)),
        lambda store: store.get_partial_values(PROTOTYPE, [("k", None)]),
        lambda store: collect(store._get_many([("k", PROTOTYPE, None)])),
        lambda store: store.exists("k"),
        lambda store: store.getsize("k"),
        lambda store: store.getsize_prefix("k"),
        lambda store: store.set_if_not_exists("k", VALUE),
        lambda store: store.is_empty(""),
        lambda store: collect(store.list()),
        lambda store: collect(store.list_dir("")),
        lambda store: store.clear(),
    ],
)
def test_an_error_is_never_an_absent_key(read: Callable[[BackendStore], Any]) -> None:
    """What the backend raises arrives as it was, with its cause."""
    with pytest.raises(NetworkError, match="down") as caught:
        asyncio.run(read(BackendStore(BrokenBackend())))
    assert isinstance(caught.value.__cause__, ConnectionResetError)


def test_an_array_raises_what_the_backend_raises() -> None:
    """A chunk that cannot be read is an error and no fill value."""
    backend = BrokenBackend()
    backend.broken = "c/"
    array = zarr.create_array(BackendStore(backend), shape=4, chunks=2, dtype="int8")
    with pytest.raises(NetworkError, match="down"):
        array[:]
    with pytest.raises(NetworkError, match="down"):
        array[0] = 1


def test_what_is_no_buffer_is_refused() -> None:
    """Values are buffers of zarr-python."""
    store = BackendStore(DictBackend())
    with pytest.raises(TypeError, match=r"zarr\.abc\.buffer\.Buffer, not bytes"):
        store.set_sync("k", b"0123")
    with pytest.raises(TypeError, match=r"zarr\.abc\.buffer\.Buffer, not bytes"):
        asyncio.run(store.set_if_not_exists("k", b"0123"))


@pytest.mark.parametrize("wrong", [DictBackend, MemoryBackend, object(), "memory:", None])
def test_what_is_no_backend_is_refused(wrong: Any) -> None:
    """A class, a url or anything else in the place of a backend is named in the error."""
    with pytest.raises(InvalidBackendError, match="a store needs a connected backend"):
        zarr_store(wrong)


# --- Memory -------------------------------------------------------------------------------


def test_the_callers_memory_is_not_kept() -> None:
    """Changing an array after an uncompressed write of it changes nothing that is stored."""
    store = BackendStore(MemoryBackend.create())
    array = zarr.create_array(store, shape=1000, chunks=1000, dtype="u1", compressors=None)
    data = np.ones(1000, dtype="u1")
    array[:] = data
    data[:] = 7
    assert set(array[:]) == {1}


def test_the_backends_memory_cannot_be_written() -> None:
    """A buffer that was read is not a way into the backend."""
    backend = DictBackend()
    backend.values["k"] = bytearray(b"0123")
    assert not BackendStore(backend).get_sync("k").as_numpy_array().flags.writeable


# --- Whole hierarchies ------------------------------------------------------------------------


@pytest.fixture(params=["four methods", "memory", "filesystem", "zip"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BackendStore]:
    """Yield a store over each embedded backend and over one with four methods."""
    backends = {
        "four methods": DictBackend,
        "memory": MemoryBackend.create,
        "filesystem": lambda: FilesystemBackend.create(path=tmp_path / "store"),
        "zip": lambda: ZipBackend.create(path=tmp_path / "store.zip"),
    }
    with zarr_store(backends[request.param](), close_backend=True) as store:
        yield store


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_groups_and_arrays(store: BackendStore, zarr_format: Any) -> None:
    """A hierarchy of both formats is written, listed, opened by path and deleted from."""
    root = zarr.create_group(store, zarr_format=zarr_format, attributes={"title": "x"})
    data = np.arange(100).reshape(10, 10)
    root.create_array("a/b/data", shape=(10, 10), chunks=(4, 3), dtype="i8")[:] = data
    root.create_group("empty")
    again = zarr.open_group(store)
    assert dict(again.attrs) == {"title": "x"}
    names = [name for name, _ in again.members(max_depth=None)]
    assert sorted(names) == ["a", "a/b", "a/b/data", "empty"]
    np.testing.assert_array_equal(again["a/b/data"][2:9, ::3], data[2:9, ::3])
    del again["a"]
    assert sorted(zarr.open_group(store)) == ["empty"]


def test_mode_r_reads_and_refuses_to_write(store: BackendStore) -> None:
    """Opening for reading makes a read-only copy of a store that may be written."""
    zarr.create_array(store, shape=4, dtype="i4", fill_value=7)
    array = zarr.open_array(store, mode="r")
    assert array.store.read_only
    assert list(array[:]) == [7] * 4
    with pytest.raises(ValueError, match="read-only"):
        array[:] = 1
    assert not store.read_only


def test_overwriting_leaves_nothing_behind(store: BackendStore) -> None:
    """A new array in the place of an old one has none of its chunks."""
    zarr.create_array(store, name="a", shape=8, chunks=2, dtype="i4")[:] = 1
    again = zarr.create_array(store, name="a", shape=8, chunks=2, dtype="i4", overwrite=True)
    assert not np.any(again[:])
    with pytest.raises(zarr.errors.ContainsArrayError):
        zarr.create_array(store, name="a", shape=8, dtype="i4")


def test_shards(store: BackendStore) -> None:
    """Shards are written in parts and read by ranges."""
    array = zarr.create_array(store, shape=(64, 64), shards=(32, 32), chunks=(8, 8), dtype="f4")
    data = np.random.default_rng(0).random((64, 64), dtype="f4")
    array[:] = data
    array[5:20, 40:50] = data[5:20, 40:50] = -1
    np.testing.assert_array_equal(zarr.open_array(store)[3:50, 7:41], data[3:50, 7:41])
    np.testing.assert_array_equal(zarr.open_array(store)[...], data)


@pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part")
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_consolidated_metadata(store: BackendStore, zarr_format: Any) -> None:
    """Metadata can be consolidated, and are then read in one piece."""
    root = zarr.create_group(store, zarr_format=zarr_format)
    for name in ("a", "b"):
        root.create_array(f"g/{name}", shape=2, dtype="i2")
    zarr.consolidate_metadata(store)
    again = zarr.open_consolidated(store)
    assert sorted(name for name, _ in again.members(max_depth=None)) == ["g", "g/a", "g/b"]
    assert again.metadata.consolidated_metadata is not None


def test_files_are_plain_zarr(tmp_path: Path) -> None:
    """What is written through our store is read by zarr-python's own, and the other way."""
    store = BackendStore(FilesystemBackend.create(path=tmp_path))
    root = zarr.create_group(store)
    root.create_array("a", shape=6, chunks=2, dtype="u2")[:] = np.arange(6)
    local = zarr.open_group(tmp_path)
    assert list(local["a"][:]) == list(range(6))
    local.create_array("b", shape=(), dtype="u1", fill_value=3)
    assert zarr.open_group(store)["b"][()] == 3


def test_names_say_what_a_store_is(tmp_path: Path) -> None:
    """A store shows its backend and its mode."""
    store = BackendStore(FilesystemBackend.create(path=tmp_path), read_only=True)
    assert repr(store) == f"BackendStore({store.backend!r}, read_only=True)"
    assert str(store) == repr(store)


def test_xarray_round_trip(store: BackendStore) -> None:
    """A data set of xarray comes back as it was."""
    xarray = pytest.importorskip("xarray")
    data = xarray.Dataset(
        {"t": (("y", "x"), np.arange(12.0).reshape(3, 4))}, coords={"x": [1, 2, 3, 4]},
        attrs={"title": "x"},
    )  # fmt: skip
    data.to_zarr(store, consolidated=False)
    xarray.testing.assert_identical(xarray.open_zarr(store, consolidated=False).load(), data)
