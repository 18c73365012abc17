"""Archives that are damaged or built to do harm: a clear error, and no memory wasted."""

from __future__ import annotations

import os
import random
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zip_samples import VALUES, altered, assembled, contents, packed

from zarr_backends._storage.zip.backend import ZipBackend
from zarr_backends._storage.zip.new_records import end_records, local_header
from zarr_backends._storage.zip.records import END, END64, LOCATOR64, Member
from zarr_backends.errors import CorruptStorageError, ZarrBackendsError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the archive of a test is."""
    return tmp_path / "a.zip"


# --- Refused as a whole -----------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../x",
        "/etc/passwd",
        "C:/x",
        "c:x",
        "a\\b",
        "a\0b",
        "a//b",
        "./a",
        "..",
        "/",
        "a//",
    ],
)
def test_unsafe_names(name: str, path: Path) -> None:
    """One member with such a name makes the archive unusable; the error names both."""
    path.write_bytes(packed({**VALUES, name: b""}))
    with pytest.raises(CorruptStorageError, match="unsafe name") as caught:
        contents(path)
    assert str(path) in str(caught.value)
    assert repr(name) in str(caught.value)


def test_a_name_that_is_not_the_utf8_that_it_claims(path: Path) -> None:
    """It is refused instead of guessed."""
    path.write_bytes(packed({"é": b""}).replace("é".encode(), b"\xc3("))
    with pytest.raises(CorruptStorageError, match="not UTF-8"):
        contents(path)


def test_duplicate_names(path: Path) -> None:
    """They are refused, with the option that takes the last one."""
    path.write_bytes(packed({"k": b"old", "l": b"new"}).replace(b"l", b"k"))
    with pytest.raises(CorruptStorageError, match=r"two members 'k'.*duplicates='last'"):
        contents(path)
    with ZipBackend.create(path=path, duplicates="last") as backend:
        assert (backend.get("k"), list(backend.list_keys())) == (b"new", ["k"])
        backend.set("other", b"1")
    assert contents(path) == {"k": b"new", "other": b"1"}


def test_overlapping_members(path: Path) -> None:
    """Many names for the same bytes are how small archives explode."""
    value = bytes(1000)
    first = Member(b"a", 0, 1000, 1000, 0)
    second = Member(b"b", -len(local_header(b"a", 0, 1000, 0)) - 1000, 1000, 1000, 0)
    path.write_bytes(assembled((first, value), (second, b"")))
    with pytest.raises(CorruptStorageError, match="overlap"):
        contents(path)


@pytest.mark.parametrize("offset", [10**6, 2**32 - 2, 2**63, 2**64 - 1])
def test_members_outside_the_file(offset: int, path: Path) -> None:
    """No offset leads to a crash."""
    path.write_bytes(assembled((Member(b"k", offset, 3, 3, 0), b"abc")))
    with pytest.raises(CorruptStorageError, match="outside"):
        contents(path)


def test_every_truncation(path: Path) -> None:
    """An archive that ends anywhere before its end is refused (an empty file is none)."""
    whole = packed(comment=b"a comment")
    for length in range(1, len(whole), 23):
        path.write_bytes(whole[:length])
        with pytest.raises(CorruptStorageError):
            contents(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw + b"x", "truncated or never finished"),
        (lambda raw: b"x" + raw[1:] + b"x", "not a zip archive"),
        (lambda raw: raw[500:], "beginning is missing"),
        (lambda raw: raw.replace(b"PK\1\2", b"PK\1\3"), "directory is damaged"),
        (lambda raw: _with_end(raw, 3, 2), "one part of an archive"),
        (lambda raw: _with_end(raw, 1, 1), "one part of an archive"),
        (lambda raw: _with_end(_with_end(raw, 3, 9), 4, 9), "3 records instead of 9"),
        (lambda raw: _with_zip64(raw, count=7), "contradict each other"),
        (lambda raw: _with_zip64(raw).replace(b"PK\6\6", b"PK\6\5"), "ZIP64 end record is missing"),
    ],
)
def test_damaged_ends(change: Callable[[bytes], bytes], message: str, path: Path) -> None:
    """Each kind of damage to the end of an archive is told."""
    path.write_bytes(change(packed()))
    with pytest.raises(CorruptStorageError, match=message):
        contents(path)


def _with_end(raw: bytes, field: int, value: int) -> bytes:
    """Return an archive with one field of its end record changed."""
    fields = list(END.unpack(raw[-END.size :]))
    fields[field] = value
    return raw[: -END.size] + END.pack(*fields)


def _with_zip64(raw: bytes, count: int | None = None) -> bytes:
    """Return an archive with a ZIP64 end record that nobody needs."""
    _, _, _, here, total, nbytes, offset, _ = END.unpack(raw[-END.size :])
    numbers = count or here, count or total, nbytes, offset
    end64 = END64.pack(b"PK\6\6", END64.size - 12, 45, 45, 0, 0, *numbers)
    locator = LOCATOR64.pack(b"PK\6\7", 0, len(raw) - END.size, 1)
    return raw[: -END.size] + end64 + locator + raw[-END.size :]


def test_a_directory_that_claims_to_be_huge(path: Path) -> None:
    """Forty gigabytes of directory in a file of holes cost neither memory nor time."""
    with path.open("wb") as file:
        file.truncate(50 * 2**30)
        file.seek(0, os.SEEK_END)
        file.write(end_records(10**9, 40 * 2**30, 10 * 2**30))
    tracemalloc.start()
    with pytest.raises(CorruptStorageError, match="directory is damaged"):
        contents(path)
    assert tracemalloc.get_traced_memory()[1] < 2**23
    tracemalloc.stop()


# --- Only the member ---------------------------------------------------------------------


def _flipped(raw: bytes) -> bytes:
    position = raw.index(b"0123456789") + 17
    return raw[:position] + b"\xff" + raw[position + 1 :]


def _with_second(raw: bytes, old: bytes, new: bytes) -> bytes:
    first, second, rest = raw.split(old, 2)
    return first + old + second + new + rest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_flipped, "checksum is wrong"),
        (lambda raw: altered(raw, "c/0", 3, 1, local=2), "is encrypted"),
        (lambda raw: altered(raw, "c/0", 3, 0x2000, local=2), "is encrypted"),
        (lambda raw: altered(raw, "c/0", 4, 9, local=3), "method 9, which is not supported"),
        (lambda raw: altered(raw, "c/0", 3, 0x20, local=2), "not supported"),
        (lambda raw: altered(raw, "c/0", 4, 8, local=3), "is not valid deflate data"),
        (lambda raw: altered(raw, "c/0", 4, 8), "another method in its local header"),
        (lambda raw: altered(raw, "c/0", 9, 999), "of two sizes"),
        (lambda raw: _with_second(raw, b"PK\3\4", b"PK\3\5"), "no local header"),
        (lambda raw: raw.replace(b"c/0", b"c/9", 1), "another name in its local header"),
        (lambda raw: altered(raw, "c/1", 10, 3, local=10), "reaches into the directory"),
    ],
)
def test_one_member_is_bad(change: Callable[[bytes], bytes], message: str, path: Path) -> None:
    """Reading it fails and says what is wrong; the others are read."""
    path.write_bytes(change(packed()))
    bad = "c/1" if "directory" in message else "c/0"
    with ZipBackend.create(path=path) as backend:
        with pytest.raises(CorruptStorageError, match=message) as caught:
            backend.get(bad)
        assert backend.get("zarr.json") == VALUES["zarr.json"]
    assert caught.value.key == bad
    assert str(path) in str(caught.value)


def test_a_bad_member_is_copied_as_it_is(path: Path) -> None:
    """Rewriting an archive neither repairs nor loses what cannot be read."""
    raw = altered(_flipped(packed()), "c/0", 3, 1, local=2)
    path.write_bytes(raw)
    with ZipBackend.create(path=path) as backend:
        backend.set("zarr.json", b"{'longer'}")
        backend.delete("c/1")
    start = raw.index(b"PK\3\4", 1)
    assert raw[start : raw.index(b"PK\3\4", start + 1)] in path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("c/0").flag_bits & 1
        assert archive.read("zarr.json") == b"{'longer'}"


def test_damage_in_a_part_is_found_only_in_the_whole(path: Path) -> None:
    """A range of a stored member is not checked, as the documentation says."""
    path.write_bytes(_flipped(packed()))
    with ZipBackend.create(path=path) as backend:
        assert backend.get_range("c/0", 17, 18) == b"\xff"
        with pytest.raises(CorruptStorageError):
            backend.get_range("c/0", 0)


@pytest.mark.parametrize("declared", [2**32 - 2, 4999, 5001, 0])
@pytest.mark.parametrize("method", [8, 12, 14])
def test_declared_sizes_that_are_wrong(declared: int, method: int, path: Path) -> None:
    """More or less than was declared is refused, without the memory that was declared."""
    path.write_bytes(altered(packed(method=method), "c/1", 9, declared, local=8))
    tracemalloc.start()
    with (
        ZipBackend.create(path=path) as backend,
        pytest.raises(CorruptStorageError, match="inflate"),
    ):
        backend.get("c/1")
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_lzma_may_not_ask_for_much_memory(path: Path) -> None:
    """The size of the dictionary stands in the data and may be a lie."""
    raw = bytearray(packed(VALUES, 14))
    position = raw.index(b"c/1") + 3
    assert raw[position + 2 : position + 4] == b"\5\0"
    raw[position + 5 : position + 9] = b"\xff\xff\xff\xff"
    path.write_bytes(raw)
    with ZipBackend.create(path=path) as backend, pytest.raises(CorruptStorageError, match="lzma"):
        backend.get("c/1")


# --- Anything ---------------------------------------------------------------------------


@settings(deadline=None, max_examples=400)
@given(st.integers(0, 2**32), st.sampled_from([0, 8, 12, 14]), st.integers(1, 6))
def test_random_damage(seed: int, method: int, count: int) -> None:
    """Whatever bytes are wrong, values are the right ones or an error of ours is raised."""
    randomly = random.Random(seed)  # noqa: S311  # not a secret
    raw = bytearray(packed(method=method))
    for _ in range(count):
        raw[randomly.randrange(len(raw))] = randomly.choice(
            [0, 1, 127, 255, randomly.randrange(256)]
        )
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.zip")
        path.write_bytes(raw)
        try:
            with ZipBackend.create(path=path) as backend:
                for key in backend.list_keys():
                    _check(backend, key)
                backend.set("more", b"1")
            assert ZipBackend.create(path=path).get("more") == b"1"
        except ZarrBackendsError:
            assert path.read_bytes() == raw


def _check(backend: ZipBackend, key: str) -> None:
    """Read a value that is the right one or is refused; its name may be damaged."""
    try:
        value = backend.get(key)
    except CorruptStorageError:
        return
    assert value in VALUES.values()
