"""Options and urls, and the errors about them."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from zarr_backends import ConfigurationError, PermissionDeniedError, resolve
from zarr_backends_compliance.services import Service
from zarr_backends_redis import RedisBackend
from zarr_backends_redis._urls import place_of_url

SECRET = "s3cret-hunter2"  # noqa: S105  # no real one


@pytest.mark.parametrize(
    "scheme",
    ["redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"],
)
def test_every_scheme_leads_here(scheme: str) -> None:
    """The registry knows them all."""
    assert resolve(f"{scheme}://h/0")[0] is RedisBackend


@pytest.mark.parametrize(
    ("url", "shown", "prefix"),
    [
        ("redis://h", "redis://h:6379/0", None),
        ("REDISS://u:p%40@h:1/2/run/1", "rediss://h:1/2", "run/1"),
        ("redis://[::1]:7/0/a%2Fb", "redis://[::1]:7/0", "a/b"),
        ("redis+sentinel://a,b:2/main/3/x", "redis+sentinel://a:26379,b:2/main/3", "x"),
        ("redis+cluster://a,b:2", "redis+cluster://a:6379,b:2/0", None),
    ],
)
def test_a_url_is_taken_apart(url: str, shown: str, prefix: str | None) -> None:
    """Hosts, database and prefix, for each form; the password is not shown."""
    place = place_of_url(url)
    assert (place.url(), place.prefix) == (shown, prefix)


def test_the_prefix_leaves_the_url() -> None:
    """It is an option of its own, decoded; the login stays where it is."""
    for head in ("redis://u:p@h/0", "redis+sentinel://u:p@a,b/main/0", "redis+cluster://a,b/"):
        found = RedisBackend.options_from_url(f"{head}/run%201/x/")
        assert found == {"url": head, "prefix": "run 1/x/"}
    assert RedisBackend.options_from_url("redis://h") == {"url": "redis://h"}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("url", "http://h"), ("url", "redis://"), ("url", "redis://h:99999"), ("url", "redis://a,b"),
        ("url", "redis://h/x"), ("url", "redis://h/0?db=1"), ("url", "redis+cluster://h/1"),
        ("url", "redis+sentinel://h"), ("url", "redis://:%ff@h"), ("url", None), ("prefix", ""),
        ("prefix", 5), ("password", 5), ("ttl_s", 0), ("ttl_s", "1"), ("min_replicas", -1),
        ("min_replicas", 1.0), ("max_concurrency", 0), ("timeout_s", 0), ("timeout_s", True),
        ("ca_certificates", "/etc/hostname"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_named(option: str, value: object) -> None:
    """The error says which option it is about."""
    options: dict[str, Any] = {"url": "redis://h", option: value}
    with pytest.raises(ConfigurationError) as caught:
        RedisBackend.create(**options)
    assert caught.value.option == option


def test_a_certificate_that_is_not_there_is_refused() -> None:
    """Before anything is connected."""
    with pytest.raises(ConfigurationError, match="there is no file"):
        RedisBackend.create(url="rediss://h", ca_certificates="/nowhere.pem")


def test_two_prefixes_are_refused() -> None:
    """One in the url and another one beside it."""
    with pytest.raises(ConfigurationError, match="contradicts"):
        RedisBackend.create(url="redis://h/0/a", prefix="b")


def test_a_url_that_cannot_be_read_is_not_quoted() -> None:
    """A password may be in it."""
    with pytest.raises(ConfigurationError) as caught:
        RedisBackend.create(url=f"redis://u:{SECRET}@h:port/d")
    assert SECRET not in str(caught.value)


def test_options_come_before_the_login_of_the_url(redis: Service) -> None:
    """A wrong password in the url, the right one beside it."""
    url = redis.url.replace(redis.options["password"], SECRET)
    with pytest.raises(PermissionDeniedError):
        RedisBackend.create(url=url).get("x")
    assert RedisBackend.create(url=url, password=redis.options["password"]).get("x") is None


def test_a_pickle_goes_to_the_same_place(backend: RedisBackend) -> None:
    """With its options; nothing of them is shown."""
    backend.set("a", b"1")
    copied = pickle.loads(pickle.dumps(backend))
    assert copied.get("a") == b"1"
    assert repr(copied) == repr(backend)
    assert "@" not in repr(copied)


def test_a_database_that_is_not_there_is_named(redis: Service) -> None:
    """The server has 16."""
    with pytest.raises(ConfigurationError, match="DB index"):
        RedisBackend.create(url=f"{redis.url[:-1]}99").get("x")
