"""fake-gcs-server, asked by gcsfs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from serving import assert_kill_leaves_nothing, served

from zarr_backends_compliance.services import Service


@pytest.fixture(scope="module")
def gcs() -> Iterator[Service]:
    """Yield a server."""
    with served("gcs") as service:
        yield service


@pytest.fixture
def fs(gcs: Service, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a client."""
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    gcsfs = pytest.importorskip("gcsfs")
    return gcsfs.GCSFileSystem(
        endpoint_url=gcs.url,
        token=gcs.options["token"],
        project=gcs.options["project"],
        requests_timeout=5,
        use_listings_cache=False,
        skip_instance_cache=True,
    )


def test_objects_are_put_listed_read_and_deleted(fs: Any) -> None:
    """In the bucket that is there from the start."""
    values = {"zarr/a b/ü": b"1234567", "zarr/c/0/0": bytes(200_000)}
    fs.pipe(values)
    assert sorted(fs.find("zarr")) == sorted(values)
    assert fs.cat(list(values)) == values
    assert fs.cat_file("zarr/a b/ü", start=2, end=4) == b"34"
    fs.rm(list(values))
    assert fs.find("zarr") == []
    with pytest.raises(FileNotFoundError):
        fs.cat_file("zarr/c/0/0")


def test_an_object_that_exists_is_not_created(fs: Any) -> None:
    """The server knows conditions."""
    fs.pipe_file("zarr/once", b"1", mode="create")
    with pytest.raises(FileExistsError):
        fs.pipe_file("zarr/once", b"2", mode="create")
    assert fs.cat_file("zarr/once") == b"1"


def test_a_kill_and_a_restart_keep_data_and_port(gcs: Service, fs: Any) -> None:
    """The server works on files."""
    port = gcs.port
    fs.pipe({f"zarr/keep/{i}": b"value" for i in range(20)})
    gcs.kill()
    gcs.restart()
    assert len(fs.find("zarr/keep")) == 20
    assert fs.cat_file("zarr/keep/7") == b"value"
    assert gcs.port == port


def test_a_kill_leaves_nothing() -> None:
    """Neither process nor folder."""
    assert_kill_leaves_nothing(served("gcs"))
