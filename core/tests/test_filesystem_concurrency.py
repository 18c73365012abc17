"""The filesystem backend between threads and processes: nothing is lost, nothing is left."""

from __future__ import annotations

import errno
import itertools
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Event, Thread

import numpy as np
import pytest
from filesystem_kinds import NetworkBackend, PortableBackend, files_of

from zarr_backends._storage.filesystem.backend import FilesystemBackend
from zarr_backends._storage.filesystem.inode_locks import InodeLock
from zarr_backends._storage.filesystem.locks import lock_kind_of
from zarr_backends._storage.filesystem.stripe_locks import StripeLock
from zarr_backends.contract import Buffer
from zarr_backends.errors import StorageFullError

NUMBERS = 64
"""Numbers in the chunk that is shared."""


KINDS = [FilesystemBackend, PortableBackend, NetworkBackend]


@pytest.fixture(params=KINDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> FilesystemBackend:
    """Return an empty backend with each kind of lock."""
    made: FilesystemBackend = request.param.create(path=tmp_path / "root")
    return made


def files_in(backend: FilesystemBackend) -> set[str]:
    """Return every file that is really there, as keys."""
    return {name for name in files_of(root_of(backend)) if not name.endswith("/")}


def root_of(backend: FilesystemBackend) -> Path:
    """Return the folder of a backend."""
    return Path(repr(backend).split("'")[1])


def increment(position: int) -> Callable[[Buffer | None], bytes]:
    """Return a transform that adds one to one number of a chunk."""

    def transform(old: Buffer | None) -> bytes:
        numbers = np.zeros(NUMBERS, "<u4") if old is None else np.frombuffer(old, "<u4").copy()
        numbers[position] += 1
        return numbers.tobytes()

    return transform


def add(backend: FilesystemBackend, position: int, times: int) -> None:
    """Increment a number several times."""
    for _ in range(times):
        backend.update("c/0", increment(position))


def numbers_of(backend: FilesystemBackend) -> list[int]:
    """Return the numbers of the chunk."""
    value = backend.get("c/0")
    assert value is not None
    return np.frombuffer(value, "<u4").tolist()


def test_64_threads_lose_no_update(backend: FilesystemBackend) -> None:
    """Each thread adds to its own number of one chunk, which does not exist at first."""
    with ThreadPoolExecutor(64) as threads:
        list(threads.map(lambda position: add(backend, position, 8), range(64)))
    assert numbers_of(backend) == [8] * NUMBERS
    assert files_in(backend) == {"c/0"}


@pytest.mark.parametrize("kind", [FilesystemBackend, PortableBackend])
def test_8_processes_lose_no_update(kind: type[FilesystemBackend], tmp_path: Path) -> None:
    """Each process adds to its own number and to one that all share."""
    backend = kind.create(path=tmp_path / "root")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(8, mp_context=context) as workers:
        jobs = [(8, 40), *((i, 40) for i in range(8)), *((8, 20) for _ in range(7))]
        for future in [workers.submit(add, backend, *job) for job in jobs]:
            future.result()
    assert numbers_of(backend)[:9] == [40] * 8 + [180]
    assert files_in(backend) == {"c/0"}


def test_one_of_many_creates(backend: FilesystemBackend) -> None:
    """Of 16 threads that set a key unless it is there, exactly one does."""
    barrier = Barrier(16)

    def create(key: str) -> bool:
        barrier.wait()
        return backend.set_if_absent(key, b"v")

    with ThreadPoolExecutor(16) as threads:
        for i in range(100):
            assert sum(threads.map(create, [f"c/{i}"] * 16)) == 1


@contextmanager
def meanwhile(work: Callable[[], object], threads: int = 1) -> Iterator[None]:
    """Do something over and over in threads while the block runs."""
    stop = Event()

    def repeat() -> None:
        while not stop.is_set():
            work()

    with ThreadPoolExecutor(threads) as pool:
        repeated = [pool.submit(repeat) for _ in range(threads)]
        try:
            yield
        finally:
            stop.set()
    for future in repeated:
        future.result()


def test_whole_writes_are_not_lost_to_updates(backend: FilesystemBackend) -> None:
    """One thread sets and deletes, others count on top of whatever they find.

    A value is a tag and a count. What the one thread sets must be found, with its tag, by
    whoever comes after; and no two updates may have counted from the same value.
    """
    names, made = itertools.count(), list[bytes]()

    def count() -> None:
        latest = [b""]

        def transform(old: Buffer | None) -> bytes:
            tag, n = bytes(old).split() if old is not None else (b"u%d" % next(names), b"0")
            latest[0] = b"%s %d" % (tag, int(n) + 1)
            return latest[0]

        backend.update("c/0", transform)
        made.append(latest[0])

    with meanwhile(count, threads=3):
        replace_and_delete(backend, rounds=60)
    assert len(made) == len(set(made))
    assert backend.get("c/0") in {*made, b"s59 0"}
    assert files_in(backend) == {"c/0"}


def replace_and_delete(backend: FilesystemBackend, rounds: int) -> None:
    """Set values with new tags, and delete; check after each that it took place."""
    for i in range(rounds):
        tag = b"s%d" % i
        backend.set("c/0", tag + b" 0")
        found = backend.get("c/0")
        assert found is not None
        assert bytes(found).split()[0] == tag
        if i % 3 == 0:
            backend.delete("c/0")
            found = backend.get("c/0")
            assert found is None or bytes(found).startswith(b"u")
            time.sleep(0.001)


def test_readers_see_whole_values_only(backend: FilesystemBackend) -> None:
    """While values of different lengths replace each other, no reader sees a mixture."""

    def read() -> None:
        value = bytes(backend.get("k") or b"")
        assert value
        assert value == value[:1] * (1000 * value[0])
        tail = bytes(backend.get_range("k", -10) or b"")
        assert tail == tail[:1] * 10

    backend.set("k", b"\1" * 1000)
    with meanwhile(read, threads=2):
        for i in range(300):
            backend.set("k", bytes([i % 90 + 1]) * (1000 * (i % 90 + 1)))


def test_writers_and_removers_of_folders_do_not_meet(backend: FilesystemBackend) -> None:
    """Folders that are emptied and removed all the time never make a write fail."""

    def clear() -> None:
        backend.delete_prefix("c/")
        assert set(backend.list_keys()) <= {f"c/{i % 3}/{i}" for i in range(300)}

    with meanwhile(clear):
        for i in range(300):
            backend.set(f"c/{i % 3}/{i}", b"v")
            backend.delete(f"c/{i % 3}/{i}")
    assert files_in(backend) == set()


def test_a_tree_may_be_removed_under_a_writer(backend: FilesystemBackend) -> None:
    """Another program that removes all folders in the middle of writes makes none fail."""
    root = root_of(backend)
    with meanwhile(lambda: shutil.rmtree(root, ignore_errors=True)):
        for i in range(600):
            call = (backend.set, backend.set_if_absent)[i % 2]
            call(f"c/{i % 3}/{i}", b"v")
            backend.update(f"c/{i % 3}/{i}", append(b"w"))
            backend.get(f"c/{i % 3}/{i}")


def test_a_listing_survives_changes(backend: FilesystemBackend) -> None:
    """Keys that come and go during a listing may be in it or not; all others are, once."""
    stay = {f"c/{i}/{j}" for i in range(10) for j in range(10)}
    for key in (*stay, *(f"d/{i}/x" for i in range(20))):
        backend.set(key, b"")
    seen = []
    for i, key in enumerate(backend.list_keys()):
        seen.append(key)
        if i < 20:
            backend.delete(f"d/{i}/x")
            backend.set(f"e/{i}", b"")
    assert sorted(key for key in seen if key in stay) == sorted(stay)
    assert len(seen) == len(set(seen))


def append(text: bytes) -> Callable[[Buffer | None], bytes]:
    """Return a transform that adds something at the end."""
    return lambda old: bytes(old or b"") + text


def run_child(work: Callable[[], None]) -> None:
    """End a forked process after some work, well only if that went well and soon."""
    signal.alarm(20)
    try:
        work()
        os._exit(0)
    finally:
        os._exit(1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_in_the_middle_of_an_update_blocks_nobody(backend: FilesystemBackend) -> None:
    """A child that inherits a lock neither keeps others waiting nor waits for itself."""
    backend.set("c/0", b"0")
    next_update = Thread(target=backend.update, args=("c/0", append(b"2")))
    gate, opener = os.pipe()

    def fork(_: object) -> bytes:
        next_update.start()
        time.sleep(0.05)  # until it waits for the lock
        child = os.fork()
        if not child:
            run_child(lambda: os.read(gate, 1) and backend.update("c/0", append(b"3")))
        return b"%d " % child

    backend.update("c/0", fork)
    next_update.join(timeout=10)
    child, text = bytes(backend.get("c/0") or b"").split()
    os.write(opener, b"x")
    assert text == b"2"
    assert os.waitpid(int(child), 0)[1] == 0
    assert backend.get("c/0") == child + b" 23"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders for temporary files are shared")
def test_the_lock_file_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    """The fallback locks a file in the folder for temporary files, which is its own."""
    script = (
        "import sys\n"
        "from zarr_backends._storage.filesystem.stripe_locks import StripeLock\n"
        "with StripeLock(sys.argv[1]): pass\n"
    )
    trap = tmp_path / f"zarr-backends-{os.getuid()}.lock"
    trap.symlink_to(tmp_path / "elsewhere")
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "k")],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert not (tmp_path / "elsewhere").exists()


def test_the_lock_suits_the_file_system(tmp_path: Path) -> None:
    """It is found out by trying, which leaves nothing; here, all works."""
    backend = FilesystemBackend.create(path=tmp_path)
    assert lock_kind_of(str(tmp_path)) is InodeLock
    assert files_in(backend) == set()


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOLCK])
@pytest.mark.parametrize("call", ["os.link", "fcntl.flock"])
def test_what_the_file_system_refuses_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    """Without hard links or locks (no such file system is at hand) the fallback is taken."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(call, refuse)
    backend = FilesystemBackend.create(path=tmp_path)
    backend.set("c/0", b"1")
    backend.update("c/0", append(b"2"))
    assert backend.get("c/0") == b"12"
    assert files_in(backend) == {"c/0"}
    assert lock_kind_of(str(tmp_path)) is StripeLock


def test_a_full_file_system_is_not_mistaken_for_a_lesser_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any other failure of the trial is the failure of the write."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(StorageFullError):
        FilesystemBackend.create(path=tmp_path).set("k", b"v")
    assert list(tmp_path.iterdir()) == []
