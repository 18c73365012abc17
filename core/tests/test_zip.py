"""The zip backend within one process: values, flushing, sharing, names and options."""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zip_samples import unpacked

from zarr_backends._storage.zip.backend import ZipBackend
from zarr_backends.contract import (
    Backend,
    SupportsAtomicUpdate,
    SupportsClose,
    SupportsFlush,
    SupportsKeys,
    SupportsRangeReads,
    SupportsSizes,
    SupportsSnapshots,
    SupportsUrls,
)
from zarr_backends.errors import (
    ArrayNotFoundError,
    ConfigurationError,
    CorruptStorageError,
    PermissionDeniedError,
)

DOCUMENT = {"zarr_format": 3, "node_type": "array", "shape": [4]}
ENCODING = {"chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where an archive may be made."""
    return tmp_path / "folder" / "a.zip"


@pytest.fixture
def backend(path: Path) -> Iterator[ZipBackend]:
    """Yield a backend on an archive that does not exist yet."""
    with ZipBackend.create(path=path) as backend:
        yield backend


# --- Values -----------------------------------------------------------------------------


def test_it_has_every_capability_but_batches_and_transactions(backend: ZipBackend) -> None:
    """Capabilities are found by structure."""
    for protocol in (Backend, SupportsKeys, SupportsRangeReads, SupportsSizes, SupportsSnapshots):
        assert isinstance(backend, protocol)
    for protocol in (SupportsAtomicUpdate, SupportsClose, SupportsFlush, SupportsUrls):
        assert isinstance(backend, protocol)


def test_values_are_read_back_before_and_after_a_flush(backend: ZipBackend, path: Path) -> None:
    """A flush changes where a value is, not what it is."""
    values = {"zarr.json": b"{}", "c/0/0": bytes(1000), "c/0/1": b"", "é/ü": b"\xff"}
    for key, value in values.items():
        backend.set(key, value)
    assert {key: backend.get(key) for key in backend.list_keys()} == values
    backend.flush()
    assert {key: backend.get(key) for key in backend.list_keys()} == values == unpacked(path)
    assert [backend.size(key) for key in values] == [2, 1000, 0, 1]
    assert backend.get("c") is backend.size("c/0") is backend.get_range("c/9", 0) is None


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=40), st.integers(-50, 50), st.none() | st.integers(0, 60))
def test_ranges_are_cut_as_slices_are(value: bytes, start: int, stop: int | None) -> None:
    """Any start and stop give what the slice of the bytes gives."""
    stop = None if start < 0 else stop
    with TemporaryDirectory() as folder, ZipBackend.create(path=f"{folder}/a.zip") as backend:
        backend.set("k", value)
        assert backend.get_range("k", start, stop) == value[start:stop]


def test_the_contracts_chunks_and_metadata(backend: ZipBackend, path: Path) -> None:
    """The ten members work, and the archive holds the keys of the specification."""
    backend.write_metadata({**DOCUMENT, **ENCODING}, 3)
    backend.write_chunk((3,), b"abc")
    backend.write_chunk((1,), b"de")
    backend.delete_chunk((1,))
    backend.flush()
    assert list(backend.list_chunks()) == [(3,)]
    assert sorted(unpacked(path)) == ["c/3", "zarr.json"]
    assert ZipBackend.open(path=path).read_metadata()["shape"] == [4]


def test_what_is_set_is_a_copy(backend: ZipBackend) -> None:
    """The caller may use its memory again at once."""
    value = bytearray(b"abc")
    backend.set("k", memoryview(value))
    value[:] = b"xyz"
    assert backend.get("k") == b"abc"


def test_only_contiguous_buffers_are_taken(backend: ZipBackend) -> None:
    """Text and strided views are refused as every backend refuses them."""
    with pytest.raises(TypeError):
        backend.set("k", "text")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="contiguous"):
        backend.set("k", memoryview(b"abcd")[::2])
    assert backend.get("k") is None


def test_set_if_absent_keeps_what_is_there(backend: ZipBackend) -> None:
    """Pending values, flushed ones and deleted ones are told apart."""
    assert backend.set_if_absent("k", b"1")
    assert not backend.set_if_absent("k", b"2")
    backend.flush()
    assert not backend.set_if_absent("k", b"3")
    backend.delete("k")
    assert backend.set_if_absent("k", b"4")
    assert backend.get("k") == b"4"


def test_three_thousand_members_are_listed_once_each(backend: ZipBackend) -> None:
    """Listing sees flushed and pending members together."""
    keys = {f"c/{i // 60}/{i % 60}" for i in range(3000)}
    for i, key in enumerate(sorted(keys)):
        backend.set(key, b"%d" % i)
        if i == 1500:
            backend.flush()
    assert sorted(backend.list_keys()) == sorted(keys)
    assert sorted(backend.list_keys("c/7/")) == sorted(k for k in keys if k.startswith("c/7/"))
    assert sorted(map(int, backend.list_dir("c/"))) == list(range(50))


def test_list_dir_gives_names_once_and_no_keys_of_neighbours(backend: ZipBackend) -> None:
    """Members and folders mix, also where one name is the start of another."""
    for key in ("a/x/1", "a/x/2", "a/x-y/1", "a/x", "a/x0", "ab/z", "zarr.json"):
        backend.set(key, b"")
    assert sorted(backend.list_dir("a/")) == ["x", "x-y", "x0"]
    assert sorted(backend.list_dir()) == ["a", "ab", "zarr.json"]
    assert list(backend.list_dir("nothing/")) == []


def test_deleting_a_prefix_while_listing(backend: ZipBackend) -> None:
    """A listing is that of the moment of its call."""
    for i in range(10):
        backend.set(f"c/{i}", b"")
    for key in backend.list_keys("c/"):
        backend.delete(key)
    assert list(backend.list_keys()) == []


# --- Flushing ---------------------------------------------------------------------------


def test_nothing_is_created_before_the_first_flush(path: Path) -> None:
    """Creating, opening and reading leave the disk alone."""
    backend = ZipBackend.create(path=path)
    with pytest.raises(ArrayNotFoundError):
        ZipBackend.open(path=path)
    assert backend.get("k") is None
    backend.delete("k")
    backend.close()
    assert not path.parent.exists()


def test_a_flush_leaves_only_the_archive(backend: ZipBackend, path: Path) -> None:
    """The side file appears with the first write and goes with the flush."""
    for _ in range(3):
        backend.set("k", os.urandom(9))
        assert len(list(path.parent.iterdir())) > path.exists()
        backend.flush()
        assert list(path.parent.iterdir()) == [path]


def test_a_flush_with_nothing_pending_does_nothing(backend: ZipBackend, path: Path) -> None:
    """Neither without an archive nor with one, nor when everything was undone."""
    backend.flush()
    backend.set("k", b"1")
    backend.delete("k")
    backend.flush()
    assert list(path.parent.iterdir()) == []
    backend.set("k", b"1")
    backend.flush()
    before = path.stat()
    backend.flush()
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_replaced_and_deleted_members_leave_no_bytes(backend: ZipBackend, path: Path) -> None:
    """The archive holds what is live and nothing else."""
    for i in range(8):
        backend.set(f"k{i}", os.urandom(10_000))
    backend.flush()
    for i in range(1, 8):
        backend.delete(f"k{i}")
    backend.set("k0", b"new")
    backend.flush()
    assert unpacked(path) == {"k0": b"new"}
    assert path.stat().st_size < 200


def test_an_archive_can_become_empty_and_full_again(backend: ZipBackend, path: Path) -> None:
    """An archive without members is an archive."""
    backend.set("k", b"1")
    backend.flush()
    backend.delete("k")
    backend.flush()
    assert unpacked(path) == {}
    backend.set("k", b"2")
    backend.flush()
    assert unpacked(path) == {"k": b"2"}


def test_many_rewrites_of_a_pending_member_are_dropped(backend: ZipBackend, path: Path) -> None:
    """The side file is compacted, and what is left of it becomes the archive."""
    backend.set("first", b"1")
    for i in range(100):
        backend.set("k", bytes([i]) * 2**20)
        (side,) = path.parent.iterdir()
        assert side.stat().st_size < 70 * 2**20
    assert backend.get("first") == b"1"
    backend.flush()
    assert unpacked(path) == {"first": b"1", "k": bytes([99]) * 2**20}
    assert path.stat().st_size < 2**20 + 1000


def test_equal_writes_give_equal_bytes(tmp_path: Path) -> None:
    """Neither the time nor the machine is in the archive."""
    paths = [tmp_path / "a.zip", tmp_path / "b.zip"]
    for path in paths:
        with ZipBackend.create(path=path) as backend:
            backend.set("zarr.json", b"{}")
            backend.set("c/0", b"abc")
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_permissions_are_kept_and_links_followed(tmp_path: Path) -> None:
    """The next archive looks like the old one from outside."""
    with ZipBackend.create(path=tmp_path / "a.zip") as backend:
        backend.set("k", b"1")
    (tmp_path / "a.zip").chmod(0o640)
    (tmp_path / "link.zip").symlink_to("a.zip")
    with ZipBackend.create(path=tmp_path / "link.zip", fsync=True) as backend:
        backend.set("k", b"2")
    assert (tmp_path / "link.zip").is_symlink()
    assert (tmp_path / "a.zip").stat().st_mode & 0o777 == 0o640
    assert unpacked(tmp_path / "a.zip") == {"k": b"2"}


def test_a_snapshot_survives_replacement(backend: ZipBackend) -> None:
    """One version can be read part by part whatever others do."""
    backend.set("k", b"old value")
    snapshot = backend.open_value("k")
    assert snapshot is not None
    with snapshot as version:
        backend.flush()
        backend.set("k", b"new")
        backend.flush()
        backend.close()
        assert (version.nbytes, version.read(0, 3), version.read(4, 9)) == (9, b"old", b"value")
    assert backend.open_value("absent") is None


# --- Threads and instances --------------------------------------------------------------


def test_no_update_of_sixty_four_threads_is_lost(backend: ZipBackend) -> None:
    """Each thread writes its own byte of one member, eight times."""
    backend.set("k", bytes(64))

    def bump(i: int) -> None:
        for _ in range(8):
            backend.update("k", lambda old: _with_bumped(bytes(old or b""), i))
        if i % 16 == 0:
            backend.flush()

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(bump, range(64)))
    assert backend.get("k") == bytes([8]) * 64


def _with_bumped(value: bytes, i: int) -> bytes:
    return value[:i] + bytes([value[i] + 1]) + value[i + 1 :]


def test_threads_write_read_and_flush_at_once(backend: ZipBackend, path: Path) -> None:
    """Every value is whole at any time, and the last one written stays."""

    def work(i: int) -> None:
        for generation in range(20):
            backend.set(f"c/{i}", bytes([generation]) * 5000)
            value = backend.get(f"c/{(i + 1) % 8}")
            assert value is None or bytes(value) == bytes([value[0]]) * 5000
            if generation % 7 == 0:
                backend.flush()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    backend.flush()
    assert unpacked(path) == {f"c/{i}": bytes([19]) * 5000 for i in range(8)}


def test_update_may_delete_create_and_fail(backend: ZipBackend) -> None:
    """None stands for absent on both sides, and an error changes nothing."""
    backend.update("k", lambda old: b"new" if old is None else None)
    assert backend.get("k") == b"new"
    with pytest.raises(ZeroDivisionError):
        backend.update("k", lambda _: bytes(1 // 0))
    assert backend.get("k") == b"new"
    backend.update("k", lambda old: b"new" if old is None else None)
    assert backend.get("k") is None


def test_an_update_sees_what_is_set_while_it_runs(backend: ZipBackend) -> None:
    """A transform that was overtaken is called again."""
    seen = []

    def transform(old: object) -> bytes:
        seen.append(old)
        if len(seen) == 1:
            backend.set("k", b"overtaken")
        return b"done"

    backend.update("k", transform)
    assert (seen, backend.get("k")) == ([None, b"overtaken"], b"done")


def test_an_error_of_a_transform_is_passed_on_as_it_is(tmp_path: Path) -> None:
    """What the caller raises is the caller's, even where it looks like one of the system."""

    def transform(_: object) -> bytes:
        raise PermissionError(errno.EACCES, "mine")

    backend = ZipBackend.create(path=tmp_path / "a.zip")
    with backend, pytest.raises(PermissionError, match="mine") as caught:
        backend.update("k", transform)
    assert type(caught.value) is PermissionError


def test_instances_of_a_process_share_what_is_pending(path: Path, tmp_path: Path) -> None:
    """Another instance sees a write at once, whatever path leads to the archive."""
    path.parent.mkdir()
    (tmp_path / "link").symlink_to(path.parent)
    with (
        ZipBackend.create(path=path) as one,
        ZipBackend.create(path=tmp_path / "link" / "a.zip") as other,
    ):
        one.set("k", b"1")
        assert other.get("k") == b"1"
        other.flush()
        assert unpacked(path) == {"k": b"1"}


def test_a_prefix_is_a_folder_inside(path: Path) -> None:
    """Several arrays share one archive and do not see each other."""
    with (
        ZipBackend.create(path=path, prefix="/group/a/") as a,
        ZipBackend.create(path=path, prefix="group/ab") as b,
    ):
        a.set("zarr.json", b"a")
        b.set("zarr.json", b"b")
        assert list(a.list_keys()) == list(a.list_dir()) == ["zarr.json"]
        a.delete_prefix()
    assert unpacked(path) == {"group/ab/zarr.json": b"b"}


# --- Life -------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at descriptors as Linux does")
def test_closing_twice_and_using_after_close(path: Path) -> None:
    """A closed instance holds no file and opens the archive again when it is used."""
    backend = ZipBackend.create(path=path)
    backend.set("k", b"1")
    backend.close()
    backend.close()
    assert not _open_files(path)
    assert backend.get("k") == b"1"
    assert _open_files(path)
    backend.set("k", b"2")
    backend.close()
    assert unpacked(path) == {"k": b"2"}


def _open_files(path: Path) -> list[str]:
    """Return the open descriptors on files in the archive's folder."""
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [str(link.readlink()) for link in links if link.readlink().parent == path.parent]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at descriptors as Linux does")
def test_closing_one_instance_leaves_the_other_open(path: Path) -> None:
    """What both wrote is flushed by the first to close."""
    one, other = ZipBackend.create(path=path), ZipBackend.create(path=path)
    one.set("a", b"1")
    other.set("b", b"2")
    one.close()
    assert unpacked(path) == {"a": b"1", "b": b"2"}
    assert other.get("a") == b"1"
    other.close()
    assert not _open_files(path)


def test_a_block_that_fails_keeps_its_whole_chunks(path: Path) -> None:
    """The end of a with block flushes whatever happened in it."""
    with suppress(ZeroDivisionError), ZipBackend.create(path=path) as backend:
        backend.set("k", b"1")
        _ = 1 // 0
    assert unpacked(path) == {"k": b"1"}


def test_pickling_flushes_and_ships_the_options(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker with another working directory finds the archive and the data."""
    path.parent.mkdir()
    monkeypatch.chdir(path.parent)
    with ZipBackend.create(path="a.zip", prefix="p") as backend:
        backend.set("k", b"1")
        shipped = pickle.dumps(backend)
        assert unpacked(path) == {"p/k": b"1"}
    monkeypatch.chdir("/")
    copy = pickle.loads(shipped)
    assert copy.get("k") == b"1"
    assert repr(copy) == f"<ZipBackend path={str(path)!r} prefix='p/'>"


def test_what_nobody_closed_is_flushed_with_a_warning(path: Path) -> None:
    """Like a file, an instance that is dropped is closed and complained about."""
    backend = ZipBackend.create(path=path)
    backend.set("k", b"1")
    with pytest.warns(ResourceWarning, match=r"unclosed archive: 1 changes \(k\)"):
        del backend
    assert unpacked(path) == {"k": b"1"}


def test_what_cannot_be_flushed_at_last_is_named(path: Path) -> None:
    """A loss is never silent."""
    backend = ZipBackend.create(path=path)
    backend.set("k", b"1")
    path.write_bytes(b"not an archive")
    with pytest.warns(RuntimeWarning, match=r"1 changes \(k\) of .* are lost: .* not a zip"):
        del backend
    assert path.read_bytes() == b"not an archive"


def test_discarding_returns_to_what_is_on_disk(backend: ZipBackend) -> None:
    """Nothing pending is left, and closing writes nothing."""
    backend.set("k", b"1")
    backend.flush()
    backend.set("k", b"2")
    backend.delete("other")
    backend.discard()
    assert backend.get("k") == b"1"


# --- Options ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"path": ""},
        {"path": 7},
        {"path": "a\0b"},
        {"path": "folder/"},
        {"path": os.curdir},
        {"path": "a.zip", "prefix": "../x"},
        {"path": "a.zip", "prefix": None},
        {"path": "a.zip", "fsync": "yes"},
        {"path": "a.zip", "duplicates": "first"},
    ],
)
def test_options_are_checked(options: dict[str, object]) -> None:
    """The error is told before anything is touched, and says which option it is about."""
    with pytest.raises(ConfigurationError) as caught:
        ZipBackend.create(**options)
    assert caught.value.option == list(options)[-1]


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/./b", "a\\b", "a\0", "C:/x"])
def test_keys_that_no_archive_should_hold(key: str, backend: ZipBackend) -> None:
    """They are refused for reading as for writing."""
    for use in (backend.get, backend.size, backend.delete, lambda key: backend.set(key, b"")):
        with pytest.raises(ConfigurationError):
            use(key)


def test_keys_are_strings(backend: ZipBackend) -> None:
    """Anything else is refused."""
    with pytest.raises(ConfigurationError, match="a key is a string"):
        backend.get(7)  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize("key", ["a" * 65536, "\ud800"])
def test_keys_that_no_archive_can_hold(key: str, backend: ZipBackend, path: Path) -> None:
    """They are refused when they are written, and nothing is left behind."""
    with pytest.raises(ConfigurationError):
        backend.set(key, b"")
    assert not path.parent.exists()


@pytest.mark.parametrize(
    ("url", "path", "prefix"),
    [
        ("zip:///data/x.zip", "/data/x.zip", None),
        ("zip:/data/x.zip", "/data/x.zip", None),
        ("zip://rel/x.zip", "rel/x.zip", None),
        ("zip:rel.zip", "rel.zip", None),
        ("ZIP:///a%20b%23.zip#group/array", "/a b#.zip", "group/array"),
    ],
)
def test_urls(url: str, path: str, prefix: str | None) -> None:
    """A url names the archive, and after # the folder inside."""
    expected = {"path": path} if prefix is None else {"path": path, "prefix": prefix}
    assert ZipBackend.options_from_url(url) == expected


@pytest.mark.parametrize("url", ["zip:", "zip://", "zip://#x", "zip:///a.zip?fsync=1", "file:///a"])
def test_urls_without_a_path_or_with_a_query(url: str) -> None:
    """They are refused."""
    with pytest.raises(ConfigurationError):
        ZipBackend.options_from_url(url)


# --- Files that are no archives ---------------------------------------------------------


def test_something_else_is_not_overwritten(path: Path) -> None:
    """A file that is no archive is refused by reading and by writing."""
    path.parent.mkdir()
    path.write_text("important")
    backend = ZipBackend.create(path=path)
    for use in (lambda: ZipBackend.open(path=path), lambda: backend.set("k", b"")):
        with pytest.raises(CorruptStorageError, match="not a zip archive"):
            use()
    assert path.read_text() == "important"


def test_an_empty_file_is_an_archive_to_be(path: Path) -> None:
    """One that somebody made beforehand is filled, and holds no array until then."""
    path.parent.mkdir()
    path.touch()
    with pytest.raises(ArrayNotFoundError):
        ZipBackend.open(path=path)
    with ZipBackend.create(path=path) as backend:
        backend.set("k", b"1")
    assert unpacked(path) == {"k": b"1"}


def test_an_archive_that_was_emptied_is_damaged(backend: ZipBackend, path: Path) -> None:
    """A file that lost all its bytes is an error, not an array of fill values."""
    backend.set("k", b"1")
    backend.flush()
    path.write_bytes(b"")
    with pytest.raises(CorruptStorageError):
        backend.get("k")
    path.unlink()
    assert backend.get("k") is None


def test_a_folder_in_the_place_of_the_archive(backend: ZipBackend, path: Path) -> None:
    """It is an error of the options, also when it appears later."""
    path.mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="is a folder"):
        backend.get("k")


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="needs users")
def test_without_the_right_to_write(backend: ZipBackend, path: Path) -> None:
    """Reading works, writing says what is wrong."""
    backend.set("k", b"1")
    backend.flush()
    path.chmod(0o444)
    if os.access(path, os.W_OK):
        pytest.skip("this user may write everything")
    with pytest.raises(PermissionDeniedError):
        backend.set("k", b"2")
    assert backend.get("k") == b"1"


def test_an_archive_with_a_long_name(tmp_path: Path) -> None:
    """The names of side files stay shorter than file systems allow."""
    path = tmp_path / ("a" * 251 + ".zip")
    with ZipBackend.create(path=path, fsync=True) as backend:
        backend.set("k", b"1")
    assert unpacked(path) == {"k": b"1"}
