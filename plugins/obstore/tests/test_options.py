"""Options, urls and errors."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from zarr_backends import ConfigurationError, NetworkError, PermissionDeniedError, create
from zarr_backends_obstore import ObstoreBackend


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bucket", {"bucket": ""}),
        ("bucket", {"bucket": "a/b"}),
        ("prefix", {"prefix": "a/../b"}),
        ("service", {"service": "ftp"}),
        ("secret", {"key": "AKIA"}),
        ("credentials", {"credentials": "file.json"}),
        ("account_key", {"account_key": "abcd"}),
        ("endpoint_url", {"endpoint_url": "localhost:9000"}),
        ("key", {"key": "AKIA", "secret": "s", "anon": True}),
        ("account_name", {"service": "az"}),
        ("timeout_s", {"timeout_s": 0}),
        ("max_concurrency", {"max_concurrency": 0}),
        ("retries", {"retries": -1}),
        ("config", {"config": "region"}),
    ],
)
def test_what_is_wrong_is_named(
    name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is asked."""
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(ConfigurationError) as caught:
        ObstoreBackend.create(**{"bucket": "b", **options})
    assert caught.value.option == name


@pytest.mark.parametrize("service", ["s3", "gs", "az"])
def test_a_url_names_service_bucket_and_prefix(service: str) -> None:
    """And nothing else."""
    options = ObstoreBackend.options_from_url(f"obstore+{service}://bucket/run/1")
    assert options == {"service": service, "bucket": "bucket", "prefix": "run/1"}


def test_a_url_has_no_credentials() -> None:
    """They would be seen in every message."""
    with pytest.raises(ConfigurationError, match="no credentials") as caught:
        ObstoreBackend.options_from_url("obstore+s3://AKIA:very-secret@bucket/run")
    assert "very-secret" not in str(caught.value)


def test_nothing_shows_the_secret() -> None:
    """Neither the display of an instance nor its error."""
    options = {"key": "AKIA", "secret": "very-secret", "endpoint_url": "http://127.0.0.1:9"}
    backend = ObstoreBackend.create(bucket="b", retries=0, **options)
    with pytest.raises(NetworkError) as caught:
        backend.get("zarr.json")
    assert "very-secret" not in f"{backend!r} {caught.value} {caught.value.__cause__!r}"


def test_a_bucket_that_is_missing_is_not_a_missing_key(place: dict[str, Any]) -> None:
    """Whatever is asked of it."""
    backend = ObstoreBackend.create(**{**place, "bucket": "nobody-has-made-this"})
    calls = [
        lambda: backend.get("zarr.json"),
        lambda: backend.size("zarr.json"),
        lambda: backend.set("zarr.json", b"{}"),
        lambda: list(backend.list_keys()),
    ]
    for call in calls:
        with pytest.raises(ConfigurationError, match="no such bucket or container"):
            call()


def test_a_missing_key_without_rights_is_denied(s3_with_rights: Any) -> None:
    """A 403 says nothing about the key."""
    o = s3_with_rights.options
    names = ("bucket", "region", "endpoint_url")
    other = {"key": o["other_key"], "secret": o["other_secret"]}
    backend = ObstoreBackend.create(**{name: o[name] for name in names}, **other)
    with pytest.raises(PermissionDeniedError):
        backend.get("zarr.json")


def test_an_array_goes_to_another_process(place: dict[str, Any]) -> None:
    """As its options."""
    array = create(storage="obstore", shape=(4,), dtype="int8", overwrite=True, **place)
    array[...] = 7
    assert pickle.loads(pickle.dumps(array))[2] == 7


def test_a_closed_backend_connects_again(place: dict[str, Any]) -> None:
    """And may be closed as often as one likes."""
    backend = ObstoreBackend.create(**place)
    backend.set("k", b"1")
    backend.close()
    backend.close()
    assert bytes(backend.get("k") or b"") == b"1"
