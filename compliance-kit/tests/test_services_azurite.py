"""Azurite, asked by adlfs and by Azure's own client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from serving import assert_kill_leaves_nothing, served

from zarr_backends_compliance.services import Service

adlfs = pytest.importorskip("adlfs")
blobs = pytest.importorskip("azure.storage.blob")
errors = pytest.importorskip("azure.core.exceptions")


@pytest.fixture(scope="module")
def azurite() -> Iterator[Service]:
    """Yield a server."""
    with served("azurite") as service:
        yield service


def filesystem(azurite: Service) -> Any:
    """Return a client of fsspec's kind."""
    return adlfs.AzureBlobFileSystem(
        connection_string=azurite.options["connection_string"],
        use_listings_cache=False,
        skip_instance_cache=True,
    )


def container(azurite: Service, credential: str | None) -> Any:
    """Return a client of Azure's kind, which does not try again."""
    return blobs.ContainerClient(
        azurite.url, azurite.options["container"], credential, retry_total=0
    )


def test_blobs_are_put_listed_read_and_deleted(azurite: Service) -> None:
    """In the container that is there from the start."""
    fs, values = filesystem(azurite), {"zarr/a b/ü": b"1234567", "zarr/c/0": bytes(200_000)}
    fs.pipe(values)
    assert sorted(fs.find("zarr")) == sorted(values)
    assert fs.cat(list(values)) == values
    assert fs.cat_file("zarr/a b/ü", start=2, end=4) == b"34"
    fs.rm(list(values))
    assert fs.find("zarr") == []


def test_the_key_is_checked(azurite: Service) -> None:
    """A signature by another key is refused."""
    key = azurite.options["account_key"]
    with container(azurite, key) as owner:
        owner.upload_blob("checked", b"value", overwrite=True)
        assert owner.download_blob("checked").readall() == b"value"
    wrong = key[:10] + ("A" if key[10] != "A" else "B") + key[11:]
    with container(azurite, wrong) as stranger, pytest.raises(errors.HttpResponseError) as raised:
        stranger.download_blob("checked")
    assert raised.value.status_code == 403


def test_the_read_only_signature_reads_and_does_not_write(azurite: Service) -> None:
    """Azurite checks what a signature allows."""
    with container(azurite, azurite.options["account_key"]) as owner:
        owner.upload_blob("shown", b"value", overwrite=True)
    with container(azurite, azurite.options["read_only_sas"]) as reader:
        assert reader.download_blob("shown").readall() == b"value"
        assert "shown" in reader.list_blob_names()
        for denied in (
            lambda: reader.upload_blob("shown", b"other", overwrite=True),
            lambda: reader.delete_blob("shown"),
        ):
            with pytest.raises(errors.HttpResponseError) as raised:
                denied()
            assert raised.value.status_code == 403


def test_a_restart_keeps_data_and_port(azurite: Service) -> None:
    """The data is in files."""
    port = azurite.port
    filesystem(azurite).pipe({f"zarr/keep/{i}": b"value" for i in range(20)})
    azurite.restart()
    fs = filesystem(azurite)
    assert len(fs.find("zarr/keep")) == 20
    assert fs.cat_file("zarr/keep/7") == b"value"
    assert azurite.port == port


def test_memory_can_be_full() -> None:
    """The refusal is Azurite's own."""
    with (
        served("azurite", memory_mb=1) as azurite,
        container(azurite, azurite.options["account_key"]) as owner,
    ):
        owner.upload_blob("small", bytes(100_000))
        with pytest.raises(errors.HttpResponseError):
            owner.upload_blob("large", bytes(2_000_000))


def test_a_kill_leaves_nothing() -> None:
    """Neither process nor folder."""
    assert_kill_leaves_nothing(served("azurite"))
