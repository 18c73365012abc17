"""What is asked of every server: arrays, whole listings, ranges, refusals, restarts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import zarr_backends as zb
from zarr_backends_fsspec import FsspecBackend


def test_an_array_is_kept(place: dict[str, Any]) -> None:
    """What was written is read by another instance."""
    values = np.arange(600.0).reshape(20, 30)
    array = zb.create(storage="fsspec", **place, shape=(20, 30), chunks=(7, 9), dtype="float64")
    array[...] = values
    array[3:5, ::4] = -1
    values[3:5, ::4] = -1
    np.testing.assert_array_equal(zb.open(storage="fsspec", **place)[...], values)


def test_a_listing_is_whole(place: dict[str, Any]) -> None:
    """3,000 keys are listed, once each, and gone after deleting their prefix."""
    backend = FsspecBackend.create(**place)
    keys = {f"c/{i // 100}/{i % 100}" for i in range(3000)}
    backend.set_many(dict.fromkeys(keys, b"x"))
    assert sorted(backend.list_keys("c/")) == sorted(keys)
    assert sorted(backend.list_dir("c/")) == sorted(map(str, range(30)))
    backend.delete_prefix("c/")
    assert list(backend.list_keys()) == list(backend.list_dir()) == []


def test_ranges_are_slices(place: dict[str, Any]) -> None:
    """A range is what slicing the bytes gives, beyond the end as well."""
    backend, data = FsspecBackend.create(**place), bytes(range(200))
    backend.set("a", data)
    for start, stop in [
        (0, 10),
        (5, None),
        (-7, None),
        (190, 300),
        (200, 210),
        (9, 9),
        (-300, None),
    ]:
        assert bytes(backend.get_range("a", start, stop) or b"") == data[start:stop]
    assert backend.get_range("b", 0, 10) is backend.get_range("b", -3) is None


def test_a_folder_is_no_value(place: dict[str, Any]) -> None:
    """A folder reads as absent, and one that is empty gives way to a value."""
    backend = FsspecBackend.create(**place)
    backend.set("a/b/c", b"x")
    assert backend.get("a/b") is backend.size("a") is backend.get_range("a", 0, 1) is None
    assert list(backend.list_dir()) == ["a"]
    backend.delete("a/b/c")
    assert list(backend.list_dir()) == []
    backend.set("a", b"y")
    assert bytes(backend.get("a") or b"") == b"y"


def test_names_with_special_characters(place: dict[str, Any]) -> None:
    """What means something in urls and patterns is part of a name here."""
    backend = FsspecBackend.create(**place)
    keys = ["a b", "a%20b", "a+b", "a&b", "[ab]", "é"]
    keys += [] if place["url"].startswith("webdav") else ["a#b", "a?b=1", "a;b"]
    for key in keys:
        backend.set(key, key.encode())
    assert sorted(backend.list_keys()) == sorted(keys)
    assert [bytes(value or b"") for value in backend.get_many(keys)] == [k.encode() for k in keys]


def test_what_servers_cut_is_refused(webdav_options: dict[str, Any]) -> None:
    """A key of which a WebDAV server would take the beginning alone is no key."""
    backend = FsspecBackend.create(**webdav_options)
    for key in ("a#b", "a?b", "a;b"):
        with pytest.raises(zb.ConfigurationError):
            backend.set(key, b"x")


@pytest.mark.parametrize("service", ["sftp", "ftp", "webdav"])
def test_a_read_only_user_is_denied(service: str, request: pytest.FixtureRequest) -> None:
    """A write without the right to it is a PermissionDeniedError, and reading still works."""
    given = request.getfixturevalue(f"{service}_options")
    options = request.getfixturevalue(service).options
    url, storage = given["url"].replace("{name}", "read-only"), given["storage_options"]
    FsspecBackend.create(url=url, storage_options=storage).set("a", b"x")
    if service == "sftp":
        storage = {**storage, "client_keys": options["read_only_key_file"]}
    elif service == "ftp":
        storage = {"username": "ro", "password": options["read_only_password"]}
    else:
        url = url.replace("/read-only", "/ro/read-only")
    backend = FsspecBackend.create(url=url, storage_options=storage)
    assert bytes(backend.get("a") or b"") == b"x"
    for call in (lambda: backend.set("a", b"y"), lambda: backend.delete("a")):
        with pytest.raises(zb.PermissionDeniedError):
            call()


@pytest.mark.parametrize("service", ["sftp", "ftp", "webdav"])
def test_a_restart_goes_unnoticed(service: str, request: pytest.FixtureRequest) -> None:
    """An instance that has worked works again after its server was killed and restarted."""
    server, given = request.getfixturevalue(service), request.getfixturevalue(f"{service}_options")
    options = {**given, "url": given["url"].replace("{name}", "restarted")}
    backend = FsspecBackend.create(**options, timeout_s=10.0)
    backend.set("a", b"x")
    server.kill()
    with pytest.raises(zb.NetworkError):
        backend.get("a")
    server.restart()
    assert bytes(backend.get("a") or b"") == b"x"


@pytest.mark.parametrize("service", ["sftp", "ftp", "webdav"])
def test_a_frozen_server_is_a_timeout(service: str, request: pytest.FixtureRequest) -> None:
    """A call ends at its deadline, and the instance works when the server does again."""
    server, given = request.getfixturevalue(service), request.getfixturevalue(f"{service}_options")
    options = {**given, "url": given["url"].replace("{name}", "frozen")}
    backend = FsspecBackend.create(**options, timeout_s=1.0)
    backend.set("a", b"x")
    server.freeze()
    try:
        with pytest.raises(zb.BackendTimeoutError):
            backend.get("a")
    finally:
        server.thaw()
    assert bytes(backend.get("a") or b"") == b"x"


def test_an_unknown_host_key_is_refused(sftp_options: dict[str, Any]) -> None:
    """Without the server's key among the known hosts nothing is sent to it."""
    options = {**sftp_options, "url": sftp_options["url"].replace("{name}", "unknown")}
    options["storage_options"] = {"client_keys": options["storage_options"]["client_keys"]}
    with pytest.raises(zb.ConfigurationError, match="known_hosts"):
        FsspecBackend.create(**options).get("a")
