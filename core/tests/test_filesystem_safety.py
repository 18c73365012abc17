"""The filesystem backend in trees that hold links, or that refuse: nothing leaves the root."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from filesystem_kinds import CALLS, PortableBackend, files_of

from zarr_backends._storage.files.os_errors import translated
from zarr_backends._storage.filesystem.backend import FilesystemBackend
from zarr_backends.errors import (
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    PermissionDeniedError,
    StorageFullError,
    ZarrBackendsError,
)

NOBODY = 65534
"""User id without any rights on Linux."""

needs_links = pytest.mark.skipif(os.name == "nt", reason="making links needs special rights there")
needs_rights = pytest.mark.skipif(os.name == "nt", reason="POSIX rights")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder that does not exist, in one that does."""
    return tmp_path / "outer" / "root"


@pytest.fixture(params=[FilesystemBackend, PortableBackend])
def backend(request: pytest.FixtureRequest, root: Path) -> FilesystemBackend:
    """Return an empty backend with either kind of lock."""
    made: FilesystemBackend = request.param.create(path=root)
    return made


# --- Links --------------------------------------------------------------------------------


@pytest.fixture
def outside(root: Path) -> Path:
    """Return a folder outside the root with something secret in it; the root exists."""
    root.mkdir(parents=True)
    folder = root.parent / "root-outside"
    folder.mkdir()
    (folder / "secret").write_bytes(b"secret")
    return folder


@needs_links
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("relative", [False, True])
def test_links_that_lead_out_are_refused(
    root: Path, outside: Path, call: str, relative: bool
) -> None:
    """Neither a file nor a folder outside is read, written or deleted over a link."""
    backend = FilesystemBackend.create(path=root)
    target = Path("..", outside.name) if relative else outside
    (root / "folder").symlink_to(target)
    (root / "file").symlink_to(target / "secret")
    (root / "new").symlink_to(target / "new")
    for key in ("folder/secret", "folder/new", "file", "new"):
        with pytest.raises(PermissionDeniedError, match="leads out") as caught:
            CALLS[call](backend, key)
        assert caught.value.key == key
    assert files_of(outside) == {"secret"}
    assert (outside / "secret").read_bytes() == b"secret"


@needs_links
def test_links_that_lead_out_are_not_listed(root: Path, outside: Path) -> None:
    """A listing shows nothing from outside, and clearing the root removes nothing there."""
    backend = FilesystemBackend.create(path=root)
    backend.set("k", b"")
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    assert list(backend.list_keys()) == list(backend.list_dir()) == ["k"]
    backend.delete_prefix()
    assert files_of(outside) == {"secret"}
    with pytest.raises(PermissionDeniedError):
        list(backend.list_keys("folder/"))


@needs_links
def test_a_folder_that_becomes_a_link_is_noticed(root: Path, outside: Path) -> None:
    """That a folder was fine a moment ago counts for nothing."""
    backend = FilesystemBackend.create(path=root)
    backend.set("c/0/secret", b"mine")
    assert backend.get("c/0/secret") == b"mine"
    shutil.rmtree(root / "c")
    (root / "c").symlink_to(outside.parent)
    (outside.parent / "0").symlink_to(outside)
    for call in ("get", "get_many", "set"):
        with pytest.raises(PermissionDeniedError):
            CALLS[call](backend, "c/0/secret")


@needs_links
def test_links_inside_the_root_work(backend: FilesystemBackend, root: Path) -> None:
    """Both names of a file or folder mean the same value, for reading and writing."""
    backend.set("real/0", b"v")
    (root / "folder").symlink_to("real")
    (root / "file").symlink_to(root / "real" / "0")
    assert sorted(backend.list_keys()) == ["file", "folder/0", "real/0"]
    assert sorted(backend.list_dir()) == ["file", "folder", "real"]
    for key in ("real/0", "folder/0", "file"):
        backend.update(key, lambda old: bytes(old or b"") + b"+")
    assert [backend.get(key) for key in ("real/0", "folder/0", "file")] == [b"v+++"] * 3
    assert backend.get_many(["real/0", "folder/0", "file"]) == [b"v+++"] * 3
    backend.set("folder/1", b"w")
    assert backend.get("real/1") == b"w"
    backend.delete_prefix("folder/")
    assert list(backend.list_keys()) == []


@needs_links
def test_the_root_may_be_a_link(root: Path, outside: Path) -> None:
    """The user chose it; what counts as inside is where it leads."""
    (root.parent / "link").symlink_to(outside)
    backend = FilesystemBackend.create(path=root.parent / "link")
    (outside / "inner").symlink_to("secret")
    assert backend.get("inner") == b"secret"
    backend.set("k", b"v")
    assert sorted(backend.list_keys()) == ["inner", "k", "secret"]
    assert (outside / "k").read_bytes() == b"v"


@needs_links
def test_links_in_circles_end(root: Path) -> None:
    """A listing visits no folder within itself, and a link to itself is refused."""
    backend = FilesystemBackend.create(path=root)
    for key in ("a/0", "b/0"):
        backend.set(key, b"")
    for link, target in (("a/up", ".."), ("a/self", "self"), ("a/b", "../b"), ("b/a", "../a")):
        (root / link).symlink_to(target)
    assert sorted(backend.list_keys("a/")) == ["a/0", "a/b/0"]
    assert len(list(backend.list_keys())) == 4
    with pytest.raises(PermissionDeniedError):
        backend.get("a/self")
    with pytest.raises(PermissionDeniedError):
        backend.set("a/self", b"")


@needs_links
def test_what_is_no_file_is_no_key(root: Path) -> None:
    """Pipes and links to nothing are not listed and never waited for."""
    root.mkdir(parents=True)
    os.mkfifo(root / "pipe")
    (root / "dangling").symlink_to("nothing")
    backend = FilesystemBackend.create(path=root)
    assert list(backend.list_keys()) == list(backend.list_dir()) == []
    assert (backend.get("pipe"), backend.get("dangling")) == (None, None)
    assert backend.get_many(["pipe", "dangling"]) == [None, None]
    with pytest.raises(ConfigurationError):
        backend.set("pipe", b"")
    backend.set("dangling", b"v")
    assert (root / "nothing").read_bytes() == b"v"


@pytest.mark.skipif(sys.platform != "linux", reason="file names of any bytes")
def test_names_that_are_no_text_are_not_listed(root: Path) -> None:
    """A file whose name no key can have is no key, and stays where it is."""
    root.mkdir(parents=True)
    name = os.fsencode(root) + b"/\xff"
    Path(os.fsdecode(name)).touch()
    backend = FilesystemBackend.create(path=root)
    assert list(backend.list_keys()) == list(backend.list_dir()) == []
    backend.delete_prefix()
    assert [os.fsencode(path.name) for path in root.iterdir()] == [b"\xff"]


# --- Rights -------------------------------------------------------------------------------


@contextmanager
def unprivileged() -> Iterator[None]:
    """Run without the rights of root, which no mode of a file can take away."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """Yield a folder that other users can reach."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@needs_rights
def test_a_tree_without_write_access_is_readable(shared_folder: Path) -> None:
    """Reading and listing need no right to write, and writing says what is missing."""
    backend = FilesystemBackend.create(path=shared_folder / "root")
    backend.set("c/0", b"v")
    stale = shared_folder / "root" / "c" / ".0123456789abcdef.zb-tmp"
    stale.touch()
    os.utime(stale, (0, 0))
    for folder in (stale.parent, stale.parent.parent):
        folder.chmod(0o555)
    with unprivileged():
        assert list(backend.list_keys()) == ["c/0"]
        assert backend.get("c/0") == b"v"
        for call, key in (("set", "c/0"), ("set_if_absent", "d"), ("update", "d/e")):
            with pytest.raises(PermissionDeniedError):
                CALLS[call](FilesystemBackend.create(path=shared_folder / "root"), key)
        with pytest.raises(PermissionDeniedError):
            backend.delete("c/0")
    assert stale.exists()


@needs_rights
def test_what_may_not_be_read_is_not_missing(shared_folder: Path) -> None:
    """A lack of rights is an error that names the key."""
    backend = FilesystemBackend.create(path=shared_folder / "root")
    backend.set("c/0", b"v")
    backend.set("d/0", b"v")
    backend.set("k", b"v")
    (shared_folder / "root" / "c" / "0").chmod(0)
    (shared_folder / "root" / "d").chmod(0)
    with unprivileged():
        for key in ("c/0", "d/0", "d/1"):
            for call in ("get", "get_many"):
                with pytest.raises(PermissionDeniedError) as caught:
                    CALLS[call](backend, key)
                assert (caught.value.backend, caught.value.key) == ("filesystem", key)
        for listing in (backend.list_keys, backend.list_dir):
            with pytest.raises(PermissionDeniedError):
                list(listing("d/"))
    (shared_folder / "root" / "d").chmod(0o755)


@pytest.mark.parametrize(
    ("number", "error", "transient"),
    [
        (errno.EACCES, PermissionDeniedError, False),
        (errno.EROFS, PermissionDeniedError, False),
        (errno.ENOSPC, StorageFullError, False),
        (errno.EDQUOT, StorageFullError, False),
        (errno.ENAMETOOLONG, ConfigurationError, False),
        (errno.ETIMEDOUT, BackendTimeoutError, True),
        (errno.EMFILE, BackendError, True),
        (errno.ESTALE, BackendError, True),
        (errno.EIO, BackendError, False),
    ],
)
def test_errors_of_the_system_have_a_meaning(
    number: int, error: type[ZarrBackendsError], transient: bool
) -> None:
    """What the system reports becomes an error of ours with all that is known."""
    found = translated(OSError(number, os.strerror(number)), backend="b", key="k")
    assert type(found) is error
    assert (found.backend, found.key, found.transient) == ("b", "k", transient)
    assert os.strerror(number) in str(found)
    assert translated(BackendError("mine"), backend="b", key="k").backend is None
