"""What only Google Cloud Storage has: generations, batches, other implementations."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import zarr
from gcsfs.core import GCSFileSystem

import zarr_backends as zb
from zarr_backends_gcs import GcsBackend

tensorstore = pytest.importorskip("tensorstore")

VALUES = np.arange(600.0).reshape(20, 30)


def _file_system(place: dict[str, str], **more: Any) -> GCSFileSystem:
    """Return the file system of gcsfs."""
    options = {"token": "anon", "skip_instance_cache": True}
    return GCSFileSystem(endpoint_url=place["endpoint_url"], **options, **more)


def test_many_are_listed_and_deleted(place: dict[str, str]) -> None:
    """3,000 keys are listed whole, and deleted by 30 requests."""
    backend = GcsBackend.create(**place)
    keys = {f"c/{i // 100}/{i % 100}" for i in range(3000)}
    backend.set_many(dict.fromkeys(keys, b"x"))
    assert sorted(backend.list_keys("c/")) == sorted(keys)
    assert sorted(backend.list_dir("c/")) == sorted(map(str, range(30)))
    backend.delete_prefix("c/")
    assert not list(backend.list_keys())


def test_an_array_of_many_chunks(place: dict[str, str]) -> None:
    """An array of 100 x 100 chunks, which take two pages, is created, listed and deleted."""
    options = {"storage": "gcs", "shape": (100, 100), "chunks": (1, 1), "dtype": "u1"}
    zb.create(**options, **place, compressor=None)[...] = 1
    backend = GcsBackend.open(**place)
    assert len(set(backend.list_chunks())) == 10_000
    backend.delete_prefix()
    assert not backend.exists()


def _together(call: Callable[[GcsBackend], None], place: dict[str, str], n: int) -> GcsBackend:
    """Make a call in threads, on instances without anything in common; return one of them."""
    backends = [GcsBackend.create(**place, timeout_s=60.0 + i) for i in range(n)]
    threads = [threading.Thread(target=call, args=(backend,)) for backend in backends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return backends[0]


def test_no_update_is_lost(place: dict[str, str]) -> None:
    """Several count together, by ifGenerationMatch."""

    def count(backend: GcsBackend) -> None:
        for _ in range(10):
            backend.update("n", lambda old: b"%d" % (int(bytes(old or b"0")) + 1))

    assert bytes(_together(count, place, 4).get("n") or b"") == b"40"


def test_one_of_many_is_first(place: dict[str, str]) -> None:
    """set_if_absent succeeds once, by ifGenerationMatch=0."""
    answers: list[bool] = []
    _together(lambda backend: answers.append(backend.set_if_absent("k", b"x")), place, 8)
    assert sorted(answers) == [False] * 7 + [True]


@pytest.mark.parametrize("size", [0, 1, 2**20 + 3, 5 * 2**20])
def test_bytes_are_those_that_were_set(place: dict[str, str], size: int) -> None:
    """Plain and conditional uploads keep every byte, also what looks like an end of a part."""
    data = (b"\r\n--x--\r\n" + np.random.default_rng(0).bytes(size))[:size]
    backend = GcsBackend.create(**place)
    backend.set("plain", data)
    assert backend.set_if_absent("conditional", data)
    for key in ("plain", "conditional"):
        assert bytes(backend.get(key) or b"") == data
        assert backend.size(key) == size
        assert bytes(backend.get_range(key, -7) or b"") == data[-7:]


def test_the_storage_class(place: dict[str, str]) -> None:
    """New objects have it, whether they are written on a condition or not."""
    backend = GcsBackend.create(**place, storage_class="NEARLINE")
    backend.set("a", b"x")
    backend.set_if_absent("b", b"x")
    backend.update("b", lambda _: b"y")
    bucket = _file_system(place)
    for key in "ab":
        found = bucket.info(f"{place['bucket']}/{place['prefix']}/{key}")
        assert found["storageClass"] == "NEARLINE"


def test_what_stands_for_a_folder_is_no_key(place: dict[str, str]) -> None:
    """Objects that consoles make, with a slash at their end, are not listed."""
    backend = GcsBackend.create(**place)
    backend.set("c/0", b"x")
    target = f"{place['endpoint_url']}/upload/storage/v1/b/{place['bucket']}/o?uploadType=media"
    request = urllib.request.Request(  # noqa: S310  # of the test's own server
        f"{target}&name={urllib.request.quote(place['prefix'] + '/d/')}", data=b"", method="POST"
    )
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310  # the same
        assert list(backend.list_keys()) == ["c/0"]


def _store(place: dict[str, str], name: str) -> Any:
    """Return zarr-python's store of a place, on gcsfs."""
    path = f"{place['bucket']}/{place['prefix']}/{name}"
    return zarr.storage.FsspecStore(_file_system(place, asynchronous=True), path=path)


def _tensorstore(place: dict[str, str], name: str, driver: str = "zarr3", **more: Any) -> Any:
    """Open an array with tensorstore's own client."""
    path = f"{place['prefix']}/{name}/"
    store = {"driver": "gcs", "bucket": place["bucket"], "path": path}
    return tensorstore.open({"driver": driver, "kvstore": store, **more}).result()


@pytest.fixture
def _emulator(place: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell tensorstore where to go, and that nobody logs in there."""
    monkeypatch.setenv("TENSORSTORE_GCS_HTTP_URL", place["endpoint_url"])
    monkeypatch.setenv("GCE_METADATA_ROOT", "127.0.0.1:9")


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.usefixtures("_emulator")
def test_others_read_what_we_write(place: dict[str, str], zarr_format: int) -> None:
    """zarr-python on gcsfs and tensorstore open our arrays."""
    target = {**place, "prefix": f"/{place['prefix']}/ours/"}
    options = {"storage": "gcs", "shape": VALUES.shape, "chunks": (7, 9), "dtype": "float64"}
    zb.create(**options, **target, zarr_format=zarr_format, overwrite=True)[...] = VALUES
    theirs = zarr.open_array(_store(place, "ours"), mode="r")
    np.testing.assert_array_equal(theirs[...], VALUES)
    driver = "zarr" if zarr_format == 2 else "zarr3"
    np.testing.assert_array_equal(_tensorstore(place, "ours", driver)[...].read().result(), VALUES)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_we_read_what_zarr_python_writes(place: dict[str, str], zarr_format: int) -> None:
    """An array that zarr-python has written by gcsfs is ours."""
    array = zarr.create_array(
        _store(place, "theirs"), shape=VALUES.shape, chunks=(7, 9), dtype="float64",
        zarr_format=zarr_format, overwrite=True,
    )  # fmt: skip
    array[...] = VALUES
    opened = zb.open(storage="gcs", **{**place, "prefix": f"{place['prefix']}/theirs"})
    np.testing.assert_array_equal(opened[...], VALUES)


@pytest.mark.usefixtures("_emulator")
def test_we_read_what_tensorstore_writes(place: dict[str, str]) -> None:
    """An array that tensorstore has written is ours."""
    grid = {"name": "regular", "configuration": {"chunk_shape": [7, 9]}}
    metadata = {"shape": [20, 30], "chunk_grid": grid, "data_type": "float64"}
    theirs = _tensorstore(place, "ts", metadata=metadata, create=True, delete_existing=True)
    theirs[...].write(VALUES).result()
    opened = zb.open(storage="gcs", **{**place, "prefix": f"{place['prefix']}/ts"})
    np.testing.assert_array_equal(opened[...], VALUES)
