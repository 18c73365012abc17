"""Archives that others write and read: all legal kinds of members, and every peer."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorstore
import zarr
from zarr.core.buffer import Buffer
from zip_samples import VALUES, assembled, contents, packed, unpacked

from zarr_backends._storage.zip.backend import ZipBackend
from zarr_backends._storage.zip.new_records import (
    central_record,
    end_records,
    local_header,
    moved_record,
)
from zarr_backends._storage.zip.records import CENTRAL, END, Member, record_nbytes, unpack_member
from zarr_backends._storage.zip.rewrite import NextArchive
from zarr_backends._storage.zip.side_file import SideFile
from zarr_backends.errors import CorruptStorageError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the archive of a test is."""
    return tmp_path / "a.zip"


# --- Odd and legal ----------------------------------------------------------------------


@pytest.mark.parametrize("method", [0, 8, 12, 14])
def test_all_methods_of_the_standard_library(method: int, path: Path) -> None:
    """Whole values, ranges and sizes are those of the values, and rewriting keeps them."""
    path.write_bytes(packed({**VALUES, "empty": b""}, method))
    assert contents(path) == {**VALUES, "empty": b""}
    with ZipBackend.create(path=path) as backend:
        assert backend.get_range("c/0", 5, 12) == b"5678901"
        assert (backend.size("c/1"), backend.get_range("c/1", -2)) == (5000, bytes(2))
        version = backend.open_value("c/0")
        assert version is not None
        with version as value:
            assert value.read(0, 2) == value.read(10, 12) == b"01"
        backend.set("more", b"1")
    assert contents(path) == {**VALUES, "empty": b"", "more": b"1"}
    assert unpacked(path) == contents(path)
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("c/0").compress_type == method


class _Stream(io.RawIOBase):
    """A target that cannot go back, so that sizes follow the data."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.data += data  # type: ignore[operator]  # a buffer
        return len(data)  # type: ignore[arg-type]  # the same


@pytest.mark.parametrize("method", [0, 8])
def test_data_descriptors(method: int, path: Path) -> None:
    """Sizes that follow the data are known from the directory, and stay with the data."""
    stream = _Stream()
    with zipfile.ZipFile(stream, "w", method) as archive:  # type: ignore[type-var]
        for name, value in VALUES.items():
            archive.writestr(name, value)
    path.write_bytes(stream.data)
    assert contents(path) == VALUES
    with ZipBackend.create(path=path) as backend:
        backend.delete("zarr.json")
        backend.set("c/2", b"2")
    assert unpacked(path) == {"c/0": VALUES["c/0"], "c/1": VALUES["c/1"], "c/2": b"2"}
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("c/0").flag_bits & 8


def test_folders_comments_and_programs_in_front(path: Path) -> None:
    """Folders are no keys; they, the comment and the program in front are kept."""
    raw = packed({"c/": b"", **VALUES, "d/e/": b""}, comment=b"from someone")
    path.write_bytes(b"#!/bin/sh\n" + raw)
    for generation in (b"1", b"2"):
        with ZipBackend.create(path=path) as backend:
            backend.set("zarr.json", generation)
            assert sorted(backend.list_dir()) == ["c", "zarr.json"]
        assert path.read_bytes().startswith(b"#!/bin/sh\nPK\3\4")
        assert {"c/", "d/e/"} <= unpacked(path).keys()
        with zipfile.ZipFile(path) as archive:
            assert archive.comment == b"from someone"
    assert contents(path) == {**VALUES, "zarr.json": b"2"}


def test_a_comment_that_looks_like_an_end(path: Path) -> None:
    """The end record is the one whose comment reaches to the end of the file."""
    path.write_bytes(packed(comment=b"from PK\5\6 someone, " + bytes(30)))
    assert contents(path) == VALUES


def test_gaps_are_closed(path: Path) -> None:
    """Bytes between members that belong to none are not copied."""
    member = Member(b"k", 0, 3, 3, zipfile.crc32(b"abc"))
    path.write_bytes(
        assembled((member, b"abc" + bytes(10**6)), (member._replace(name=b"l"), b"abc"))
    )
    with ZipBackend.create(path=path) as backend:
        backend.set("m", b"")
    assert contents(path) == {"k": b"abc", "l": b"abc", "m": b""}
    assert path.stat().st_size < 1000


def test_names_in_the_old_character_set(path: Path) -> None:
    """A name that is not marked as UTF-8 is read as Python's own reader does."""
    path.write_bytes(packed({"xyz": b"1"}).replace(b"xyz", b"\x81\x94\x84"))
    with zipfile.ZipFile(path) as archive:
        (name,) = archive.namelist()
    assert contents(path) == {name: b"1"} == {"üöä": b"1"}


def test_more_members_than_a_short_count_can_say(path: Path) -> None:
    """With the ZIP64 records, and without them counted modulo 65536 as old programs do."""
    raw = packed({str(i): b"" for i in range(65536 + 3)})
    start, stop = raw.index(b"PK\1\2"), raw.index(b"PK\6\6")
    for end in (raw[stop:], END.pack(b"PK\5\6", 0, 0, 3, 3, stop - start, start, 0)):
        path.write_bytes(raw[:stop] + end)
        with ZipBackend.create(path=path) as backend:
            assert len(list(backend.list_keys())) == 65536 + 3
            backend.set("more", b"1")
        with zipfile.ZipFile(path) as archive:
            assert len(archive.namelist()) == 65536 + 4


@pytest.mark.skipif(not shutil.which("zip"), reason="needs the tool zip")
def test_archives_of_the_zip_tool(tmp_path: Path, path: Path) -> None:
    """Info-ZIP writes extra fields and folders, streamed as well as not."""
    (tmp_path / "c").mkdir()
    for name, value in VALUES.items():
        (tmp_path / name).write_bytes(value)
    for options in ("-rq", "-rq0"):
        command = ["zip", options, "-", "c", "zarr.json"]
        path.write_bytes(subprocess.check_output(command, cwd=tmp_path))
        assert contents(path) == VALUES
        with ZipBackend.create(path=path) as backend:
            backend.set("zarr.json", b"changed")
        assert contents(path) == {**VALUES, "zarr.json": b"changed"}


# --- More than four gigabytes -----------------------------------------------------------


def test_members_beyond_four_gigabytes(path: Path) -> None:
    """Offsets that need ZIP64 are written, read, and undone when the member moves down."""
    side = SideFile(str(path))
    low = side.append(b"low", 0, memoryview(b"1"), zipfile.crc32(b"1"))
    side.nbytes = 5 * 2**30  # a hole
    high = side.append(b"high", 0, memoryview(b"2"), zipfile.crc32(b"2"))
    archive = NextArchive(side)
    archive.add_members({"low": low, "high": high})
    archive.finish()
    side.place(str(path), replace=False)
    side.settle(str(path))
    assert unpacked(path) == contents(path) == {"low": b"1", "high": b"2"}
    with ZipBackend.create(path=path) as backend:
        backend.set("more", b"3")
    assert unpacked(path) == contents(path) == {"low": b"1", "high": b"2", "more": b"3"}
    assert path.stat().st_size < 1000


def test_values_beyond_four_gigabytes(path: Path) -> None:
    """Sizes that need ZIP64 are written as Python's own reader wants them, and read."""
    nbytes = 5 * 2**30
    header = local_header(b"k", 0, nbytes, 0)
    record = central_record(Member(b"k", 0, nbytes, nbytes, 0), 0)
    stop = len(header) + nbytes
    with path.open("wb") as file:
        file.write(header)
        file.seek(stop - 3)
        file.write(b"end" + record + end_records(1, len(record), stop))
    with zipfile.ZipFile(path) as archive, archive.open("k") as value:
        assert (archive.getinfo("k").file_size, value.read(3)) == (nbytes, bytes(3))
    with ZipBackend.create(path=path) as backend:
        assert (backend.size("k"), backend.get_range("k", -3)) == (nbytes, b"end")


@pytest.mark.parametrize("start", [0, 2**32 - 1, 2**40])
def test_a_record_moves_and_keeps_the_rest(start: int) -> None:
    """Offsets pass four gigabytes in both directions; other extra fields and comments stay."""
    record = central_record(Member(b"k", 0, 9, 9, 7), start)
    foreign = b"UT\5\0hello"
    extra_stop = len(record)
    fields = list(CENTRAL.unpack_from(record))
    fields[11:13] = fields[11] + len(foreign), 3
    record = CENTRAL.pack(*fields) + record[CENTRAL.size : extra_stop] + foreign + b"why"
    for offset in (5, 2**32 - 2, 2**32 - 1, 2**50, 0, start):
        moved = moved_record(record, offset)
        assert unpack_member(moved, 0) == Member(b"k", offset, 9, 9, 7)
        assert moved.endswith(foreign + b"why")
        assert len(moved) == record_nbytes(moved, 0)
        record = moved


# --- Peers ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archives_of_zarr_python(method: int, path: Path) -> None:
    """Its archives hold what it wrote, and can be changed."""
    values = np.arange(600, dtype="i4").reshape(20, 30)
    with zarr.storage.ZipStore(path, mode="w", compression=method) as store:
        zarr.create_array(store, name="a", data=values, chunks=(10, 10))
    with zipfile.ZipFile(path) as archive:
        expected = {name: archive.read(name) for name in archive.namelist()}
    assert contents(path) == expected
    with ZipBackend.open(path=path, prefix="a") as backend:
        assert sorted(backend.list_chunks()) == [(i, j) for i in range(2) for j in range(3)]
        backend.delete_chunk((0, 0))
    with zarr.storage.ZipStore(path, mode="r") as store:
        read = zarr.open_array(store, path="a")[...]
    values[:10, :10] = 0
    np.testing.assert_array_equal(read, values)


def test_a_key_that_zarr_python_wrote_twice(path: Path) -> None:
    """It leaves both members behind; the last one is taken on demand."""
    with zarr.storage.ZipStore(path, mode="w") as store:
        array = zarr.create_array(store, shape=4, chunks=4, dtype="i1")
        array[:] = 1
        with pytest.warns(UserWarning, match="Duplicate name"):
            array[:] = 2
    with pytest.raises(CorruptStorageError, match="two members 'c/0'"):
        ZipBackend.open(path=path)
    with ZipBackend.open(path=path, duplicates="last") as backend:
        backend.set("note", b"")
    with zarr.storage.ZipStore(path, mode="r") as store:
        assert zarr.open_array(store)[...].tolist() == [2, 2, 2, 2]
    assert ZipBackend.open(path=path).get("note") == b""


def _written(path: Path, values: np.ndarray) -> None:
    """Write an array through the backend, as zarr-python encodes it."""
    stored: dict[str, Buffer] = {}
    zarr.create_array(zarr.storage.MemoryStore(stored), data=values, chunks=(7, 9))
    with ZipBackend.create(path=path) as backend:
        for key, value in stored.items():
            backend.set(key, b"not yet")
            backend.flush()
            backend.set(key, value.to_bytes())
    assert unpacked(path).keys() == stored.keys()


def test_peers_read_our_archives(path: Path) -> None:
    """zarr-python, tensorstore and the unzip tool find the same array."""
    values = np.arange(600, dtype="i4").reshape(20, 30)
    _written(path, values)
    with zarr.storage.ZipStore(path, mode="r") as store:
        np.testing.assert_array_equal(zarr.open_array(store)[...], values)
    kvstore = {"driver": "zip", "base": {"driver": "file", "path": str(path)}}
    array = tensorstore.open({"driver": "zarr3", "kvstore": kvstore}).result()
    np.testing.assert_array_equal(array.read().result(), values)
    if unzip := shutil.which("unzip"):
        assert b"No errors detected" in subprocess.check_output([unzip, "-t", path])
