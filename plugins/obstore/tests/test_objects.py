"""What object stores can do: conditions, ranges, long listings, other libraries."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import zarr
from obstore.store import S3Store
from zarr.storage import ObjectStore

import zarr_backends as zb
from zarr_backends_obstore import ObstoreBackend


@pytest.fixture
def backend(place: dict[str, Any]) -> Any:
    """Yield an empty place."""
    with ObstoreBackend.create(**place) as backend:
        backend.delete_prefix()
        yield backend


def test_many_updates_at_once_are_all_kept(backend: ObstoreBackend) -> None:
    """Threads that append to one value lose nothing of each other."""
    with ThreadPoolExecutor(8) as pool:
        appends = [lambda old: bytes(old or b"") + b"+"] * 24
        list(pool.map(lambda transform: backend.update("c/0", transform), appends))
    assert bytes(backend.get("c/0") or b"") == b"+" * 24


def test_only_one_is_the_first(backend: ObstoreBackend) -> None:
    """Of several that set a key unless it exists one succeeds."""
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda i: backend.set_if_absent("c/0", bytes([i])), range(8)))
    assert done.count(True) == 1
    assert bytes(backend.get("c/0") or b"") == bytes([done.index(True)])


def test_an_update_deletes_no_newer_value(backend: ObstoreBackend) -> None:
    """A deletion on a condition is tried again where the value was changed meanwhile."""
    backend.set("c/0", b"old")
    seen = []

    def delete_unless_new(old: Any) -> Any:
        seen.append(bytes(old))
        if len(seen) == 1:
            backend.set("c/0", b"new")
        return None if len(seen) == 1 else old

    backend.update("c/0", delete_unless_new)
    assert seen == [b"old", b"new"]
    assert bytes(backend.get("c/0") or b"") == b"new"


def test_ceph_takes_entity_tags_without_quotes(on_ceph: dict[str, Any]) -> None:
    """Where the usual form of a condition is refused, the other one is found."""
    backend = ObstoreBackend.create(prefix="tags", **on_ceph)
    backend.set("c/0", b"-")
    for _ in range(3):
        backend.update("c/0", lambda old: bytes(old or b"") + b"+")
    assert bytes(backend.get("c/0") or b"") == b"-+++"


def test_ranges_are_cut_as_slices(backend: ObstoreBackend) -> None:
    """Also before, after and around what there is, and where there is nothing."""
    value = bytes(range(10))
    backend.set("c/0", value)
    backend.set("c/1", b"")
    spans = [(0, 4), (3, 99), (20, 30), (4, 4), (-3, None), (-99, None), (7, None), (20, None)]
    for start, stop in spans:
        assert bytes(backend.get_range("c/0", start, stop) or b"") == value[start:stop]
    assert bytes(backend.get_range("c/1", -5) or b"-") in (b"", b"-")
    assert backend.get_range("c/2", 0, 4) is None


def test_three_thousand_chunks_are_listed_and_deleted(backend: ObstoreBackend) -> None:
    """Listings are whole, at any length, and deletions too."""
    keys = {f"c/{i}/{j}" for i in range(30) for j in range(100)}
    backend.set_many(dict.fromkeys(keys, b"x"))
    assert set(backend.list_keys()) == keys
    assert set(backend.list_dir("c/")) == {str(i) for i in range(30)}
    assert len(list(backend.list_keys("c/2"))) == 1100
    backend.delete_prefix("c/2")
    assert len(list(backend.list_keys())) == 1900
    backend.delete_prefix()


def test_zarr_python_reads_ours_and_we_its(on_s3: dict[str, Any]) -> None:
    """What is in the bucket is plain Zarr."""
    data = np.arange(600, dtype="int32").reshape(20, 30)
    bucket = S3Store(
        on_s3["bucket"], prefix="both", endpoint=on_s3["endpoint_url"], region="us-east-1",
        access_key_id=on_s3["key"], secret_access_key=on_s3["secret"],
        client_options={"allow_http": True},
    )  # fmt: skip
    ours = zb.create(
        storage="obstore", prefix="both/ours", shape=data.shape, chunks=(7, 8), dtype="int32",
        overwrite=True, **on_s3,
    )  # fmt: skip
    ours[...] = data
    np.testing.assert_array_equal(zarr.open_array(ObjectStore(bucket), path="ours")[...], data)
    theirs = zarr.create_array(ObjectStore(bucket), name="theirs", data=data, overwrite=True)
    found = zb.open(storage="obstore", prefix="both/theirs", **on_s3)
    np.testing.assert_array_equal(found[...], theirs[...])
    assert json.loads(bytes(found.backend.get("zarr.json")))["zarr_format"] == 3
