"""What is asked of the servers of a replica set: who has a write, and who is read."""

from __future__ import annotations

import uuid
from typing import Any

import pymongo
import pytest

from zarr_backends import ConfigurationError
from zarr_backends_compliance.services import Service
from zarr_backends_mongodb import MongoGridfsBackend


@pytest.fixture
def place(mongod_replica_set: Service) -> dict[str, Any]:
    """Options of a bucket of its own, on the set as clients find it by its name."""
    url = mongod_replica_set.url.replace("/?", "/zarr?")
    return {"url": url, "bucket": f"b{uuid.uuid4().hex[:8]}"}


@pytest.mark.parametrize(
    ("concern", "preference"), [("majority", "nearest"), (1, "primary"), (3, "secondary")]
)
def test_what_all_servers_have_is_read_from_any(
    place: dict[str, Any], concern: str | int, preference: str
) -> None:
    """Others than the primary may be behind, but not if every server has the write."""
    with MongoGridfsBackend.create(**place, write_concern=3) as writer:
        writer.set("c/0", b"value")
    options = {**place, "write_concern": concern, "read_preference": preference}
    with MongoGridfsBackend.create(**options, read_concern="local") as backend:
        assert backend.get("c/0") == b"value"
        assert backend.get_many(["c/0", "c/1"]) == [b"value", None]
        backend.update("c/0", lambda old: old + b"+")
        assert not backend.set_if_absent("c/0", b"")
        assert list(backend.list_keys()) == ["c/0"]


@pytest.mark.parametrize("concern", [4, "nowhere"])
def test_more_servers_than_there_are_is_a_wrong_option(
    place: dict[str, Any], concern: str | int
) -> None:
    """Given by the option or in the url; and so is the name of no rule."""
    in_url = {**place, "url": f"{place['url']}&w={concern}"}
    for options in ({**place, "write_concern": concern}, in_url):
        with (
            MongoGridfsBackend.create(**options) as backend,
            pytest.raises(ConfigurationError) as caught,
        ):
            backend.set("c/0", b"value")
        assert caught.value.option == "write_concern"


def test_a_server_alone_is_no_replica_set(options: dict[str, Any]) -> None:
    """What only a set can do is a wrong option there."""
    with (
        MongoGridfsBackend.create(**options, write_concern=2) as backend,
        pytest.raises(ConfigurationError) as caught,
    ):
        backend.set("c/0", b"value")
    assert caught.value.option == "write_concern"
    with (
        MongoGridfsBackend.create(**options, read_concern="linearizable") as backend,
        pytest.raises(ConfigurationError) as caught,
    ):
        backend.get("c/0")
    assert caught.value.option == "read_concern"


def test_indexes_are_made_once_and_serve_reading(place: dict[str, Any]) -> None:
    """Those of GridFS, and ours; finding a file and listing are scans of an index alone."""
    with MongoGridfsBackend.create(**place) as backend:
        for n in range(3):
            backend.set(f"c/{n}", b"value")
    with pymongo.MongoClient(place["url"]) as client:
        files = client["zarr"][f"{place['bucket']}.files"]
        names = set(files.index_information())
        query = {"filename": {"$gte": "array/c/", "$lt": "array/c0"}}
        plan = files.find(query, {"_id": 0, "filename": 1}).sort("filename", 1).explain()
    assert names >= {"filename_1_uploadDate_1", "zarr_revisions", "zarr_deletions", "zarr_retired"}
    assert plan["executionStats"]["totalDocsExamined"] == 0
    assert plan["executionStats"]["nReturned"] == 3
