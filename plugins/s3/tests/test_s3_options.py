"""Options, urls and the environment; nothing is sent in these tests."""

from __future__ import annotations

from typing import Any

import pytest

import zarr_backends as zb
from zarr_backends_s3 import S3Backend


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"bucket": ""}, "bucket"),
        ({"bucket": "b/c"}, "bucket"),
        ({"bucket": 5}, "bucket"),
        ({"prefix": "a/../b"}, "prefix"),
        ({"prefix": "a//b"}, "prefix"),
        ({"key": "k"}, "key"),
        ({"secret": "s"}, "secret"),
        ({"token": "t"}, "token"),
        ({"anon": "yes"}, "anon"),
        ({"anon": True, "key": "k", "secret": "s"}, "anon"),
        ({"addressing_style": "host"}, "addressing_style"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"max_concurrency": "many"}, "max_concurrency"),
        ({"timeout_s": -1}, "timeout_s"),
        ({"storage_options": "x"}, "storage_options"),
        ({"region": ""}, "region"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], option: str) -> None:
    """A ConfigurationError says which option it is."""
    with pytest.raises(zb.ConfigurationError) as caught:
        S3Backend.create(**{"bucket": "b", **options})
    assert caught.value.option == option


@pytest.mark.parametrize("prefix", ["run/1", "/run/1", "run/1/", "//run/1//"])
def test_slashes_at_the_ends_mean_nothing(prefix: str) -> None:
    """The prefix is the same place with or without them."""
    assert repr(S3Backend.create(bucket="b", prefix=prefix)) == "<S3Backend s3://b/run/1>"


def test_urls() -> None:
    """The path of a url is decoded once; a url with credentials is refused."""
    found = zb.resolve("s3://b/run%201/a?b%2520")
    assert found == (S3Backend, {"bucket": "b", "prefix": "run 1/a?b%20"})
    with pytest.raises(zb.ConfigurationError):
        S3Backend.options_from_url("s3://key:secret@b/run")


def test_no_secret_is_shown() -> None:
    """Neither the repr nor an error of the connection has key or secret in it."""
    secrets = {"key": "AKIDSECRETKEY", "secret": "very-secret-words", "token": "more-secret"}
    backend = S3Backend.create(
        bucket="b", endpoint_url="http://127.0.0.1:9", region="us-east-1", max_attempts=1, **secrets
    )
    with pytest.raises(zb.NetworkError) as caught:
        backend.get("zarr.json")
    shown = f"{backend!r} {caught.value} {caught.value.__cause__!r}"
    assert not [secret for secret in secrets.values() if secret in shown]


def test_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_ENDPOINT_URL and credentials of the environment are honoured."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(zb.NetworkError, match=r"127\.0\.0\.1:9"):
        S3Backend.create(bucket="b", max_attempts=1).get("zarr.json")


def test_no_credentials_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the whole chain has none, the error says what to give."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    backend = S3Backend.create(bucket="b", endpoint_url="http://127.0.0.1:9")
    with pytest.raises(zb.PermissionDeniedError, match="anon=True"):
        backend.get("zarr.json")
