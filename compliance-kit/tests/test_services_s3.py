"""The S3 servers, moto's and Ceph's, asked by s3fs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from serving import assert_kill_leaves_nothing, served

from zarr_backends_compliance.services import Service

s3fs = pytest.importorskip("s3fs")

SERVERS = {"s3": {"auth": True}, "ceph": {}}


@pytest.fixture(scope="module", params=SERVERS)
def s3(request: pytest.FixtureRequest) -> Iterator[Service]:
    """Yield each of the servers, with users."""
    with served(request.param, **SERVERS[request.param]) as service:
        yield service


def client(s3: Service, key: str | None = None, secret: str | None = None) -> Any:
    """Return a client of the first user, or of another."""
    options = s3.options
    return s3fs.S3FileSystem(
        key=key or options["key"],
        secret=secret or options["secret"],
        client_kwargs={"endpoint_url": s3.url, "region_name": options["region"]},
        use_listings_cache=False,
        skip_instance_cache=True,
    )


def test_objects_are_put_listed_read_and_deleted(s3: Service) -> None:
    """In the bucket that is there from the start, with names of every kind."""
    fs, values = client(s3), {"zarr/a b/ü": b"1234567", "zarr/c/0/0": bytes(200_000)}
    fs.pipe(values)
    assert sorted(fs.find("zarr")) == sorted(values)
    assert fs.cat(list(values)) == values
    assert fs.cat_file("zarr/a b/ü", start=2, end=4) == b"34"
    fs.rm(list(values))
    assert fs.find("zarr") == []


@pytest.mark.parametrize("credentials", ["unknown", "wrong secret", "other user"])
def test_who_has_no_right_is_refused(s3: Service, credentials: str) -> None:
    """A signature is checked, and then what its user may do."""
    key, secret = {
        "unknown": ("AKIA0000000000000000", "x"),
        "wrong secret": (s3.options["key"], "x"),
        "other user": (s3.options["other_key"], s3.options["other_secret"]),
    }[credentials]
    client(s3).pipe_file("zarr/denied", b"value")
    stranger = client(s3, key, secret)
    for denied in (stranger.cat_file, stranger.rm_file, lambda path: stranger.pipe_file(path, b"")):
        with pytest.raises(PermissionError):
            denied("zarr/denied")
    assert client(s3).cat_file("zarr/denied") == b"value"


def test_a_kill_and_a_restart_keep_data_users_and_port(s3: Service) -> None:
    """What was answered is there: replaced, deleted, uploaded in parts, in another bucket."""
    fs, port = client(s3), s3.port
    fs.pipe({f"zarr/keep/{i}": b"old" for i in range(20)})
    fs.pipe({f"zarr/keep/{i}": b"new" for i in range(10)})
    fs.rm([f"zarr/keep/{i}" for i in range(5, 20)])
    fs.pipe_file("zarr/keep/large", bytes(60_000_000))
    fs.call_s3("create_bucket", Bucket="another")
    s3.kill()
    s3.restart()
    fs = client(s3)
    names = [f"zarr/keep/{i}" for i in range(5)]
    assert (fs.find("zarr/keep"), s3.port) == ([*names, "zarr/keep/large"], port)
    assert set(fs.cat(names).values()) == {b"new"}
    assert fs.size("zarr/keep/large") == 60_000_000
    assert fs.exists("another")


def test_without_auth_every_key_is_welcome() -> None:
    """Nothing is checked unless it is asked for."""
    with served("s3") as s3:
        client(s3, "anybody", "anything").pipe_file("zarr/a", b"value")
        assert client(s3).cat_file("zarr/a") == b"value"


def test_a_quota_is_in_force_at_once() -> None:
    """What is beyond is refused, and what is below is not."""
    with served("ceph", quota_mb=1) as ceph:
        client(ceph).pipe_file("zarr/a", bytes(500_000))
        with pytest.raises(OSError, match="QuotaExceeded"):
            client(ceph).pipe_file("zarr/b", bytes(800_000))


@pytest.mark.parametrize("name", SERVERS)
def test_a_kill_leaves_nothing(name: str) -> None:
    """Neither of the server nor, after `stop`, of what stands behind it."""
    assert_kill_leaves_nothing(served(name))
