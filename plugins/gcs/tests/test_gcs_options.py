"""Options, urls and the environment; nothing is sent in these tests."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

import zarr_backends as zb
from zarr_backends_gcs import GcsBackend

NOWHERE = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"bucket": ""}, "bucket"),
        ({"bucket": "b/c"}, "bucket"),
        ({"bucket": "gs://bucket"}, "bucket"),
        ({"bucket": 5}, "bucket"),
        ({"prefix": "a/../b"}, "prefix"),
        ({"prefix": "a//b"}, "prefix"),
        ({"project": ""}, "project"),
        ({"credentials": "/no/such/file.json"}, "credentials"),
        ({"credentials": 5}, "credentials"),
        ({"anon": "yes"}, "anon"),
        ({"anon": True, "credentials": {"type": "service_account"}}, "anon"),
        ({"endpoint_url": ""}, "endpoint_url"),
        ({"endpoint_url": "ftp://host"}, "endpoint_url"),
        ({"endpoint_url": "http://host/storage/v1"}, "endpoint_url"),
        ({"endpoint_url": "http://user:secret@host"}, "endpoint_url"),
        ({"requester_pays": True}, "requester_pays"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"max_concurrency": "many"}, "max_concurrency"),
        ({"timeout_s": -1}, "timeout_s"),
        ({"storage_options": "x"}, "storage_options"),
        ({"storage_options": {"token": "x"}}, "storage_options"),
        ({"storage_class": 3}, "storage_class"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], option: str) -> None:
    """A ConfigurationError says which option it is, and shows no password."""
    with pytest.raises(zb.ConfigurationError) as caught:
        GcsBackend.create(**{"bucket": "bucket", **options})
    assert caught.value.option == option
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("prefix", ["run/1", "/run/1", "run/1/", "//run/1//"])
def test_slashes_at_the_ends_mean_nothing(prefix: str) -> None:
    """The prefix is the same place with or without them."""
    backend = GcsBackend.create(bucket="bucket", prefix=prefix)
    assert repr(backend) == "<GcsBackend gs://bucket/run/1>"


@pytest.mark.parametrize("scheme", ["gs", "gcs"])
def test_urls(scheme: str) -> None:
    """The path of a url is decoded once; a url with credentials is refused."""
    found = zb.resolve(f"{scheme}://bucket/run%201/a?b%2520")
    assert found == (GcsBackend, {"bucket": "bucket", "prefix": "run 1/a?b%20"})
    with pytest.raises(zb.ConfigurationError):
        GcsBackend.options_from_url(f"{scheme}://token@bucket/run")


@pytest.mark.parametrize("named", [NOWHERE, "127.0.0.1:9"])
def test_the_emulator_of_the_environment(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """STORAGE_EMULATOR_HOST is honoured, with and without its scheme; nobody logs in there."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", named)
    with pytest.raises(zb.NetworkError, match=r"127\.0\.0\.1"):
        GcsBackend.create(bucket="bucket", max_attempts=1).get("zarr.json")


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"type": "unheard-of"},
        {"type": "service_account", "private_key": "-----very-secret-----"},
        {"type": "authorized_user", "client_secret": "very-secret"},
    ],
)
def test_credentials_that_are_none(credentials: dict[str, Any]) -> None:
    """A document that holds no credentials is a ConfigurationError that shows nothing of it."""
    backend = GcsBackend.create(bucket="bucket", credentials=credentials, endpoint_url=NOWHERE)
    with pytest.raises(zb.ConfigurationError) as caught:
        backend.get("zarr.json")
    assert caught.value.option == "credentials"
    assert "very-secret" not in f"{caught.value} {caught.value.__cause__!r} {backend!r}"


def test_a_file_that_holds_no_credentials(tmp_path: Path) -> None:
    """A file that is no JSON object is a ConfigurationError."""
    for text in ("no JSON", "[]"):
        path = tmp_path / "key.json"
        path.write_text(text)
        backend = GcsBackend.create(bucket="bucket", credentials=str(path), endpoint_url=NOWHERE)
        with pytest.raises(zb.ConfigurationError, match="JSON"):
            backend.get("zarr.json")


def test_no_credentials_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where Google's libraries find none, the error says what to give."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(zb.PermissionDeniedError, match="anon=True"):
        GcsBackend.create(bucket="bucket", endpoint_url="https://127.0.0.1:9").get("zarr.json")


def test_a_pickle_finds_its_file_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path of credentials is made absolute where it is given."""
    (tmp_path / "key.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    backend = GcsBackend.create(bucket="bucket", credentials="key.json", endpoint_url=NOWHERE)
    monkeypatch.chdir("/")
    assert repr(pickle.loads(pickle.dumps(backend))) == repr(backend)
