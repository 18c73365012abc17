"""What only Azure has: conditions, batches, refusals told apart, other implementations."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import zarr

import zarr_backends as zb
from zarr_backends_azure import AzureBlobBackend
from zarr_backends_compliance.services import Service, serve
from zarr_backends_compliance.services.tcp_proxy import TcpProxy

VALUES = np.arange(600.0).reshape(20, 30)


def in_threads(works: list[Callable[[], Any]]) -> None:
    """Do some work at the same time."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_an_array_of_many_chunks(place: dict[str, str]) -> None:
    """An array of 100 x 100 chunks is created, listed over several pages, and deleted."""
    options = {"storage": "azure_blob", "shape": (100, 100), "chunks": (1, 1), "dtype": "u1"}
    zb.create(**options, **place, compressor=None)[...] = 1
    backend = AzureBlobBackend.open(**place)
    found = list(backend.list_chunks())
    assert (len(found), len(set(found))) == (10_000, 10_000)
    assert sorted(backend.list_dir("c/")) == sorted(map(str, range(100)))
    backend.delete_prefix()
    assert not list(backend.list_keys())


def test_batches_are_taken(backend: AzureBlobBackend) -> None:
    """Blobs of any name, and such as are not there, are deleted by one request."""
    keys = ["a b", "ü/%41", "c?d&e=f#g", "plus+", "apos'trophe", "tilde~", "x" * 500]
    backend.set_many(dict.fromkeys(keys, b"x"))
    assert sorted(backend.list_keys()) == sorted(keys)
    backend.delete_many([*keys, "not there"])
    assert not list(backend.list_keys())
    assert backend._session().files._has_batches  # noqa: SLF001  # not seen from outside


def test_where_batches_are_refused(azurite: Service, account: dict[str, str]) -> None:
    """Azurite takes no batch with the signature of an account: blobs are deleted one by one."""
    blob = pytest.importorskip("azure.storage.blob")
    token = blob.generate_account_sas(
        account["account_name"],
        azurite.options["account_key"],
        blob.ResourceTypes(container=True, object=True),
        blob.AccountSasPermissions(read=True, write=True, delete=True, list=True),
        "2099-01-01T00:00:00Z",
    )
    with AzureBlobBackend.create(**account, sas_token=token, prefix="signed") as backend:
        backend.set_many({"a": b"1", "b": b"2", "c": b"3"})
        backend.delete_many(["a", "b", "not there"])
        assert list(backend.list_keys()) == ["c"]


def test_no_update_is_lost(place: dict[str, str]) -> None:
    """Instances without anything in common count together, by If-Match."""
    backends = [AzureBlobBackend.create(**place, timeout_s=60.0 + i) for i in range(4)]

    def count(backend: AzureBlobBackend) -> None:
        for _ in range(5):
            backend.update("n", lambda old: b"%d" % (int(bytes(old or b"0")) + 1))

    in_threads([lambda b=backend: count(b) for backend in backends])
    assert bytes(backends[0].get("n") or b"") == b"20"


def test_one_of_many_is_first(place: dict[str, str]) -> None:
    """set_if_absent succeeds once, by If-None-Match."""
    backends = [AzureBlobBackend.create(**place, timeout_s=60.0 + i) for i in range(6)]
    answers: list[bool] = []
    in_threads([lambda b=b: answers.append(b.set_if_absent("k", b"x")) for b in backends])
    assert sorted(answers) == [False] * 5 + [True]


def test_an_empty_value_is_updated(backend: AzureBlobBackend) -> None:
    """An empty blob, for which the client asks twice, has a version too."""
    backend.set("n", b"")
    assert backend.get("n") == b""
    assert backend.get_range("n", -3) == backend.get_range("n", 0, 5) == b""
    backend.update("n", lambda old: bytes(old) + b"+")
    assert backend.get("n") == b"+"


def test_a_lost_reply_is_no_second_update(place: dict[str, str]) -> None:
    """An update whose answer is lost, and which is sent again, is done once."""
    host, _, rest = place["endpoint_url"].removeprefix("http://").partition(":")
    port, _, path = rest.partition("/")
    with TcpProxy(host, int(port)) as proxy:
        url = f"http://{proxy.host}:{proxy.port}/{path}"
        backend = AzureBlobBackend.create(**{**place, "endpoint_url": url})
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
        backend.close()


def test_refusals_are_told_apart(
    azurite: Service, account: dict[str, str], place: dict[str, str]
) -> None:
    """No container, a wrong key, a right that is not there: none of them is a missing key."""
    read_only = azurite.options["read_only_sas"]
    cases: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({**place, "container": "no-such"}, zb.ConfigurationError, "no such container"),
        ({**place, "account_key": "d3Jvbmc="}, zb.PermissionDeniedError, "authenticate"),
        ({**account, "anon": True}, zb.PermissionDeniedError, "authenticate"),
        ({**account, "sas_token": read_only}, zb.PermissionDeniedError, "Data Contributor"),
    ]
    for options, error, text in cases:
        backend = AzureBlobBackend.create(**options)
        calls: list[Callable[[], Any]] = [
            lambda b=backend: b.set("a", b"x"),
            lambda b=backend: b.delete("a"),
        ]
        if "sas_token" not in options:
            calls += [
                lambda b=backend: b.get("missing"),
                lambda b=backend: b.size("missing"),
                lambda b=backend: list(b.list_keys()),
                lambda b=backend: b.delete_many(["a", "b"]),
            ]
        for call in calls:
            with pytest.raises(error, match=text):
                call()
    assert AzureBlobBackend.create(**account, sas_token=read_only).get("missing") is None


def test_a_full_store() -> None:
    """Azurite's limit is told from a conflict, although both are a 409."""
    with serve("azurite", memory_mb=1) as service:
        names = ("account_name", "account_key", "container")
        options = {name: service.options[name] for name in names}
        backend = AzureBlobBackend.create(**options, endpoint_url=service.url)

        def fill() -> None:
            for i in range(40):
                backend.set(f"c/{i}", os.urandom(100_000))

        with pytest.raises(zb.StorageFullError, match="memory"):
            fill()
        backend.close()


def test_access_tiers(place: dict[str, str], azurite: Service) -> None:
    """New blobs, conditional ones too, are of the tier that was asked for."""
    backend = AzureBlobBackend.create(**place, access_tier="Cool")
    backend.set("a", b"x")
    backend.update("b", lambda _: b"x")
    backend.update("b", lambda _: b"y")
    blob = pytest.importorskip("azure.storage.blob")
    text = azurite.options["connection_string"]
    with blob.ContainerClient.from_connection_string(text, place["container"]) as client:
        found = client.list_blobs(name_starts_with=place["prefix"])
        assert [item.blob_tier for item in found] == ["Cool", "Cool"]


def test_folders_are_no_keys(place: dict[str, str], azurite: Service) -> None:
    """The blobs that stand for folders in a hierarchical namespace are not there for us."""
    backend = AzureBlobBackend.create(**place)
    backend.set("c/0", b"x")
    backend._session().files._has_folders = True  # noqa: SLF001  # as the account would say
    blob = pytest.importorskip("azure.storage.blob")
    text = azurite.options["connection_string"]
    with blob.ContainerClient.from_connection_string(text, place["container"]) as client:
        client.upload_blob(f"{place['prefix']}/c", b"", metadata={"hdi_isfolder": "true"})
    assert list(backend.list_keys()) == ["c/0"]
    assert list(backend.list_dir()) == ["c"]
    assert backend.get("c") is None
    assert backend.size("c") is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # threads and fork
def test_a_forked_process_ends(backend: AzureBlobBackend) -> None:
    """A forked child opens connections of its own, and runs through its exit handlers."""
    backend.set("a", b"x")
    multiprocessing = pytest.importorskip("multiprocessing").get_context("fork")
    child = multiprocessing.Process(target=_read_and_exit, args=(backend,))
    child.start()
    child.join(120)
    assert child.exitcode == 7


def _read_and_exit(backend: AzureBlobBackend) -> None:
    """Read, and end the process as the interpreter does."""
    found = bytes(backend.get("a") or b"")
    import atexit  # noqa: PLC0415  # of this process

    atexit._run_exitfuncs()  # noqa: SLF001  # a child of multiprocessing runs none
    os._exit(7 if found == b"x" else 1)


def _stores(azurite: Service, path: str) -> dict[str, Any]:
    """Return zarr-python's stores of a place: on adlfs and on obstore."""
    adlfs = pytest.importorskip("adlfs")
    obstore_store = pytest.importorskip("obstore.store")
    fs = adlfs.AzureBlobFileSystem(
        connection_string=azurite.options["connection_string"],
        asynchronous=True,
        skip_instance_cache=True,
    )
    container = obstore_store.AzureStore(
        azurite.options["container"],
        prefix=path,
        account_name=azurite.options["account_name"],
        account_key=azurite.options["account_key"],
        endpoint=azurite.url,
        client_options={"allow_http": True},
    )
    return {
        "adlfs": zarr.storage.FsspecStore(fs, path=f"{azurite.options['container']}/{path}"),
        "obstore": zarr.storage.ObjectStore(container),
    }


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("kind", ["adlfs", "obstore"])
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # adlfs closes at exit
def test_zarr_python_and_we(
    kind: str, zarr_format: int, azurite: Service, place: dict[str, str]
) -> None:
    """zarr-python on adlfs and on obstore opens our array, and we theirs."""
    prefix = f"zarr-python/{kind}/{zarr_format}"
    store = _stores(azurite, prefix)[kind]
    options = {"shape": VALUES.shape, "chunks": (7, 9), "dtype": "float64"}
    ours = {**place, "storage": "azure_blob", "prefix": f"{prefix}/ours"}
    zb.create(**ours, **options, zarr_format=zarr_format)[...] = VALUES
    np.testing.assert_array_equal(zarr.open_array(store, path="ours", mode="r")[...], VALUES)
    theirs = zarr.create_array(store, name="theirs", zarr_format=zarr_format, **options)
    theirs[...] = VALUES
    opened = zb.open(**{**ours, "prefix": f"/{prefix}/theirs/"})
    np.testing.assert_array_equal(opened[...], VALUES)
