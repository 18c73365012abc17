"""Options, urls, logins and rights."""

from __future__ import annotations

import os
import pickle
import socket
import threading
from typing import Any

import dns.resolver
import pytest

from zarr_backends import BackendTimeoutError, ConfigurationError, PermissionDeniedError
from zarr_backends_mongodb import MongoGridfsBackend


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("url", "http://host/db"),
        ("url", "mongodb://u:s3cret@w@host:port/db"),
        ("url", "mongodb://host/db?nonsense=1"),
        ("url", "mongodb://host/db.collection"),
        ("database", "a/b"),
        ("database", ""),
        ("bucket", "$x"),
        ("array_id", "a\0b"),
        ("write_concern", 0),
        ("write_concern", True),
        ("read_concern", "snapshots"),
        ("read_preference", "closest"),
        ("password", 5),
        ("timeout_s", 0),
        ("timeout_s", 601),
        ("max_concurrency", 1.5),
    ],
)
def test_a_wrong_option_is_named(option: str, wrong: object) -> None:
    """Before anything is connected, and without a password."""
    options: dict[str, Any] = {"url": "mongodb://127.0.0.1:1/db", option: wrong}
    with pytest.raises(ConfigurationError) as caught:
        MongoGridfsBackend.create(**options)
    assert caught.value.option == option
    assert "s3cret" not in f"{caught.value} {caught.value.__cause__!r}"


def test_a_url_without_a_database_asks_for_one() -> None:
    """It has no default."""
    with pytest.raises(ConfigurationError, match="database"):
        MongoGridfsBackend.create(url="mongodb://127.0.0.1:1/")


def test_a_url_is_split_and_decoded() -> None:
    """The database stays in it, for that is where users are looked up."""
    found = MongoGridfsBackend.options_from_url(
        "mongodb+srv://u:p@h.example.org/db/b/run%201/x?w=1"
    )
    assert found == {
        "url": "mongodb+srv://u:p@h.example.org/db?w=1",
        "database": "db",
        "bucket": "b",
        "array_id": "run 1/x",
    }


@pytest.mark.parametrize("query", ["", "?srvServiceName=db&srvMaxHosts=2&tls=true"])
def test_a_name_server_that_is_silent_is_a_timeout(
    query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands behind mongodb+srv is looked up in the time of the call, not before it."""
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], silent.getsockname()[1]
        monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
        url = f"mongodb+srv://h.example.org/db{query}"
        backend = MongoGridfsBackend.create(url=url, timeout_s=0.3)
        with pytest.raises(BackendTimeoutError, match=r"_(db|mongodb)\._tcp\.h\.example\.org"):
            backend.exists()


def test_repr_shows_the_place_alone() -> None:
    """No user and no password."""
    backend = MongoGridfsBackend.create(url="mongodb://me:s3cret@127.0.0.1:9/db", array_id="run")
    assert repr(backend) == (
        "<MongoGridfsBackend mongodb://127.0.0.1:9/db bucket='arrays' array_id='run'>"
    )


def test_instances_of_one_url_share_a_client(options: dict[str, Any]) -> None:
    """Those of other time-outs and unpickled ones too; closing one leaves the others."""
    first = MongoGridfsBackend.create(**options)
    first.exists()
    before = nmonitors()
    other = pickle.loads(pickle.dumps(MongoGridfsBackend.create(**{**options, "timeout_s": 9})))
    assert not other.exists()
    assert nmonitors() == before > 0
    first.close()
    assert not other.exists()
    other.close()


def nmonitors() -> int:
    """Return how many threads of clients watch servers."""
    return sum("monitor" in thread.name for thread in threading.enumerate())


def test_a_user_may_be_given_by_options(mongod: Any, options: dict[str, Any]) -> None:
    """So that a url without secrets can be shown; a wrong password is refused."""
    place = {**options, "url": f"mongodb://127.0.0.1:{mongod.port}/zarr?authSource=admin"}
    user = {"username": mongod.options["user"], "password": mongod.options["password"]}
    with MongoGridfsBackend.create(**place, **user) as backend:
        assert not backend.exists()
    with (
        MongoGridfsBackend.create(**place, **{**user, "password": "wrong"}) as backend,
        pytest.raises(PermissionDeniedError),
    ):
        backend.exists()


def test_a_reader_reads_and_a_writer_needs_read_write(
    backend: Any, client: Any, options: dict[str, Any]
) -> None:
    """Roles of the database: read, readWrite."""
    backend.set("c/0", b"x")
    secret = os.urandom(8).hex()
    for role in ("read", "readWrite"):
        name = f"{role}{os.urandom(3).hex()}"
        client.command("createUser", name, pwd=secret, roles=[role])
        place = options["url"].partition("@")[2].replace("authSource=admin", "authSource=zarr")
        with MongoGridfsBackend.create(
            **{**options, "url": f"mongodb://{place}"}, username=name, password=secret
        ) as other:
            assert other.get("c/0") == b"x"
            if role == "readWrite":
                other.set("c/1", b"y")
            else:
                with pytest.raises(PermissionDeniedError):
                    other.set("c/1", b"y")
