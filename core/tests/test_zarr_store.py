"""The zarr-python store over a backend, where the suites of zarr-python do not look."""

# ruff: noqa: SLF001  # zarr-python itself calls these private members of a store

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
import zarr
from dict_backend import DictBackend
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import cpu, default_buffer_prototype

from zarr_backends._storage.filesystem import FilesystemBackend
from zarr_backends._storage.memory import MemoryBackend
from zarr_backends._storage.zarr_store import BackendStore, zarr_store
from zarr_backends._storage.zip import ZipBackend
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
    store = BackendStore(MemoryBackend.create())
    store.set_sync("k", VALUE)
    memory = store.get_sync("k").as_numpy_array()
    assert not memory.flags.writeable


# --- Atomicity and concurrency --------------------------------------------------------------


def test_one_of_many_creates() -> None:
    """Of several writers of one absent key exactly one succeeds, through several copies too."""
    store = BackendStore(DictBackend())
    copies = [store, store.with_read_only(read_only=False)]
    written: list[bytes] = []
    original = store.backend.set
    store.backend.set = lambda key, value: (written.append(value), original(key, value))

    async def race() -> None:
        values = [cpu.Buffer.from_bytes(bytes([i])) for i in range(50)]
        await asyncio.gather(
            *(copies[i % 2].set_if_not_exists("k", value) for i, value in enumerate(values))
        )

    asyncio.run(race())
    assert [get(store, "k")] == written


class MeetingBackend(DictBackend):
    """Answers when as many calls as it wants are under way, and counts them."""

    max_concurrency = 3

    def __init__(self) -> None:
        """Start with nobody there."""
        super().__init__()
        self.barrier = threading.Barrier(self.max_concurrency)
        self.threads: set[str] = set()

    def get(self, key: str) -> Buffer | None:
        """Wait for the others."""
        self.barrier.wait(timeout=30)
        self.threads.add(threading.current_thread().name)
        return super().get(key)


@pytest.mark.parametrize(
    "read",
    [
        lambda store: store.get_partial_values(PROTOTYPE, ((key, None) for key in "abcabc")),
        lambda store: collect(store._get_many((key, PROTOTYPE, None) for key in "abcabc")),
        lambda store: asyncio.gather(*(store.get(key, PROTOTYPE) for key in "abcabc")),
    ],
)
def test_as_many_calls_at_a_time_as_the_backend_wants(read: Callable[[BackendStore], Any]) -> None:
    """Calls overlap up to the backend's number, off the loop, from one-shot generators too."""

    async def use(store: BackendStore) -> list[Any]:
        return await read(store)

    backend = MeetingBackend()
    assert len(asyncio.run(use(BackendStore(backend)))) == 6
    assert len(backend.threads) <= 3
    assert threading.current_thread().name not in backend.threads


@pytest.mark.parametrize("direct", [True, False])
def test_only_what_never_blocks_runs_on_the_loop(direct: bool) -> None:
    """A backend that says that it never blocks is spared the detour through a thread."""
    backend = MeetingBackend()
    backend.barrier = threading.Barrier(1)
    backend.never_blocks = direct
    get(BackendStore(backend), "k")
    assert (threading.current_thread().name in backend.threads) is direct


def test_a_store_belongs_to_no_event_loop(tmp_path: Path) -> None:
    """One store serves several loops and zarr-python's own, at the same time."""
    store = BackendStore(FilesystemBackend.create(path=tmp_path))

    async def use() -> Any:
        await store.set("k", VALUE)
        zarr.create_array(store, name="a", shape=4, dtype="u1", overwrite=True)[:] = 1
        return (await store.get("k", PROTOTYPE)).to_bytes()

    threads = [threading.Thread(target=lambda: asyncio.run(use())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asyncio.run(use()) == asyncio.run(use()) == b"0123"


class BatchBackend(DictBackend):
    """Moves many values at once, knows their sizes, and has no other way."""

    def get(self, key: str) -> Buffer | None:
        """Refuse."""
        raise AssertionError(key)

    def set(self, key: str, value: Buffer) -> None:
        """Refuse."""
        raise AssertionError(key, value)

    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return several values."""
        return [self.values.get(key) for key in keys]

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Set several values."""
        self.values.update({key: bytes(value) for key, value in values.items()})

    def size(self, key: str) -> int | None:
        """Return a length."""
        return len(self.values[key]) if key in self.values else None

    def list_dir(self, prefix: str = "") -> Iterator[str]:
        """Yield names, some again and again."""
        yield from [key.removeprefix(prefix).split("/")[0] for key in self.list_keys(prefix)]


def test_better_primitives_are_used() -> None:
    """A backend's own batches, sizes and directories are used instead of what would follow."""

    async def use(store: BackendStore) -> None:
        await store._set_many((key, VALUE) for key in ["a/x", "a/y", "b"])
        found = await collect(store._get_many((k, PROTOTYPE, None) for k in ["b", "c", "a/x"]))
        assert found == [("b", VALUE), ("c", None), ("a/x", VALUE)]
        assert await store.getsize("a/x") == 4
        assert await store.getsize_prefix("a") == 8
        assert await store.exists("b")
        assert not await store.exists("a")
        assert sorted(await collect(store.list_dir(""))) == ["a", "b"]

    asyncio.run(use(BackendStore(BatchBackend())))


def test_keys_may_be_deleted_while_they_are_listed() -> None:
    """Whoever iterates over keys may change the store."""

    async def use(store: BackendStore) -> None:
        for key in ["a/x", "a/y", "b"]:
            await store.set(key, VALUE)
        async for key in store.list():
            await store.delete(key)
        assert await store.is_empty("/")

    asyncio.run(use(BackendStore(DictBackend())))


def test_prefixes_are_directories() -> None:
    """Deleting, measuring and asking for emptiness stop at the slash."""

    async def use(store: BackendStore) -> None:
        for key in ["foo/x", "foo-bar/x", "foobar", "foo/y/z"]:
            await store.set(key, VALUE)
        assert await store.is_empty("fo")
        assert not await store.is_empty("foo")
        assert await store.getsize_prefix("foo") == 8
        await store.delete_dir("foo")
        assert sorted(await collect(store.list())) == ["foo-bar/x", "foobar"]

    asyncio.run(use(BackendStore(DictBackend())))


# --- Copies, closing, pickling ----------------------------------------------------------------


class ClosableBackend(DictBackend):
    """Counts what happens to it; closed, it does not answer."""

    def __init__(self, log: list[str] | None = None) -> None:
        """Start open."""
        super().__init__()
        self.log = [] if log is None else log
        self.closed = False

    def get(self, key: str) -> Buffer | None:
        """Answer while open."""
        assert not self.closed
        return super().get(key)

    def flush(self) -> None:
        """Take note."""
        self.log.append("flush")

    def close(self) -> None:
        """Take note."""
        self.closed = True
        self.log.append("close")

    def __enter__(self) -> Self:
        """Return the backend."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Reopen with the same log."""
        return ClosableBackend, (self.log,)


def test_closing_flushes_and_leaves_the_backend_to_its_maker() -> None:
    """A backend that was lent is flushed and stays open."""
    backend = ClosableBackend()
    with zarr_store(backend) as store:
        get(store, "k")
    zarr_store(backend, read_only=True).close()
    assert backend.log == ["flush"]
    assert not store._is_open


def test_the_last_open_copy_closes_the_backend() -> None:
    """A backend that was handed over is closed when no copy of the store uses it any more."""
    backend = ClosableBackend()
    store = zarr_store(backend, close_backend=True)
    reader = store.with_read_only(read_only=True)
    get(store, "k")
    get(reader, "k")
    store.close()
    assert get(reader, "k") is None
    reader.close()
    reader.close()
    assert backend.log == ["flush", "close"]


def test_copies_that_are_gone_hold_nothing_open() -> None:
    """zarr-python never closes the copies that it makes, but they end with its arrays."""
    backend = ClosableBackend()
    with zarr_store(backend, close_backend=True) as store:
        get(store.with_read_only(read_only=True), "k")
        get(store, "k")
    assert backend.log == ["close"]


def test_a_closed_store_opens_again() -> None:
    """Using a store after it was closed connects again, as unpickling would."""
    store = zarr_store(ClosableBackend(), close_backend=True)
    store.close()
    assert get(store, "k") is None
    assert store._is_open
    assert store.backend.log == ["close"]


def test_equality_and_hash_go_by_place_and_mode(tmp_path: Path) -> None:
    """Stores of one place are equal; another place, mode or backend makes a difference."""
    store, same, other = (
        BackendStore(FilesystemBackend.create(path=tmp_path / name)) for name in "aab"
    )
    reader = store.with_read_only(read_only=True)
    assert store == same
    assert hash(store) == hash(same)
    assert len({store, same, other, reader}) == 3
    assert store != other
    assert reader not in (store, reader.backend, None)
    assert BackendStore(MemoryBackend.create()) != BackendStore(MemoryBackend.create())


def test_pickled_copies_share_one_backend(tmp_path: Path) -> None:
    """What shared a backend shares one where it is unpickled, and keeps its mode."""
    store = BackendStore(FilesystemBackend.create(path=tmp_path))
    store.set_sync("k", VALUE)
    pair = (store, store.with_read_only(read_only=True))
    again, reader = pickle.loads(pickle.dumps(pair))  # our own bytes
    assert (again, reader) == pair
    assert again.backend is reader.backend
    assert again.backend is not store.backend
    assert get(reader, "k") == b"0123"


def total(array: zarr.Array[Any]) -> int:
    """Return a sum, in a worker process."""
    return int(array[:].sum())


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_worker_processes_read_through_a_store(method: str, tmp_path: Path) -> None:
    """A store that has threads already is pickled, or forked, and serves the worker."""
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} on this platform")
    store = BackendStore(FilesystemBackend.create(path=tmp_path))
    array = zarr.create_array(store, shape=100, chunks=10, dtype="i8")
    array[:] = 1
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        assert pool.submit(total, array).result() == 100


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
