"""Several processes on one archive: what each sees, merging, conflicts, forks and exits.

A `ZipArchive` that is made directly shares nothing with the others of its process, just as
if it were in another one; where it matters a real process is started.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from zip_samples import unpacked

from zarr_backends._storage.zip.archive import ZipArchive
from zarr_backends._storage.zip.backend import ZipBackend
from zarr_backends.errors import ConflictError

Values = dict[str, bytes | None]

IMPORT = "from zarr_backends._storage.zip.backend import ZipBackend\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return an archive that holds three members."""
    path = tmp_path / "a.zip"
    elsewhere(path, {"a": b"a0", "b": b"b0", "c": b"c0"})
    return path


def elsewhere(path: Path, changes: Values) -> None:
    """Change an archive as another process does, and flush."""
    archive = changed(path, changes)
    archive.flush()


def changed(path: Path, changes: Values) -> ZipArchive:
    """Change an archive as another process does, which did not flush yet."""
    archive = ZipArchive(str(path))
    for name, value in changes.items():
        if value is None:
            archive.delete(name)
        else:
            archive.write(name, memoryview(value))
    return archive


def run(script: str, path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own; it finds the archive as `path`."""
    words = f"import os, sys\npath = {str(path)!r}\n"
    command = [sys.executable, *options, "-c", words + script]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


# --- Two processes ----------------------------------------------------------------------


def test_a_reader_notices_every_flush(path: Path) -> None:
    """An open instance reads the archive again when its file was replaced or removed."""
    backend = ZipBackend.create(path=path)
    for i in range(5):
        elsewhere(path, {"a": b"%d" % i, f"new{i}": b""})
        assert (backend.get("a"), backend.size(f"new{i}")) == (b"%d" % i, 0)
    elsewhere(path, {"a": None})
    assert backend.get("a") is None
    assert "a" not in list(backend.list_keys())


def test_two_writers_keep_each_others_keys(path: Path) -> None:
    """A flush applies its changes to what the other one flushed in between."""
    one, other = changed(path, {"a": b"1", "d": b"1"}), changed(path, {"b": None, "e": b"2"})
    one.flush()
    other.flush()
    assert unpacked(path) == {"a": b"1", "c": b"c0", "d": b"1", "e": b"2"}
    assert sorted(one.names("")) == sorted(other.names("")) == ["a", "c", "d", "e"]


@pytest.mark.parametrize("ours", [b"ours", None])
@pytest.mark.parametrize("theirs", [b"theirs", None])
def test_both_changed_the_same_key(path: Path, ours: bytes | None, theirs: bytes | None) -> None:
    """The second flush fails and changes nothing, also where both did the same.

    Two updates that both count from 5 to 6 have lost one.
    """
    archive = changed(path, {"a": ours, "z": b"1"})
    elsewhere(path, {"a": theirs})
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(ConflictError, match="'a' was changed here and by somebody") as caught:
            archive.flush()
        assert (caught.value.key, caught.value.transient) == ("a", False)
    assert path.read_bytes() == before
    assert (archive.pending, archive.find("a") is None) == (["a", "z"], ours is None)
    archive.discard()


def test_a_conflict_is_resolved_by_discarding(path: Path) -> None:
    """Afterwards the other one's value is read and can be replaced."""
    with ZipBackend.create(path=path) as backend:
        backend.set("a", b"mine")
        elsewhere(path, {"a": b"theirs"})
        with pytest.raises(ConflictError, match=r"discard\(\)"):
            backend.flush()
        backend.discard()
        assert backend.get("a") == b"theirs"
        backend.update("a", lambda old: bytes(old or b"") + b" and mine")
    assert unpacked(path)["a"] == b"theirs and mine"


def test_both_create_the_same_key(path: Path) -> None:
    """A new key that somebody else made meanwhile is a conflict as well."""
    archive = changed(path, {"new": b"1"})
    elsewhere(path, {"new": b"2"})
    with pytest.raises(ConflictError):
        archive.flush()
    archive.discard()


def test_the_archive_was_removed_meanwhile(path: Path) -> None:
    """What is new is written; what was to be replaced is gone, which is a conflict."""
    archive, other = changed(path, {"new": b"1"}), changed(path, {"a": b"1"})
    path.unlink()
    with pytest.raises(ConflictError):
        other.flush()
    other.discard()
    archive.flush()
    assert unpacked(path) == {"new": b"1"}


def test_many_create_one_archive_at_once(tmp_path: Path) -> None:
    """All first flushes of eight writers are in it, whoever is first."""
    path = tmp_path / "a.zip"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: elsewhere(path, {f"k{i}": b"1", f"l{i}": b"2"}), range(8)))
    assert sorted(unpacked(path)) == sorted(f"{a}{i}" for a in "kl" for i in range(8))
    assert list(tmp_path.iterdir()) == [path]


def test_an_update_starts_again_when_the_archive_changes(path: Path) -> None:
    """What another process flushed while the transform ran is not lost."""
    seen = []

    def transform(old: object) -> bytes:
        seen.append(old)
        if len(seen) == 1:
            elsewhere(path, {"a": b"theirs"})
        return b"done"

    with ZipBackend.create(path=path) as backend:
        backend.update("a", transform)
    assert seen == [b"a0", b"theirs"]


def test_side_files_of_the_living_are_left_alone(path: Path, tmp_path: Path) -> None:
    """Only those of the dead are removed, and only by somebody who writes."""
    stale = tmp_path / f".a.zip.{'0' * 16}.zb-tmp"
    foreign = tmp_path / f".b.zip.{'0' * 16}.zb-tmp"
    for file in (stale, foreign):
        file.write_bytes(b"left behind")
    living = changed(path, {"d": b"1"})
    assert not stale.exists()
    stale.touch()
    assert ZipBackend.create(path=path).get("a") == b"a0"
    assert stale.exists()
    elsewhere(path, {"e": b"2"})
    living.flush()
    assert sorted(unpacked(path)) == ["a", "b", "c", "d", "e"]
    assert sorted(tmp_path.iterdir()) == sorted([path, foreign])


# --- Ends and forks ---------------------------------------------------------------------


def test_a_process_that_ends_without_closing(path: Path) -> None:
    """What it wrote is in the archive, and it is told."""
    script = "backend = ZipBackend.create(path=path); backend.set('a', b'late')"
    done = run(IMPORT + script, path, "-W", "always")
    assert "ResourceWarning: unclosed archive: 1 changes (a)" in done.stderr
    assert unpacked(path)["a"] == b"late"


def test_a_process_that_ends_by_an_error(path: Path) -> None:
    """The same holds when an exception ends it."""
    done = run(IMPORT + "a = ZipBackend.create(path=path); a.set('a', b'late'); 1 / 0", path)
    assert "ZeroDivisionError" in done.stderr
    assert unpacked(path)["a"] == b"late"


FORK = """
backend = ZipBackend.create(path=path)
backend.set("a", b"parent")
backend.set("d", b"parent")
child = os.fork()
if child == 0:
    assert backend.get("a") == b"a0" and backend.get("d") is None
    if CHILD_WRITES:
        backend.set("e", b"child")
        backend.close()
    del backend
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert backend.get("a") == b"parent"
backend.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("child_writes", [False, True])
def test_a_forked_child_leaves_its_parents_changes_alone(path: Path, *, child_writes: bool) -> None:
    """It neither flushes nor deletes them, and may write for itself."""
    done = run(f"{IMPORT}CHILD_WRITES = {child_writes}\n{FORK}", path, "-W", "error")
    assert (done.returncode, done.stderr) == (0, "")
    extra = {"e": b"child"} if child_writes else {}
    assert unpacked(path) == {"a": b"parent", "b": b"b0", "c": b"c0", "d": b"parent", **extra}
    assert list(path.parent.iterdir()) == [path]


# --- Limits -----------------------------------------------------------------------------


FULL = """
import resource, signal
from zarr_backends.errors import StorageFullError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
backend = ZipBackend.create(path=path)
backend.set("old", b"1")
backend.flush()
backend.set("small", bytes(3000))
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
for key, nbytes in (("large", 6000), ("medium", 2000)):
    try:
        backend.set(key, bytes(nbytes))
    except StorageFullError:
        assert backend.size(key) is None
backend.set("more", bytes(1900))
try:
    backend.flush()
except StorageFullError:
    print(sorted(backend.list_keys()), len(os.listdir(os.path.dirname(path))))
backend.discard()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_full_disk(tmp_path: Path) -> None:
    """A value that does not fit changes nothing, and neither does a flush that fails."""
    path = tmp_path / "a.zip"
    done = run(IMPORT + FULL, path)
    assert (done.stderr, done.stdout) == ("", "['more', 'old', 'small'] 2\n")
    assert unpacked(path) == {"old": b"1"}


def test_memory_stays_small(tmp_path: Path) -> None:
    """Neither writing 300 MB nor reading one of its members takes more than a member does."""
    value = os.urandom(2**20)
    tracemalloc.start()
    with ZipBackend.create(path=tmp_path / "a.zip") as backend:
        for i in range(300):
            backend.set(f"c/{i}", value)
        backend.flush()
        backend.set("c/7", b"small")
    backend = ZipBackend.create(path=tmp_path / "a.zip")
    assert backend.get("c/299") == value
    assert backend.get_range("c/298", -5) == value[-5:]
    assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    tracemalloc.stop()


FALLBACKS = """
for name in ("pread", "pwrite", "copy_file_range"):
    if hasattr(os, name):
        delattr(os, name)
from zarr_backends._storage.zip import locks as zip_locks
from zarr_backends._storage.zip.backend import ZipBackend
zip_locks.fcntl = None
with ZipBackend.create(path=path) as backend:
    assert backend.get("a") == b"a0"
    backend.set("a", b"1")
    backend.set("d", bytes(3 * 2**20))
    backend.flush()
    backend.delete("b")
"""


def test_without_the_calls_that_only_some_systems_have(path: Path) -> None:
    """Positions, locks and copies in the kernel have fallbacks."""
    done = run(FALLBACKS, path, "-W", "error")
    assert (done.returncode, done.stderr) == (0, "")
    assert unpacked(path) == {"a": b"1", "c": b"c0", "d": bytes(3 * 2**20)}


def test_a_side_file_that_was_tidied_away(tmp_path: Path) -> None:
    """Its name is gone, its bytes are not."""
    archive = changed(tmp_path / "a.zip", {"a": b"1"})
    for file in tmp_path.iterdir():
        file.unlink()
    archive.flush()
    assert unpacked(tmp_path / "a.zip") == {"a": b"1"}


# --- The moment of the renaming ---------------------------------------------------------


@pytest.mark.parametrize("rewritten", [1, 9])
def test_somebody_else_is_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rewritten: int
) -> None:
    """Where an archive appears just before ours, ours is built again on top of it."""
    path, link = tmp_path / "a.zip", os.link

    def overtaken(source: str, target: str) -> None:
        monkeypatch.setattr(os, "link", link)
        elsewhere(path, {"theirs": b"1"})
        link(source, target)

    archive = changed(path, {"ours": b"1"})
    for _ in range(rewritten):  # more often means that the side file cannot become the archive
        archive.write("ours", memoryview(b"2"))
    monkeypatch.setattr(os, "link", overtaken)
    archive.flush()
    assert unpacked(path) == {"theirs": b"1", "ours": b"2"}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["link", "replace"])
def test_an_interrupt_just_after_the_renaming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """The archive is in place and is not written to any more."""
    path, rename = tmp_path / "a.zip", getattr(os, call)
    if call == "replace":
        elsewhere(path, {"old": b"1"})

    def interrupted(source: str, target: str) -> None:
        rename(source, target)
        raise KeyboardInterrupt

    archive = changed(path, {"k": b"1"})
    monkeypatch.setattr(os, call, interrupted)
    with pytest.raises(KeyboardInterrupt):
        archive.flush()
    monkeypatch.undo()
    before = path.read_bytes()
    archive.write("more", memoryview(b"2"))
    assert (path.read_bytes(), archive.pending) == (before, ["more"])
    archive.flush()
    expected = {"k": b"1", "more": b"2", **({"old": b"1"} if call == "replace" else {})}
    assert unpacked(path) == expected


def test_file_systems_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new archive is renamed into place unless there is one."""
    monkeypatch.setattr(os, "link", _refused)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: elsewhere(tmp_path / f"{i}.zip", {"k": b"1"}), range(4)))
    assert [unpacked(path) for path in tmp_path.iterdir()] == [{"k": b"1"}] * 4


def _refused(_source: str, _target: str) -> None:
    raise PermissionError(1, "no links here")
