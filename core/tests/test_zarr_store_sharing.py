"""The zarr-python store between threads, event loops, processes and copies of itself."""

# ruff: noqa: SLF001  # zarr-python itself calls these private members of a store

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Self

import pytest
import zarr
from dict_backend import DictBackend
from zarr.abc.store import RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import cpu, default_buffer_prototype

from zarr_backends._storage.filesystem.backend import FilesystemBackend
from zarr_backends._storage.memory.backend import MemoryBackend
from zarr_backends._storage.zarr_store import BackendStore, zarr_store
from zarr_backends.contract import Buffer

PROTOTYPE = default_buffer_prototype()
VALUE = cpu.Buffer.from_bytes(b"0123")
VARIABLE = ContextVar("VARIABLE", default="")


async def collect(items: Any) -> list[Any]:
    """Return all that an asynchronous iterator yields."""
    return [item async for item in items]


def get(store: BackendStore, key: str) -> bytes | None:
    """Return a value as bytes."""
    buffer = asyncio.run(store.get(key, PROTOTYPE))
    return None if buffer is None else buffer.to_bytes()


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

    def set(self, key: str, value: Buffer) -> None:
        """Wait for the others."""
        self.get(key)
        super().set(key, value)


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


def test_many_values_are_written_at_a_time() -> None:
    """Where a backend has no batches, writes overlap as reads do."""
    backend = MeetingBackend()
    asyncio.run(BackendStore(backend)._set_many((key, VALUE) for key in "abcdef"))
    assert sorted(backend.values) == list("abcdef")


def test_more_calls_than_are_made_at_a_time() -> None:
    """Thousands of values are read through a few threads."""
    backend = DictBackend()
    backend.values = {f"{i}": bytes([i % 256]) for i in range(3000)}
    requests = [(key, None) for key in backend.values]
    buffers = asyncio.run(BackendStore(backend).get_partial_values(PROTOTYPE, requests))
    assert [buffer.to_bytes() for buffer in buffers] == list(backend.values.values())


@pytest.mark.parametrize(("wanted", "few"), [(None, True), (1, True), (1000, False)])
def test_the_synchronous_methods_are_for_fast_backends(wanted: int | None, few: bool) -> None:
    """zarr-python calls them too few at a time for a backend that wants many calls."""
    backend = DictBackend()
    backend.max_concurrency = wanted
    assert BackendStore(backend)._supports_sync_io is few


def test_context_variables_reach_the_backend() -> None:
    """A variable of the caller's context has its value in the backend's threads."""
    backend = DictBackend()
    backend.get = lambda _key: VARIABLE.get().encode()
    VARIABLE.set("from the caller")
    assert get(BackendStore(backend), "k") == b"from the caller"


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

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return a part, where the bounds are in order."""
        assert stop is None or 0 <= start <= stop
        return self.values[key][start:stop]

    def size(self, key: str) -> int | None:
        """Return a length."""
        return len(self.values[key]) if key in self.values else None

    def list_dir(self, prefix: str = "") -> Iterator[str]:
        """Yield names, some again and again, and one that is none."""
        yield ""
        yield from [key.removeprefix(prefix).split("/")[0] for key in self.list_keys(prefix)]


def test_better_primitives_are_used() -> None:
    """A backend's own batches, sizes and directories are used instead of what would follow."""

    async def use(store: BackendStore) -> None:
        await store._set_many((key, VALUE) for key in ["a/x", "a/y", "b"])
        found = await collect(store._get_many((k, PROTOTYPE, None) for k in ["b", "c", "a/x"]))
        assert found == [("b", VALUE), ("c", None), ("a/x", VALUE)]
        part = await collect(store._get_many([("b", PROTOTYPE, SuffixByteRequest(1))]))
        assert part[0][1].to_bytes() == b"3"
        assert len(await store.get("b", PROTOTYPE, RangeByteRequest(3, 1))) == 0
        assert await store.getsize("a/x") == 4
        assert await store.getsize_prefix("a") == 8
        assert await store.exists("b")
        assert not await store.exists("a")
        assert sorted(await collect(store.list_dir(""))) == ["a", "b"]

    asyncio.run(use(BackendStore(BatchBackend())))


def test_overridden_batches_are_used() -> None:
    """What a subclass of the base class overrides is used as well."""

    class Memory(MemoryBackend):
        def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
            return [key.encode() for key in keys]

    requests = [(key, PROTOTYPE, None) for key in "ba"]
    found = asyncio.run(collect(BackendStore(Memory.create())._get_many(requests)))
    assert [(key, buffer.to_bytes()) for key, buffer in found] == [("b", b"b"), ("a", b"a")]


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
    store.close()
    assert store.backend.log == ["close", "close"]


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
    memory = MemoryBackend.create()
    assert BackendStore(memory) != BackendStore(MemoryBackend.create())
    assert len({BackendStore(memory), BackendStore(memory)}) == 1


def test_options_need_not_be_hashable(tmp_path: Path) -> None:
    """Stores have a hash whatever the options of the backend are."""

    class Labelled(FilesystemBackend):
        def connect(self, *, path: Path, labels: dict[str, Any]) -> None:
            super().connect(path=path)
            self._options = {"path": str(path), "labels": labels}

    store, same, other = (
        BackendStore(Labelled.create(path=tmp_path, labels={"a": i})) for i in (1, 1, 2)
    )
    assert store == same != other
    assert hash(store) == hash(same)


def test_an_unpickled_store_closes_its_backend() -> None:
    """Nobody else could close the backend that unpickling a store connects."""
    store = pickle.loads(pickle.dumps(zarr_store(ClosableBackend())))
    store.close()
    assert store.backend.log == ["close"]


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
