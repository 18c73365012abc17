"""The address and the secrets that options name, found and replaced."""

from __future__ import annotations

from typing import Any

import pytest

from zarr_backends import get_backend
from zarr_backends_compliance._kernel.credentials import secrets_of, with_wrong_secret
from zarr_backends_compliance._kernel.endpoints import (
    behind,
    endpoint_of,
    is_listening,
    surroundings_of,
)
from zarr_backends_compliance._kernel.target import Target
from zarr_backends_compliance._mutants.network_server import NetworkServer

AZURE = "AccountName=dev;AccountKey=Eby8+/==;BlobEndpoint=http://127.0.0.1:1/dev;"

ADDRESSES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"url": "http://h:80/x?y=1"}, {"url": "http://p:7/x?y=1"}),
    ({"url": "redis://:secret@[::1]/0"}, {"url": "redis://:secret@p:7/0"}),
    ({"url": "mongodb://u:p%40@a:1,b:2/d?r=s"}, {"url": "mongodb://u:p%40@p:7/d?r=s"}),
    ({"o": {"c": {"endpoint_url": "http://h:9"}}}, {"o": {"c": {"endpoint_url": "http://p:7"}}}),
    ({"s": AZURE}, {"s": AZURE.replace("127.0.0.1:1", "p:7")}),
    ({"dsn": "host=h port=5 user=u"}, {"dsn": "host=p port=7 user=u"}),
    ({"host": "h", "port": 22}, {"host": "p", "port": 7}),
    ({"host": "h:22"}, {"host": "p:7"}),
    ({"hosts": ["a:1", "b:2"]}, {"hosts": ["p:7"]}),
]


def target(**options: Any) -> Target:
    """Return a target with options that are looked at and not used."""
    return Target(get_backend("memory"), options, "memory")


@pytest.mark.parametrize(("options", "moved"), ADDRESSES)
def test_an_address_is_found_and_replaced(options: dict[str, Any], moved: dict[str, Any]) -> None:
    """Everything else in the option stays as it is."""
    assert behind(target(**options), "p", 7).options == moved


@pytest.mark.parametrize(
    "options", [{"path": "/a/b"}, {"url": "sqlite:////a.db"}, {"name": "host"}, {"url": "s3://b/k"}]
)
def test_an_option_without_an_address_names_no_server(options: dict[str, Any]) -> None:
    """Paths, files and buckets are none."""
    assert endpoint_of(target(**options)) is None


@pytest.mark.parametrize(
    ("options", "secrets"),
    [
        ({"key": "AKID12", "secret": "s3cret"}, ("s3cret", "AKID12")),
        ({"url": "redis://u:p%40ss@h/0"}, ("p@ss",)),
        ({"s": AZURE}, ("Eby8+/==",)),
        ({"anon": True, "token": "anon", "password": ""}, ()),
        ({"key_file": "/"}, ()),
    ],
)
def test_secrets_are_found_by_the_names_of_options(
    options: dict[str, Any], secrets: tuple[str, ...]
) -> None:
    """What is surely one comes first; words such as anon, and files, are none."""
    assert secrets_of(options) == secrets


def test_a_wrong_secret_has_the_form_of_the_right_one() -> None:
    """Letters and digits become others of their kind."""
    wrong = with_wrong_secret(target(key="AKID12", secret="aF09+/=="))  # noqa: S106  # for a test
    assert wrong.options == {"key": "AKID12", "secret": "bA10+/=="}


def test_a_server_is_among_the_surroundings() -> None:
    """So are its protocol and the credential."""
    with NetworkServer() as server:
        found = target(url=server.url, token=server.token, prefix="{name}")
        endpoint = endpoint_of(found)
        assert surroundings_of(found) >= {"network", "http", "secret", "places"}
        assert endpoint is not None
        assert is_listening(endpoint)
