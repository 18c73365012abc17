"""Options and urls of the backend: what is taken, what is refused, what is never shown."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import zarr_backends as zb
from zarr_backends_http import HttpBackend

GOOD: dict[str, Any] = {"base_url": "http://127.0.0.1:9", "array_id": "a"}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("base_url", "ftp://host"), ("base_url", "http://u:secret@host"), ("base_url", "http://"),
        ("base_url", "http://host:99999999"), ("base_url", "http://host/a?b"), ("base_url", 5),
        ("base_url", "http://host/../x"), ("base_url", "http://[::1"), ("base_url", "http://a b/"),
        ("array_id", ""), ("array_id", "a//b"), ("array_id", "../a"), ("array_id", "a\0"),
        ("api_key", "two words"), ("api_key", "line\n"), ("api_key", 5), ("timeout_s", 0),
        ("timeout_s", "soon"), ("timeout_s", True), ("headers", ["x"]), ("headers", {"x": 5}),
        ("headers", {"Authorization": "x"}), ("headers", {"a b": "c"}), ("headers", {"a": "\n"}),
        ("verify", 5), ("verify", "/no/such/file"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_named(option: str, value: Any) -> None:
    """And what may be a secret in it is not quoted."""
    with pytest.raises(zb.ConfigurationError) as caught:
        HttpBackend.create(**{**GOOD, option: value})
    assert caught.value.option == option
    assert "secret" not in str(caught.value)


def test_certificates_have_to_be_some(tmp_path: Any) -> None:
    """A file of something else is refused when it is read."""
    (tmp_path / "x.pem").write_text("no certificate")
    with pytest.raises(zb.ConfigurationError, match="certificates"):
        HttpBackend.create(base_url="https://127.0.0.1:9", array_id="a", verify=f"{tmp_path}/x.pem")


@pytest.mark.parametrize(
    ("url", "base_url", "array_id"),
    [
        ("http://h:80/arrays/run%201", "http://h:80", "run 1"),
        ("https://h/lab/arrays/a%2Fb", "https://h/lab", "a/b"),
        ("http://h/arrays/a%252Fb", "http://h", "a%2Fb"),
        ("http://[::1]:80/arrays/%C3%A9", "http://[::1]:80", "é"),
    ],
)
def test_a_url_is_decoded_once(url: str, base_url: str, array_id: str) -> None:
    """The last part of its path is the array, what is before the server."""
    assert HttpBackend.options_from_url(url) == {"base_url": base_url, "array_id": array_id}


@pytest.mark.parametrize(
    "url", ["http://h/data.zarr", "http://h/arrays/", "http://h/arrays/a?x=1", "http://h/arrays/.."]
)
def test_a_url_of_no_array_is_refused(url: str) -> None:
    """With what to do instead."""
    with pytest.raises(zb.ConfigurationError):
        HttpBackend.options_from_url(url)


def test_a_key_is_pickled_and_never_shown(keyed_server: tuple[str, str]) -> None:
    """A worker process needs it, a reader does not."""
    url, key = keyed_server
    backend = HttpBackend.create(base_url=url, array_id="shown", api_key=key)
    backend.set("x", b"1")
    again = pickle.loads(pickle.dumps(backend))
    assert again.get("x") == b"1"
    assert key not in repr(again)


def test_a_server_that_is_away_is_an_error_at_once() -> None:
    """Also by https."""
    with pytest.raises(zb.NetworkError):
        HttpBackend.create(base_url="https://127.0.0.1:9", array_id="a", timeout_s=2)
