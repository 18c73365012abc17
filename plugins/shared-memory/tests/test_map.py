"""What LMDB would not do by itself: maps that grow, forks, long keys, a full file system."""

from __future__ import annotations

import os
import pickle
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zarr_backends as zb
from zarr_backends import BackendError, BackendTimeoutError, StorageFullError
from zarr_backends_shared_memory import SharedMemoryBackend

Start = Callable[[str], Any]
Place = dict[str, Any]


@pytest.fixture
def small(place: Place) -> Iterator[SharedMemoryBackend]:
    """Return an instance whose map has to grow soon."""
    with SharedMemoryBackend.create(**place, map_size=2**16, timeout_s=0.5) as backend:
        yield backend
        backend.delete_table()


def test_a_map_grows_by_itself(small: SharedMemoryBackend) -> None:
    """One by one, in a batch, and in a transaction."""
    for i in range(10):
        small.set(f"one/{i}", bytes(50_000))
    small.set_many({f"many/{i}": bytes(50_000) for i in range(30)})
    with small.transaction():
        small.set("large", bytes(10_000_000))
    assert len(list(small.list_keys())) == 41
    assert small.table_info()["map_size"] >= 12_000_000


def test_a_map_that_another_process_has_grown_is_followed(
    small: SharedMemoryBackend, other: Start
) -> None:
    """By readers and writers that had opened it before."""
    small.set("a", b"x")
    grower = other("b = table(); b.set('large', bytes(5_000_000)); say(b.size('large')); wait()")
    assert grower.hear() == "5000000"
    assert small.size("large") == 5_000_000
    small.set("larger", bytes(6_000_000))
    assert small.size("larger") == 6_000_000


def test_a_snapshot_keeps_the_map_from_growing(small: SharedMemoryBackend) -> None:
    """It is told so, and everything goes on when the snapshot has ended."""
    small.set("a", b"x" * 1000)
    snapshot = small.open_value("a")
    assert snapshot is not None
    with snapshot as value:
        with pytest.raises(BackendTimeoutError, match="snapshot"):
            small.set("large", bytes(5_000_000))
        assert bytes(value.read(0, 3)) == b"xxx"
    small.set("large", bytes(5_000_000))


def test_a_snapshot_keeps_its_version(backend: SharedMemoryBackend) -> None:
    """Others replace the value again and again meanwhile, and use its pages for that."""
    backend.set("a", b"old" * 10_000)
    snapshot = backend.open_value("a")
    assert snapshot is not None
    with snapshot as value:
        for i in range(50):
            backend.set("a", b"%03d" % i * 10_000)
        assert value.read(0, 30_000) == b"old" * 10_000
    with pytest.raises(ValueError, match="left"):
        value.read(0, 1)


def test_an_array_on_a_snapshot_stays_right_after_it(backend: SharedMemoryBackend) -> None:
    """Its pages are not used again before it is gone."""
    backend.set("a", b"old" * 10_000)
    snapshot = backend.open_value("a")
    assert snapshot is not None
    with snapshot as value:
        array = np.frombuffer(value.read(0, 30_000), dtype=np.uint8)
    for i in range(50):
        backend.set("a", b"%03d" % i * 10_000)
    assert array.tobytes() == b"old" * 10_000


def test_keys_may_be_long(backend: SharedMemoryBackend) -> None:
    """Longer than LMDB's, told apart to the last letter, listed and deleted."""
    keys = {f"{'group/' * 200}{end}" for end in ("a", "b", "c" * 600)} | {
        "x" * n for n in (496, 497)
    }
    for key in keys:
        backend.set(key, key.encode())
    assert all(backend.get(key) == key.encode() for key in keys)
    assert set(backend.list_keys("group/" * 150)) == {key for key in keys if key[0] == "g"}
    assert set(backend.list_dir("group/" * 200)) == {"a", "b", "c" * 600}
    backend.delete_prefix("group/" * 200 + "c")
    assert set(backend.list_keys()) == keys - {f"{'group/' * 200}{'c' * 600}"}
    backend.delete_prefix()
    assert backend.table_info()["entries"] == 0


def test_all_instances_of_a_process_share_one_environment(
    backend: SharedMemoryBackend, place: Place
) -> None:
    """Also from many threads at once, with instances that come and go."""

    def use(i: int) -> None:
        for n in range(30):
            with SharedMemoryBackend.create(**place) as mine:
                mine.set(f"{i}/{n}", b"x")
                assert mine.get(f"{i}/{n}") == b"x"

    threads = [threading.Thread(target=use, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(backend.list_keys())) == 240


def test_a_forked_child_and_its_parent_go_on(backend: SharedMemoryBackend) -> None:
    """Each with an environment of its own, while threads of the parent read."""
    backend.set("a", b"parent")
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            assert backend.get("a") is not None

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for i in range(20):
            pid = os.fork()
            if pid == 0:
                backend.set("b", b"child %d" % i)
                os._exit(0 if backend.get("a") == b"parent" else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            assert backend.get("b") == b"child %d" % i
    finally:
        stop.set()
        thread.join()


def test_a_fork_under_a_snapshot_is_an_error_in_the_child(backend: SharedMemoryBackend) -> None:
    """Unless an old version of lmdb lets it go on; the parent's snapshot is as it was."""
    backend.set("a", b"x" * 10_000)
    snapshot = backend.open_value("a")
    assert snapshot is not None
    with snapshot as value:
        pid = os.fork()
        if pid == 0:
            try:
                os._exit(0 if backend.size("a") == 10_000 else 1)
            except BackendError as error:
                os._exit(7 if "forked" in str(error) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) in {0, 7}
        assert bytes(value.read(0, 3)) == b"xxx"
    backend.set("a", b"y")
    assert backend.get("a") == b"y"


def test_what_was_read_outlives_its_instance(place: Place) -> None:
    """The table is closed when nothing stands on it any more."""
    backend = SharedMemoryBackend.create(**place)
    backend.set("a", b"x" * 10_000)
    snapshot = backend.open_value("a")
    assert snapshot is not None
    with snapshot as value:
        part = value.read(1, 4)
    backend.close()
    with SharedMemoryBackend.create(**place) as beside:
        beside.set("a", b"y" * 10_000)
        assert bytes(part) == b"xxx"
        beside.delete_table()
    assert bytes(part) == b"xxx"


def test_too_many_snapshots_are_an_error_that_passes(
    backend: SharedMemoryBackend, place: Place
) -> None:
    """LMDB has places for about 2,000; those of snapshots that ended are free again."""
    backend.set("a", b"x")
    hasty = SharedMemoryBackend.create(**place, timeout_s=0.1)
    snapshots = [hasty.open_value("a") for _ in range(2000)]
    with pytest.raises(BackendError, match="places of readers") as caught:
        snapshots.extend(hasty.open_value("a") for _ in range(1000))
    assert caught.value.transient
    del snapshots
    assert hasty.get("a") == b"x"


def test_killed_readers_give_their_places_back(backend: SharedMemoryBackend, other: Start) -> None:
    """And what they kept from being used again."""
    backend.set("a", bytes(100_000))
    reader = other("b = table(); kept = [b.open_value('a') for _ in range(1500)]; say(1); wait()")
    assert reader.hear() == "1"
    reader.end(kill=True)
    snapshots = [backend.open_value("a") for _ in range(1500)]
    assert None not in snapshots
    del snapshots
    for _ in range(100):
        backend.set("a", bytes(100_000))
    assert backend.table_info()["nbytes"] < 1_000_000


def test_a_pickled_instance_finds_the_table(backend: SharedMemoryBackend) -> None:
    """Also one whose name was made up."""
    with SharedMemoryBackend.create(folder=backend.get_state()["folder"]) as unnamed:
        unnamed.set("a", b"x")
        copy = pickle.loads(pickle.dumps(unnamed))
        assert copy.table_name == unnamed.table_name
        assert copy.get("a") == b"x"
        unnamed.delete_table()


def test_a_full_file_system_is_an_error_and_changes_nothing(tmp_path: Path) -> None:
    """The process lives, what was stored is there, and room that is made is used."""
    mount = ["/bin/mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system of a few MB (mounting one takes the rights of root)")
    try:
        with SharedMemoryBackend.create(table_name="t", folder=str(tmp_path)) as backend:
            backend.set("a", bytes(1_000_000))
            for _ in range(3):
                with pytest.raises(StorageFullError, match="no room"):
                    backend.set("b", bytes(8_000_000))
            assert list(backend.list_keys()) == ["a"]
            assert backend.size("a") == 1_000_000
            backend.set("c", bytes(1_000_000))
            with pytest.raises(StorageFullError):
                make_tables(tmp_path)
            backend.delete_table()
    finally:
        subprocess.run(["/bin/umount", "-l", str(tmp_path)], check=True)


def test_what_does_not_fit_is_an_error_without_rights_too(other: Start) -> None:
    """Here it is the size of files that is limited; what was stored is there."""
    writer = other("""
import resource
from zarr_backends import StorageFullError
b = table()
b.set("a", bytes(1_000_000))
resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))
for _ in range(3):
    try:
        b.set("b", bytes(8_000_000))
    except StorageFullError:
        b.set("c", bytes(100_000))
        say(f"{sorted(b.list_keys())} {b.size('a')}")
""")
    assert [writer.hear() for _ in range(3)] == ["['a', 'c'] 1000000"] * 3


def make_tables(folder: Path) -> None:
    """Make tables until there is no room for another one."""
    for i in range(100):
        SharedMemoryBackend.create(table_name=f"t{i}", folder=str(folder)).set("a", bytes(1000))


def test_tables_have_places_of_their_own(place: Place) -> None:
    """Also where names differ in case alone, look like paths, or are long."""
    names = ["a", "A", "a/b", "../a", ".", "é", "x" * 300, "x" * 301]
    for name in names:
        SharedMemoryBackend.create(**{**place, "table_name": name}).set("k", name.encode())
    folders = {folder.name.lower() for folder in Path(place["folder"]).iterdir()}
    assert len(folders) == len(names)
    for name in names:
        with SharedMemoryBackend.create(**{**place, "table_name": name}) as backend:
            assert backend.get("k") == name.encode()
            backend.delete_table()


def test_an_array_of_a_url(place: Place) -> None:
    """With options beside it."""
    a = zb.create("shm://waves/day%201", folder=place["folder"], shape=(4,), dtype="int16")
    a[:] = [1, 2, 3, 4]
    b = zb.open(storage="shared_memory", table_name="waves/day 1", folder=place["folder"])
    assert b[:].tolist() == [1, 2, 3, 4]
