"""The memory backend: names, prefixes, copies, threads, and other processes."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import uuid
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from zarr_backends._storage.memory.backend import MemoryBackend
from zarr_backends.contract import (
    Backend,
    SupportsAtomicUpdate,
    SupportsKeys,
    SupportsRangeReads,
    SupportsSizes,
    SupportsSnapshots,
    SupportsUrls,
)
from zarr_backends.errors import ArrayNotFoundError, ConfigurationError

ENCODING = {"name": "default", "configuration": {"separator": "/"}}
DOCUMENT = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [9, 9],
    "chunk_key_encoding": ENCODING,
}


@pytest.fixture
def name() -> str:
    """Return the name of a store that nobody else uses."""
    return uuid.uuid4().hex


@pytest.mark.parametrize(
    "protocol",
    [
        Backend,
        SupportsAtomicUpdate,
        SupportsKeys,
        SupportsRangeReads,
        SupportsSizes,
        SupportsSnapshots,
        SupportsUrls,
    ],
)
def test_it_fulfils(protocol: type) -> None:
    """The contract, and the capabilities that memory can have."""
    assert isinstance(MemoryBackend.create(), protocol)


def test_a_named_store_is_found_again(name: str) -> None:
    """A store with a name outlives the backend that wrote into it."""
    MemoryBackend.create(name=name).write_metadata(DOCUMENT, 3)
    gc.collect()
    assert MemoryBackend.open(name=name).read_metadata() == DOCUMENT


def test_a_store_that_is_emptied_is_forgotten(name: str) -> None:
    """Nothing stays behind of a store without values."""
    backend = MemoryBackend.create(name=name)
    backend.set("a", b"1")
    backend.delete_prefix()
    assert list(MemoryBackend.create(name=name).list_keys()) == []
    backend.set("a", b"2")
    assert MemoryBackend.create(name=name).get("a") == b"2"


@pytest.mark.parametrize("options", [{}, {"name": None}, {"name": "nobody"}])
def test_open_finds_no_array_where_there_is_none(options: dict[str, Any]) -> None:
    """An unknown name and no name at all are places without an array."""
    with pytest.raises(ArrayNotFoundError):
        MemoryBackend.open(**options)


def test_open_without_a_name_says_what_to_do() -> None:
    """The remedy is in the message."""
    with pytest.raises(ArrayNotFoundError, match="name=") as caught:
        MemoryBackend.open()
    assert caught.value.option == "name"


def test_stores_without_a_name_are_apart() -> None:
    """Each create() makes a store of its own."""
    first, second = MemoryBackend.create(), MemoryBackend.create()
    first.set("k", b"v")
    assert second.get("k") is None
    assert first != second


def test_sibling_prefixes_never_leak(name: str) -> None:
    """Arrays at a, a/b and ab in one store see their own keys only."""
    backends = {p: MemoryBackend.create(name=name, prefix=p) for p in ("a", "a/b", "ab", "b")}
    for prefix, backend in backends.items():
        backend.set("c/0", prefix.encode())
    assert sorted(backends["a"].list_keys()) == ["b/c/0", "c/0"]
    assert sorted(backends["a"].list_dir()) == ["b", "c"]
    assert list(backends["ab"].list_keys()) == ["c/0"]
    backends["a"].delete_prefix("c/")
    assert {p: b.get("c/0") for p, b in backends.items()} == {
        "a": None,
        "a/b": b"a/b",
        "ab": b"ab",
        "b": b"b",
    }
    backends["a"].delete_prefix()
    assert sorted(MemoryBackend.create(name=name).list_keys()) == ["ab/c/0", "b/c/0"]


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("memory:", {}),
        ("memory://", {}),
        ("memory://Scratch", {"name": "Scratch"}),
        ("memory://scratch/", {"name": "scratch"}),
        ("memory://scratch/group/array", {"name": "scratch", "prefix": "group/array"}),
        ("memory://two%20words/%C3%A9", {"name": "two words", "prefix": "é"}),
    ],
)
def test_urls_have_a_name_and_a_prefix(url: str, options: dict[str, str]) -> None:
    """Both parts may be left out; letters keep their case."""
    assert MemoryBackend.options_from_url(url) == options


@pytest.mark.parametrize("url", ["memory://a?b=c", "memory://a#b"])
def test_other_parts_of_urls_are_refused(url: str) -> None:
    """What would be ignored is refused."""
    with pytest.raises(ConfigurationError):
        MemoryBackend.options_from_url(url)


@pytest.mark.parametrize(
    "options",
    [{"name": ""}, {"name": 1}, {"prefix": 1}, {"prefix": "/a"}, {"prefix": "a//b"}],
)
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    """The error names the option."""
    with pytest.raises(ConfigurationError) as caught:
        MemoryBackend.create(**options)
    assert [caught.value.option] == list(options)


def test_values_are_copied_in_and_immutable_out() -> None:
    """Nobody can change a stored value through memory of their own."""
    backend = MemoryBackend.create()
    block = np.arange(4, dtype="<u2")
    backend.set("k", block)  # type: ignore[arg-type]  # any buffer will do
    expected = block.tobytes()
    block[:] = 0
    assert backend.get("k") == expected
    for value in (backend.get("k"), backend.get_range("k", 2)):
        assert value is not None
        assert memoryview(value).readonly


def test_text_is_no_value() -> None:
    """Only buffers are stored."""
    with pytest.raises(TypeError):
        MemoryBackend.create().set("k", "text")  # type: ignore[arg-type]  # that is the test


def test_a_snapshot_stays_when_the_value_is_replaced() -> None:
    """What was opened is read from, not what came later."""
    backend = MemoryBackend.create()
    backend.set("k", b"old")
    context = backend.open_value("k")
    assert context is not None
    with context as snapshot:
        backend.delete("k")
        assert snapshot.read(0, snapshot.nbytes) == b"old"


def test_listing_stands_still() -> None:
    """Keys are those of the moment when the listing began."""
    backend = MemoryBackend.create()
    for i in range(100):
        backend.set(f"c/{i}", b"")
    keys = backend.list_keys("c/")
    assert next(keys) == "c/0"
    backend.delete_prefix()
    backend.set("c/new", b"")
    assert list(keys) == [f"c/{i}" for i in range(1, 100)]


def test_listing_stands_still_while_garbage_is_collected() -> None:
    """Other threads write then as well."""
    backend = MemoryBackend.create()
    backend.set("old", b"")

    def write(_phase: str, _info: dict[str, int]) -> None:
        backend.set(uuid.uuid4().hex, b"")

    threshold = gc.get_threshold()
    gc.callbacks.append(write)
    gc.set_threshold(1)
    try:
        for _ in range(100):
            assert "old" in list(backend.list_keys())
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(write)


def test_no_update_is_lost_between_threads(name: str) -> None:
    """64 threads add to one number, each through a backend of its own."""

    def add(i: int) -> bool:
        backend = MemoryBackend.create(name=name)
        backend.update("n", lambda old: str(int(old or b"0") + 1).encode())
        return backend.set_if_absent("first", str(i).encode())

    with ThreadPoolExecutor(64) as threads:
        assert sum(threads.map(add, range(640))) == 1
    assert MemoryBackend.create(name=name).get("n") == b"640"


def test_updates_of_different_keys_run_at_the_same_time() -> None:
    """A transform may wait for that of another key, and even change that key itself."""
    backend = MemoryBackend.create()

    def outer(_: object) -> bytes:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(backend.update, "b", lambda _: b"2").result(timeout=10)
        return b"1"

    backend.update("a", outer)
    assert (backend.get("a"), backend.get("b")) == (b"1", b"2")


def test_a_transform_that_raises_changes_nothing() -> None:
    """Its error is passed on."""
    backend = MemoryBackend.create()
    backend.set("k", b"v")
    with pytest.raises(ZeroDivisionError):
        backend.update("k", lambda _: bytes(1 // 0))
    assert backend.get("k") == b"v"


@pytest.mark.parametrize("options", [{}, {"prefix": "a"}, {"name": "pickled", "prefix": "a/b"}])
def test_a_pickle_finds_the_store_again(options: dict[str, Any]) -> None:
    """In the process, copies are the same place, with or without a name."""
    backend = MemoryBackend.create(**options)
    copy = pickle.loads(pickle.dumps(backend))  # our own bytes
    copy.set("k", b"v")
    assert backend.get("k") == b"v"
    assert (copy, hash(copy)) == (backend, hash(backend))
    assert copy != MemoryBackend.create(name="other")
    backend.delete("k")


def test_a_pickle_of_a_store_that_is_gone_says_so() -> None:
    """The values went with the last backend that had them."""
    pickled = pickle.dumps(MemoryBackend.create())
    gc.collect()
    with pytest.raises(ConfigurationError, match="gone"):
        pickle.loads(pickled).get("k")  # our own bytes


def read(backend: MemoryBackend) -> object:
    """Read in a worker process."""
    return backend.get("k")


@pytest.mark.parametrize("options", [{}, {"name": "elsewhere"}])
def test_another_process_gets_a_clear_error(options: dict[str, Any]) -> None:
    """A worker is told that memory is not shared, and never finds an empty store."""
    backend = MemoryBackend.create(**options)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as workers:
        for call in (read, MemoryBackend.exists, MemoryBackend.delete_prefix):
            with pytest.raises(ConfigurationError, match="another process"):
                workers.submit(call, backend).result()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_can_read_and_not_write(name: str) -> None:
    """What a child wrote would be lost, and so it is refused."""
    backend = MemoryBackend.create(name=name)
    backend.set("k", b"v")
    child = os.fork()
    if not child:
        try:
            read_well = backend.get("k") == b"v"
            own = MemoryBackend.create(name=name)
            own.set("k", b"mine")
            backend.set("k", b"lost")
        except ConfigurationError:
            os._exit(0 if read_well and own.get("k") == b"mine" else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert backend.get("k") == b"v"


def test_the_repr_shows_the_place() -> None:
    """Name and prefix are what tells backends apart."""
    backend = MemoryBackend.create(name="n", prefix="a/b")
    assert repr(backend) == "<MemoryBackend name='n' prefix='a/b'>"
