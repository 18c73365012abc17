"""The filesystem backend within one thread: values, names, links, listings, errors."""

from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from filesystem_kinds import CALLS, PortableBackend, files_of
from hypothesis import given, settings
from hypothesis import strategies as st

from zarr_backends._storage.filesystem.backend import FilesystemBackend
from zarr_backends._storage.filesystem.reading import read_file
from zarr_backends.contract import (
    Backend,
    SupportsAtomicUpdate,
    SupportsKeys,
    SupportsRangeReads,
    SupportsSizes,
    SupportsSnapshots,
    SupportsUrls,
)
from zarr_backends.errors import (
    ArrayNotFoundError,
    BackendError,
    ConfigurationError,
)

WINDOWS = os.name == "nt"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder that does not exist, in one that does."""
    return tmp_path / "outer" / "root"


@pytest.fixture(params=[FilesystemBackend, PortableBackend])
def backend(request: pytest.FixtureRequest, root: Path) -> FilesystemBackend:
    """Return an empty backend with either kind of lock."""
    made: FilesystemBackend = request.param.create(path=root)
    return made


# --- Contract -----------------------------------------------------------------------------


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
def test_it_fulfils(root: Path, protocol: type) -> None:
    """The contract, and the capabilities that files can have."""
    assert isinstance(FilesystemBackend.create(path=root), protocol)


KEYS = ("a/b", "a/c", "ab", "a.b/c", "zarr.json", "c/0/1", "c/0/10", "c/01", ".zattrs", "é/ü")
"""Keys whose beginnings are alike, none of which is a folder of another."""

steps = st.tuples(
    st.sampled_from(["set", "set_if_absent", "update", "delete", "delete_prefix", "look"]),
    st.sampled_from([*KEYS, "c/", "a", "c/0", ""]),
    st.binary(max_size=20),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(steps, max_size=25), st.sampled_from([FilesystemBackend, PortableBackend]))
def test_it_behaves_like_a_dict(
    program: list[tuple[str, str, bytes]], kind: type[FilesystemBackend]
) -> None:
    """Any sequence of calls leaves what it leaves in a dict, and nothing else on the disk."""
    with TemporaryDirectory() as folder:
        backend, model = kind.create(path=folder), dict[str, bytes]()
        for call, key, value in program:
            if call == "delete_prefix":
                backend.delete_prefix(key)
                model = {k: v for k, v in model.items() if not k.startswith(key)}
            elif call == "look" or key not in KEYS:
                assert_prefix_is_seen_alike(backend, model, key)
            else:
                change_both(backend, model, call, key, value)
        assert {k for k in files_of(Path(folder)) if not k.endswith("/")} == model.keys()
        for key in KEYS:
            assert_key_is_seen_alike(backend, model, key)


def change_both(
    backend: FilesystemBackend, model: dict[str, bytes], call: str, key: str, value: bytes
) -> None:
    """Change one key of the backend and of the dict that it is compared with."""
    if call == "set":
        backend.set(key, value)
        model[key] = value
    elif call == "set_if_absent":
        assert backend.set_if_absent(key, value) == (key not in model)
        model.setdefault(key, value)
    elif call == "update":
        backend.update(key, lambda old: value + bytes(old or b"") if value else None)
        model[key] = value + model.get(key, b"")
    if call == "delete" or (call == "update" and not value):
        backend.delete(key)
        model.pop(key, None)


def assert_prefix_is_seen_alike(
    backend: FilesystemBackend, model: dict[str, bytes], prefix: str
) -> None:
    """Compare what lists show."""
    below = [key for key in model if key.startswith(prefix)]
    assert sorted(backend.list_keys(prefix)) == sorted(below)
    names = {key[len(prefix) :].partition("/")[0] for key in below}
    assert sorted(backend.list_dir(prefix)) == sorted(names)


def assert_key_is_seen_alike(backend: FilesystemBackend, model: dict[str, bytes], key: str) -> None:
    """Compare what reads show."""
    value = model.get(key)
    assert backend.get(key) == value
    assert backend.size(key) == (None if value is None else len(value))
    for cut in (slice(0, 3), slice(2, None), slice(-3, None), slice(30, 40), slice(3, 1)):
        expected = None if value is None else value[cut]
        assert backend.get_range(key, cut.start, cut.stop) == expected


# --- Place --------------------------------------------------------------------------------


def test_reading_creates_nothing(backend: FilesystemBackend, root: Path) -> None:
    """A place that is only looked at is not made, nor are its parents."""
    assert backend.get("a/b") is None
    assert backend.size("a") is None
    assert backend.open_value("a") is None
    assert list(backend.list_keys()) == list(backend.list_dir("a/")) == []
    assert not backend.exists()
    backend.delete("a/b")
    backend.delete_prefix()
    backend.update("a/b", lambda _: None)
    assert not root.parent.exists()


def test_open_wants_an_array(root: Path) -> None:
    """A folder without metadata is no array."""
    with pytest.raises(ArrayNotFoundError):
        FilesystemBackend.open(path=root)


def test_the_path_is_made_absolute_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a change of folder nor a pickle changes the place."""
    root.mkdir(parents=True)
    monkeypatch.chdir(root)
    backend = FilesystemBackend.create(path="inner", fsync=True)
    monkeypatch.chdir("/")
    copy = pickle.loads(pickle.dumps(backend))  # our own bytes
    copy.set("k", b"v")
    assert (root / "inner" / "k").read_bytes() == b"v"
    assert repr(copy) == repr(backend) == f"<FilesystemBackend path={str(root / 'inner')!r}>"


@pytest.mark.parametrize("path", ["", None, 1, b"", "a\0b", "\ud800", "file"])
def test_impossible_paths_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: Any
) -> None:
    """What is no path, and what is there and no folder, is a wrong option."""
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(ConfigurationError) as caught:
        FilesystemBackend.create(path=path)
    assert caught.value.option == "path"


def test_fsync_is_a_switch(root: Path) -> None:
    """Anything but a boolean is refused: "false" would be true."""
    with pytest.raises(ConfigurationError) as caught:
        FilesystemBackend.create(path=root, fsync="false")
    assert caught.value.option == "fsync"


@pytest.mark.skipif(WINDOWS, reason="paths of POSIX")
@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///data/a.zarr", "/data/a.zarr"),
        ("file://localhost/data", "/data"),
        ("file:///two%20words/%C3%A9%23%3f", "/two words/é#?"),
        ("file:///", "/"),
    ],
)
def test_urls_are_decoded(url: str, path: str) -> None:
    """The path in a url is an ordinary path."""
    assert FilesystemBackend.options_from_url(url) == {"path": path}


@pytest.mark.parametrize(
    "url", ["file://host/a", "file://a", "file://", "file:///a?b=c", "file:///a#b", "file:///%ff"]
)
def test_other_urls_are_refused(url: str) -> None:
    """A machine, a query, a fragment or bytes that are no text are not ignored."""
    with pytest.raises(ConfigurationError):
        FilesystemBackend.options_from_url(url)


def test_fsync_stores_the_same(root: Path) -> None:
    """Waiting for the device changes nothing else."""
    backend = FilesystemBackend.create(path=root, fsync=True)
    backend.set("a/b/c", b"1")
    backend.set("a/b/c", b"2")
    backend.update("a/b/d", lambda _: b"3")
    backend.delete("a/b/c")
    assert files_of(root) == {"a/", "a/b/", "a/b/d"}


# --- Names --------------------------------------------------------------------------------

BAD_KEYS = [
    *("", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b", "a/./b"),
    *("a\0b", "\udc80", "a/\ud800", "a" * 256, "é" * 128, "a/" + "b" * 256),
    *(".0123456789abcdef.zb-tmp", "a/.x.ZB-TMP/b"),
]


@pytest.mark.parametrize("key", BAD_KEYS, ids=lambda key: ascii(key)[:20])
@pytest.mark.parametrize("call", CALLS)
def test_keys_that_are_no_file_names_are_refused(root: Path, call: str, key: str) -> None:
    """Whatever could leave the root, or mean something else, is refused by every method."""
    backend = FilesystemBackend.create(path=root)
    with pytest.raises(ConfigurationError) as caught:
        CALLS[call](backend, key)
    assert caught.value.key == key
    assert not root.exists() or not files_of(root)


def test_a_path_that_is_too_long_is_refused(root: Path) -> None:
    """Only the system knows how long paths may be; what it refuses is no key of this place."""
    backend = FilesystemBackend.create(path=root)
    key = "/".join(["a" * 200] * 30)
    assert backend.get(key) is None
    with pytest.raises(ConfigurationError, match="shorter"):
        backend.set(key, b"x")
    assert not root.exists()


@pytest.mark.parametrize("prefix", ["/", "../", "a/../", "a//", "./"])
def test_prefixes_do_not_leave_the_root(root: Path, prefix: str) -> None:
    """A listing or deletion cannot be sent elsewhere."""
    backend = FilesystemBackend.create(path=root)
    backend.set("a/b", b"")
    for call in (backend.list_keys, backend.list_dir):
        with pytest.raises(ConfigurationError):
            list(call(prefix))
    with pytest.raises(ConfigurationError):
        backend.delete_prefix(prefix)
    assert list(backend.list_keys()) == ["a/b"]


GOOD_KEYS = ["a b", "-", "~", "...", "..a", "a..", ".zarray", "ключ/鍵", "é" * 127, "a" * 255]


@pytest.mark.skipif(WINDOWS, reason="more is allowed on POSIX")
@pytest.mark.parametrize("key", [*GOOD_KEYS, "a\\b", "C:", "c:/d", "con", "a\nb", "*?<>|"])
def test_other_keys_are_file_names(backend: FilesystemBackend, root: Path, key: str) -> None:
    """Every other key is stored under just that name, and listed."""
    backend.set(key, b"v")
    assert (root / key).read_bytes() == b"v"
    assert list(backend.list_keys()) == [key]


def test_deep_trees_need_no_recursion(root: Path) -> None:
    """Two thousand folders in each other are written, listed and removed."""
    key = "/".join("a" * ((4000 - len(str(root))) // 2))
    assert key.count("/") > sys.getrecursionlimit()
    backend = FilesystemBackend.create(path=root)
    backend.set(key, b"v")
    assert list(backend.list_keys()) == [key]
    backend.delete_prefix("a/")
    assert files_of(root) == set()


# --- Several keys at once -----------------------------------------------------------------


def test_a_group_reads_as_its_keys_one_by_one(backend: FilesystemBackend, root: Path) -> None:
    """Values come in the order asked for; what is missing, a folder, or below a file is None."""
    values = {"c/0/0": b"a", "c/0/1": b"", "c/1/0": b"b" * 70_000, "top": b"t"}
    for key, value in values.items():
        backend.set(key, value)
    (root / "c" / "1" / "1").mkdir()
    keys = ["c/1/0", "c/0/1", "c/0/2", "c/1/1", "c/9/9", "top/0", "top", "c", "c/0/0", "c/0/0"]
    assert backend.get_many(keys) == [values.get(key) for key in keys]


def test_a_group_without_the_root_is_all_missing(backend: FilesystemBackend) -> None:
    """Nothing was written yet, and reading creates nothing."""
    assert backend.get_many(["c/0", "k"]) == [None, None]
    assert backend.get_many([]) == []


def test_groups_need_no_help_of_the_system(
    backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where files cannot be opened without following a link, they are read one by one."""
    backend.set("c/0", b"v")
    module = sys.modules[FilesystemBackend.__module__]
    monkeypatch.setattr(module, "CAN_REFUSE_LINKS", False)
    monkeypatch.setattr(module, "FileGroup", None)
    assert backend.get_many(["c/0", "c/1"]) == [b"v", None]


# --- Folders and files in each other's way ------------------------------------------------


def test_a_folder_is_no_key(backend: FilesystemBackend, root: Path) -> None:
    """The folder of other keys reads as absent, and cannot be written or deleted."""
    backend.set("c/0", b"v")
    assert (backend.get("c"), backend.size("c"), backend.get_range("c", 0)) == (None,) * 3
    backend.delete("c")
    for write in (backend.set, backend.set_if_absent):
        with pytest.raises(ConfigurationError, match="no key can be both"):
            write("c", b"v")
    assert files_of(root) == {"c/", "c/0"}


def test_a_file_is_no_folder(backend: FilesystemBackend, root: Path) -> None:
    """There is nothing below a key, and nothing can be put there."""
    backend.set("c", b"v")
    assert backend.get("c/0") is None
    backend.delete("c/0")
    assert list(backend.list_keys("c/")) == []
    with pytest.raises(ConfigurationError, match="no key can be both"):
        backend.set("c/0/0", b"v")
    assert files_of(root) == {"c"}


def test_an_empty_folder_is_in_nobodys_way(backend: FilesystemBackend, root: Path) -> None:
    """What a killed writer may have left behind does not matter."""
    (root / "c").mkdir(parents=True)
    backend.set("c", b"v")
    assert backend.get("c") == b"v"


def test_deleting_removes_folders_that_it_empties(backend: FilesystemBackend, root: Path) -> None:
    """Folders go with their last file, the root and its parents stay."""
    for key in ("a/b/c", "a/d", "e"):
        backend.set(key, b"")
    backend.delete("a/b/c")
    assert files_of(root) == {"a/", "a/d", "e"}
    backend.delete("a/d")
    backend.delete("e")
    assert files_of(root) == set()
    assert root.is_dir()


def test_delete_prefix_removes_empty_folders(backend: FilesystemBackend, root: Path) -> None:
    """Folders that were empty before go too, siblings with a like name do not."""
    for key in ("a/b/c", "a/d", "ab/c"):
        backend.set(key, b"")
    (root / "a" / "empty" / "inner").mkdir(parents=True)
    backend.delete_prefix("a/")
    assert files_of(root) == {"ab/", "ab/c"}


def test_permissions_follow_the_umask(backend: FilesystemBackend, root: Path) -> None:
    """Files are as readable for others as any file that the user makes."""
    (root.parent).mkdir(parents=True)
    (root.parent / "plain").touch()
    backend.set("k", b"")
    assert (root / "k").stat().st_mode == (root.parent / "plain").stat().st_mode


# --- Values -------------------------------------------------------------------------------


def test_a_snapshot_is_one_version(backend: FilesystemBackend) -> None:
    """A file that is open stays as it was when it is replaced or deleted."""
    backend.set("k", b"old value")
    context = backend.open_value("k")
    assert context is not None
    with context as snapshot:
        backend.set("k", b"new")
        backend.delete("k")
        assert (snapshot.nbytes, snapshot.read(4, 9)) == (9, b"value")


@pytest.mark.parametrize("expected_nbytes", [0, 3, 10, 99, 2**30])
def test_files_of_another_size_are_read_whole(tmp_path: Path, expected_nbytes: int) -> None:
    """The size that was seen before is a hint."""
    (tmp_path / "f").write_bytes(b"0123456789")
    assert read_file(str(tmp_path / "f"), expected_nbytes) == b"0123456789"
    assert read_file(str(tmp_path / "gone"), expected_nbytes) is None


def test_values_need_not_be_bytes(backend: FilesystemBackend) -> None:
    """Any contiguous buffer is stored, of any item size; text and gaps are refused."""
    wide = memoryview(bytearray(range(16))).cast("I")
    backend.set("k", wide)
    assert backend.get("k") == bytes(range(16))
    for wrong, error in (("text", TypeError), (wide[::2], ValueError)):
        with pytest.raises(error):
            backend.set("k", wrong)  # type: ignore[arg-type]  # that is the test
    assert backend.get("k") == bytes(range(16))


@pytest.mark.parametrize("old", [None, b"v"])
def test_a_transform_that_raises_changes_nothing(
    backend: FilesystemBackend, root: Path, old: bytes | None
) -> None:
    """Its error is passed on as it is, even if it looks like one of the system."""
    backend.set("other" if old is None else "k", b"v")
    before = files_of(root)

    def fail(value: object) -> bytes:
        assert value == old
        raise FileNotFoundError(errno.ENOENT, "mine")

    with pytest.raises(FileNotFoundError, match="mine") as caught:
        backend.update("k", fail)
    assert not isinstance(caught.value, BackendError)
    assert files_of(root) == before


# --- Temporary files ----------------------------------------------------------------------


def test_temporary_files_are_hidden_and_removed_later(
    backend: FilesystemBackend, root: Path
) -> None:
    """What a killed writer left is never listed, and goes when it is an hour old."""
    backend.set("c/0", b"")
    young, old = (root / "c" / f".{c * 16}.zb-tmp" for c in "ab")
    for path in (young, old):
        path.touch()
    an_hour_ago = time.time() - 3601
    os.utime(old, (an_hour_ago, an_hour_ago))
    assert list(backend.list_keys()) == ["c/0"]
    assert list(backend.list_dir("c/")) == ["0"]
    assert (young.exists(), old.exists()) == (True, False)
    backend.delete_prefix()
    assert young.exists()


FULL_DISK = """
import resource, sys
from zarr_backends._storage.filesystem.backend import FilesystemBackend
from zarr_backends.errors import StorageFullError
backend = FilesystemBackend.create(path=sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
calls = [
    lambda: backend.set("c/0", bytes(80_000)),
    lambda: backend.set("new/0", bytes(80_000)),
    lambda: backend.set_if_absent("c/1", bytes(80_000)),
    lambda: backend.update("c/0", lambda old: bytes(old) * 10),
]
for call in calls:
    try:
        call()
    except StorageFullError as error:
        print(error.backend, error.key)
"""


@pytest.mark.skipif(WINDOWS, reason="file size limits")
def test_a_full_disk_changes_nothing(root: Path) -> None:
    """A write that does not fit is an error of its own; nothing of it stays."""
    backend = FilesystemBackend.create(path=root)
    backend.set("c/0", b"0123456789" * 500)
    command = [sys.executable, "-c", FULL_DISK, str(root)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == [
        word for key in ("c/0", "new/0", "c/1", "c/0") for word in ("filesystem", key)
    ]
    assert {name for name in files_of(root) if not name.endswith("/")} == {"c/0"}
    assert backend.get("c/0") == b"0123456789" * 500


# --- Other implementations ----------------------------------------------------------------


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr_python_reads_and_writes_the_same_files(root: Path, zarr_format: Any) -> None:
    """A tree is plain Zarr, in both directions."""
    zarr = pytest.importorskip("zarr")
    values = np.arange(12, dtype="<i4").reshape(3, 4)
    theirs = zarr.create_array(
        store=root, data=values, chunks=(3, 2), compressors=None, zarr_format=zarr_format
    )
    backend = FilesystemBackend.open(path=root)
    assert sorted(backend.list_chunks()) == [(0, 0), (0, 1)]
    assert backend.read_chunk((0, 1)) == values[:, 2:].tobytes()
    backend.write_chunk((0, 1), np.zeros((3, 2), "<i4"))  # type: ignore[arg-type]  # any buffer
    document = backend.read_metadata()
    backend.write_metadata({**document, "attributes": {"a": 1}}, zarr_format)
    assert theirs[:].tolist() == [[0, 1, 0, 0], [4, 5, 0, 0], [8, 9, 0, 0]]
    assert dict(zarr.open_array(root, mode="r").attrs) == {"a": 1}
