"""What is stored is GridFS, as its other clients know it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from bson import ObjectId
from gridfs import GridFS

import zarr_backends
from zarr_backends import CorruptStorageError


def gridfs(client: Any, options: dict[str, Any]) -> GridFS:
    """Return the bucket as pymongo's own client of GridFS has it."""
    return GridFS(client, options["bucket"])


def documents(client: Any, options: dict[str, Any]) -> tuple[Any, Any]:
    """Return the bucket's collections."""
    return client[f"{options['bucket']}.files"], client[f"{options['bucket']}.chunks"]


@pytest.mark.parametrize("nbytes", [0, 1, 80_000, 1_044_480, 1_044_481, 20_000_000])
def test_another_client_finds_what_was_set(
    backend: Any, client: Any, options: dict[str, Any], nbytes: int
) -> None:
    """By the name array_id/key, in its newest revision."""
    value = os.urandom(nbytes)
    backend.set("c/0/0", b"old")
    backend.set("c/0/0", value)
    assert gridfs(client, options).get_last_version("run/1/c/0/0").read() == value


@pytest.mark.parametrize("nbytes", [0, 1, 300_000, 20_000_000])
def test_what_another_client_put_is_got(
    backend: Any, client: Any, options: dict[str, Any], nbytes: int
) -> None:
    """With its own size of parts; ranges and lengths too, and it can be replaced."""
    value = os.urandom(nbytes)
    gridfs(client, options).put(value, filename="run/1/c/0")
    assert backend.get("c/0") == value
    assert backend.get_many(["c/0"]) == [value]
    assert backend.get_range("c/0", 5, 290_000) == value[5:290_000]
    assert backend.size("c/0") == nbytes
    backend.update("c/0", lambda old: old + b"+")
    assert backend.get("c/0") == value + b"+"


def test_an_array_of_either_format_has_the_names_of_zarr(
    client: Any, options: dict[str, Any]
) -> None:
    """Metadata and chunks are files below the array's id."""
    for zarr_format, names in ((3, ["c/0", "zarr.json"]), (2, [".zarray", ".zattrs", "0"])):
        place = {**options, "array_id": f"v{zarr_format}"}
        array = zarr_backends.create(
            storage="mongo_gridfs", shape=(4,), dtype="i4", zarr_format=zarr_format, **place
        )
        array[:] = np.arange(4)
        found = {
            name for name in gridfs(client, options).list() if name.startswith(f"v{zarr_format}/")
        }
        assert {f"v{zarr_format}/{name}" for name in names if name != ".zattrs"} <= found


def test_a_url_names_database_bucket_and_array(options: dict[str, Any]) -> None:
    """As in mongodb://host/database/bucket/array_id?query."""
    url = options["url"].replace("zarr?", f"zarr/{options['bucket']}/run/2?")
    zarr_backends.create(url, shape=(4,), dtype="i4")[:] = 7
    array = zarr_backends.open(storage="mongo_gridfs", **{**options, "array_id": "run/2"})
    assert (array[:] == 7).all()


def test_replaced_and_deleted_files_leave_no_parts(
    backend: Any, client: Any, options: dict[str, Any]
) -> None:
    """What stays is one file, and documents without a name that the server removes in time."""
    for n in range(3):
        backend.set("c/0", b"%d" % n)
        backend.set("c/1", b"%d" % n)
    backend.delete("c/1")
    files, parts = documents(client, options)
    assert [doc["filename"] for doc in files.find({"filename": {"$exists": True}})] == ["run/1/c/0"]
    assert parts.count_documents({}) == 1
    assert files.count_documents({"filename": None, "metadata.expires": None}) == 0


def test_a_clock_that_is_behind_writes_the_newest_value(
    backend: Any, client: Any, options: dict[str, Any]
) -> None:
    """A value of the year 2100 is replaced, for other clients too."""
    backend.set("c/0", b"old")
    files, _ = documents(client, options)
    late = datetime(2100, 1, 1, tzinfo=UTC)
    files.update_one({"filename": "run/1/c/0"}, {"$set": {"uploadDate": late}})
    backend.set("c/0", b"new")
    assert backend.get("c/0") == b"new"
    assert gridfs(client, options).get_last_version("run/1/c/0").read() == b"new"


def test_a_deletion_that_was_left_half_done_is_finished(
    backend: Any, client: Any, options: dict[str, Any]
) -> None:
    """By the next writer, who takes the key for absent."""
    backend.set("c/0", b"old")
    files, _ = documents(client, options)
    old = files.find_one({"filename": "run/1/c/0"})
    mark = {"name": "run/1/c/0", "revision": 2, "deleted": "run/1/c/0"}
    date = old["uploadDate"] + timedelta(milliseconds=1)
    files.insert_one({"length": 0, "chunkSize": 1, "uploadDate": date, "metadata": mark})
    assert backend.get("c/0") == b"old"
    assert backend.set_if_absent("c/0", b"new")
    assert backend.get("c/0") == b"new"


def test_a_writer_that_is_late_is_refused(backend: Any) -> None:
    """Though what it read was replaced, and deleted, and written anew."""
    backend.set("c/0", b"0")
    seen = []

    def transform(old: bytes) -> bytes:
        seen.append(old)
        if len(seen) == 1:
            backend.set("c/0", b"1")
            backend.delete("c/0")
            backend.set("c/0", b"2")
        return old + b"+"

    backend.update("c/0", transform)
    assert seen == [b"0", b"2"]
    assert backend.get("c/0") == b"2+"


def test_what_a_killed_writer_left_is_not_listed_and_collected(
    backend: Any, client: Any, options: dict[str, Any]
) -> None:
    """Parts of yesterday without a file go, those of today stay; so does no older revision."""
    backend.set("c/0", b"value")
    files, parts = documents(client, options)
    yesterday = ObjectId.from_datetime(datetime.now(UTC) - timedelta(days=2))
    for orphan in (yesterday, ObjectId()):
        parts.insert_one({"files_id": orphan, "n": 0, "data": b"orphan"})
    kept = files.find_one({"filename": "run/1/c/0"})
    older = {"revision": 1}
    date = kept["uploadDate"] - timedelta(1)
    files.insert_one({**kept, "_id": ObjectId(), "uploadDate": date, "metadata": older})
    assert list(backend.list_keys()) == ["c/0"]
    backend.set("c/1", b"other")
    backend.sweep()
    assert files.count_documents({"filename": "run/1/c/0"}) == 1
    assert parts.count_documents({"data": b"orphan"}) == 1
    assert backend.get("c/0") == b"value"


def test_a_file_without_all_its_parts_is_an_error(
    backend: Any, client: Any, options: dict[str, Any]
) -> None:
    """It is damaged, and neither missing nor short."""
    backend.set("c/0", os.urandom(3_000_000))
    _, parts = documents(client, options)
    parts.delete_one({"n": 1})
    for read in (
        backend.get,
        lambda key: backend.get_range(key, 0),
        lambda key: backend.get_many([key]),
    ):
        with pytest.raises(CorruptStorageError, match="run/1/c/0"):
            read("c/0")
