"""Options and urls: what is wrong is said with its name, and no password is ever shown."""

from __future__ import annotations

import pickle
from importlib.util import find_spec
from typing import Any

import pytest

import zarr_backends as zb
from zarr_backends_fsspec import FsspecBackend

SECRET = "hunter2-very-long"  # noqa: S105  # that is what is looked for


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"url": "no url"}, "url"),
        ({"url": "nosuch://a/b"}, "url"),
        ({"url": "sftp://host/a/../b"}, "url"),
        ({"url": "sftp://host:port/a"}, "url"),
        ({"url": "simplecache::sftp://host/a"}, "url"),
        ({"url": "memory://a\0"}, "url"),
        ({"url": "memory://a", "storage_options": ["x"]}, "storage_options"),
        ({"url": "memory://a", "timeout_s": 0}, "timeout_s"),
        ({"url": "memory://a", "timeout_s": "soon"}, "timeout_s"),
        ({"url": "memory://a", "max_concurrency": 0}, "max_concurrency"),
        ({"url": "memory://a", "max_concurrency": True}, "max_concurrency"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], option: str) -> None:
    """A ConfigurationError says which option it is."""
    with pytest.raises(zb.ConfigurationError) as caught:
        FsspecBackend.create(**options)
    assert caught.value.option == option
    assert option in str(caught.value) or "url" in str(caught.value) or "://" in str(caught.value)


@pytest.mark.parametrize("scheme", ["sftp", "ssh", "ftp", "webdav", "webdavs"])
def test_a_url_shows_no_password(scheme: str) -> None:
    """Neither the repr nor the error of a server that is not there has it."""
    url = f"{scheme}://user:{SECRET}@127.0.0.1:9/folder"
    backend = FsspecBackend.create(url=url, timeout_s=20.0)
    with pytest.raises(zb.NetworkError) as caught:
        backend.get("zarr.json")
    assert SECRET not in f"{backend!r} {caught.value} {caught.value!r} {caught.value.__cause__!r}"


def test_schemes_lead_to_the_backend() -> None:
    """The urls of the table of published backends are ours."""
    for scheme in ("sftp", "ssh", "ftp", "smb", "webdav", "webdavs", "hdfs"):
        cls, options = zb.resolve(f"{scheme}://host/folder")
        assert (cls, options) == (FsspecBackend, {"url": f"{scheme}://host/folder"})


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "a/../b", "./a", "a\0b"])
def test_a_key_stays_in_its_folder(key: str) -> None:
    """What could name something else is refused before anything is asked for."""
    backend = FsspecBackend.create(url="memory://tests/keys")
    with pytest.raises(zb.ConfigurationError):
        backend.set(key, b"x")


@pytest.mark.skipif(find_spec("smbprotocol") is not None, reason="smbprotocol is installed")
def test_a_missing_library_is_named() -> None:
    """A file system that fsspec knows and cannot import says what to install."""
    with pytest.raises(zb.ConfigurationError, match="smb"):
        FsspecBackend.create(url="smb://host/share/folder")


def test_instances_share_connections_and_pickle() -> None:
    """Equal options mean one session; a copy by pickle has it too, and works after close."""
    first = FsspecBackend.create(url="memory://tests/shared")
    second = pickle.loads(pickle.dumps(first))
    first.set("a", b"1")
    assert first._session() is second._session()  # noqa: SLF001  # what is tested
    first.close()
    assert bytes(second.get("a") or b"") == bytes(first.get("a") or b"") == b"1"
