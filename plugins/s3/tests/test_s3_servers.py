"""What only S3 has: conditions, bulk deletes, refusals told apart, other implementations."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import numpy as np
import pytest
import s3fs
import zarr
from zarr.core.sync import sync

import zarr_backends as zb
from zarr_backends_compliance.services import serve
from zarr_backends_compliance.services.tcp_proxy import TcpProxy
from zarr_backends_s3 import S3Backend

tensorstore = pytest.importorskip("tensorstore")
obstore_store = pytest.importorskip("obstore.store")

VALUES = np.arange(600.0).reshape(20, 30)


def test_many_are_listed_and_deleted(place: dict[str, str]) -> None:
    """3,000 keys take several pages, and three requests to delete them."""
    backend = S3Backend.create(**place)
    keys = {f"c/{i // 100}/{i % 100}" for i in range(3000)}
    backend.set_many(dict.fromkeys(keys, b"x"))
    assert sorted(backend.list_keys("c/")) == sorted(keys)
    assert sorted(backend.list_dir("c/")) == sorted(map(str, range(30)))
    backend.delete_prefix("c/")
    assert not list(backend.list_keys())


def test_an_array_of_many_chunks(best_options: dict[str, str]) -> None:
    """An array of 100 x 100 chunks is created, listed and deleted."""
    options = {"storage": "s3", "shape": (100, 100), "chunks": (1, 1), "dtype": "u1"}
    place = {**best_options, "prefix": "many"}
    zb.create(**options, **place, compressor=None)[...] = 1
    backend = S3Backend.open(**place)
    assert len(set(backend.list_chunks())) == 10_000
    backend.delete_prefix()
    assert not backend.exists()


def test_no_update_is_lost(ceph_options: dict[str, str]) -> None:
    """Instances without anything in common count together, by If-Match.

    moto checks the condition and stores the object in two steps, between which others get.
    """
    backends = [
        S3Backend.create(**ceph_options, prefix="count", timeout_s=20.0 + i) for i in range(4)
    ]

    def count(backend: S3Backend) -> None:
        for _ in range(10):
            backend.update("n", lambda old: b"%d" % (int(bytes(old or b"0")) + 1))

    threads = [threading.Thread(target=count, args=(backend,)) for backend in backends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bytes(backends[0].get("n") or b"") == b"40"


def test_a_change_in_between_is_seen(place: dict[str, str]) -> None:
    """An update is done again on what another instance wrote meanwhile, on every server."""
    backend, other = S3Backend.create(**place), S3Backend.create(**place, timeout_s=20.0)
    backend.set("k", b"old")
    seen: list[bytes] = []

    def transform(old: Any) -> bytes:
        seen.append(bytes(old))
        if len(seen) == 1:
            other.set("k", b"new")
        return bytes(old) + b"+"

    backend.update("k", transform)
    assert (seen[0], {*seen[1:]}, bytes(other.get("k") or b"")) == (b"old", {b"new"}, b"new+")
    assert not other.set_if_absent("k", b"x")


def test_one_of_many_is_first(ceph_options: dict[str, str]) -> None:
    """set_if_absent succeeds once, by If-None-Match."""
    backends = [
        S3Backend.create(**ceph_options, prefix="first", timeout_s=20.0 + i) for i in range(8)
    ]
    answers: list[bool] = []
    threads = [
        threading.Thread(target=lambda b=b: answers.append(b.set_if_absent("k", b"x")))
        for b in backends
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 7 + [True]


def test_a_lost_reply_is_no_second_update(s3_options: dict[str, str]) -> None:
    """An update whose answer is lost, and which is sent again below us, is done once."""
    host, _, port = s3_options["endpoint_url"].removeprefix("http://").partition(":")
    with TcpProxy(host, int(port)) as proxy:
        options = {**s3_options, "endpoint_url": f"http://{proxy.host}:{proxy.port}"}
        backend = S3Backend.create(**options, prefix="lost", timeout_s=10.0)
        backend.set("n", b"0")

        def transform(old: Any) -> bytes:
            proxy.truncate(0)
            threading.Timer(0.3, proxy.restore).start()
            return bytes(old) + b"+"

        try:
            backend.update("n", transform)
        except zb.NetworkError:
            proxy.restore()
        assert bytes(backend.get("n") or b"") in (b"0", b"0+")


def test_refusals_are_told_apart(place: dict[str, str], stranger: dict[str, str]) -> None:
    """No bucket, no right, a wrong secret: none of them is a missing key."""
    cases = [
        ({"bucket": "no-such-bucket"}, zb.ConfigurationError, "no such bucket"),
        (stranger, zb.PermissionDeniedError, "s3:ListBucket"),
        ({"secret": "wrong" * 8}, zb.PermissionDeniedError, "credentials"),
    ]
    for options, error, text in cases:
        backend = S3Backend.create(**{**place, **options})
        for call in (
            lambda b=backend: b.get("missing"),
            lambda b=backend: list(b.list_keys()),
            lambda b=backend: b.set("a", b"x"),
            lambda b=backend: b.delete("a"),
        ):
            with pytest.raises(error, match=text):
                call()
        with pytest.raises(error):
            backend.size("missing")


def test_a_quota_is_a_full_store() -> None:
    """Ceph's quota is told from a missing right, although both are a 403."""
    with serve("ceph", quota_mb=1) as service:
        names = ("endpoint_url", "bucket", "region", "key", "secret")
        options = {name: service.options[name] for name in names}
        backend = S3Backend.create(**options, prefix="quota")

        def fill() -> None:
            for i in range(40):
                backend.set(f"c/{i}", bytes(100_000))

        with pytest.raises(zb.StorageFullError, match="quota"):
            fill()
        backend.close()


def _options_of_s3fs(place: dict[str, str]) -> dict[str, Any]:
    """Return the arguments of an s3fs file system."""
    client = {"endpoint_url": place["endpoint_url"], "region_name": place["region"]}
    return {"key": place["key"], "secret": place["secret"], "client_kwargs": client}


@contextmanager
def _stores(place: dict[str, str], name: str) -> Iterator[dict[str, Any]]:
    """Give zarr-python's stores of a place: on s3fs and on obstore."""
    path = f"{place['bucket']}/{place['prefix']}/{name}"
    fs = s3fs.S3FileSystem(asynchronous=True, skip_instance_cache=True, **_options_of_s3fs(place))
    bucket = obstore_store.S3Store(
        place["bucket"],
        prefix=f"{place['prefix']}/{name}",
        endpoint=place["endpoint_url"],
        access_key_id=place["key"],
        secret_access_key=place["secret"],
        region=place["region"],
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    yield {
        "s3fs": zarr.storage.FsspecStore(fs, path=path),
        "obstore": zarr.storage.ObjectStore(bucket),
    }
    sync(fs._s3.close())  # noqa: SLF001  # nobody else closes it


def _tensorstore(place: dict[str, str], name: str, driver: str = "zarr3", **more: Any) -> Any:
    """Open an array with tensorstore's own S3 client."""
    store = {
        "driver": "s3",
        "bucket": place["bucket"],
        "path": f"{place['prefix']}/{name}/",
        "endpoint": place["endpoint_url"],
        "aws_region": place["region"],
    }
    return tensorstore.open({"driver": driver, "kvstore": store, **more}).result()


@pytest.fixture
def aws_environment(place: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Give tensorstore its credentials, where it looks for them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", place["key"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", place["secret"])
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("aws_environment")
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_others_read_what_we_write(place: dict[str, str], zarr_format: int) -> None:
    """zarr-python on s3fs and on obstore, and tensorstore, open our array."""
    options = {"storage": "s3", "shape": VALUES.shape, "chunks": (7, 9), "dtype": "float64"}
    target = {**place, "prefix": f"{place['prefix']}/ours{zarr_format}"}
    zb.create(**options, **target, zarr_format=zarr_format, overwrite=True)[...] = VALUES
    with _stores(place, f"ours{zarr_format}") as stores:
        for store in stores.values():
            np.testing.assert_array_equal(zarr.open_array(store, mode="r")[...], VALUES)
    driver = "zarr" if zarr_format == 2 else "zarr3"  # the format
    theirs = _tensorstore(place, f"ours{zarr_format}", driver)
    np.testing.assert_array_equal(theirs[...].read().result(), VALUES)


@pytest.mark.usefixtures("aws_environment")
def test_we_read_what_others_write(place: dict[str, str]) -> None:
    """Arrays of zarr-python, in both formats and on both stores, and of tensorstore are ours."""
    with _stores(place, "theirs") as stores:
        for (kind, store), zarr_format in product(stores.items(), (2, 3)):
            array = zarr.create_array(
                store, name=f"{kind}-{zarr_format}", shape=VALUES.shape, chunks=(7, 9),
                dtype="float64", zarr_format=zarr_format, overwrite=True,
            )  # fmt: skip
            array[...] = VALUES
    for kind, zarr_format in product(stores, (2, 3)):
        prefix = f"{place['prefix']}/theirs/{kind}-{zarr_format}"
        opened = zb.open(storage="s3", **{**place, "prefix": prefix})
        np.testing.assert_array_equal(opened[...], VALUES)
    grid = {"name": "regular", "configuration": {"chunk_shape": [7, 9]}}
    metadata = {"shape": [20, 30], "chunk_grid": grid, "data_type": "float64"}
    theirs = _tensorstore(place, "ts", metadata=metadata, create=True, delete_existing=True)
    theirs[...].write(VALUES).result()
    opened = zb.open(storage="s3", **{**place, "prefix": f"{place['prefix']}/ts"})
    np.testing.assert_array_equal(opened[...], VALUES)
