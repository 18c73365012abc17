"""What is stored, and what only this backend can do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from redis import Redis

from zarr_backends import (
    ConfigurationError,
    CorruptStorageError,
    PermissionDeniedError,
    StorageFullError,
)
from zarr_backends_compliance.services import Service
from zarr_backends_compliance.services.redis import start
from zarr_backends_redis import RedisBackend


@pytest.fixture
def client(redis: Service) -> Iterator[Any]:
    """Return a client of the server, which is not ours."""
    with Redis.from_url(redis.url) as made:
        yield made


def test_values_are_strings_beside_an_index(redis: Service, client: Any) -> None:
    """Any client finds them, under names that a cluster keeps in one slot."""
    backend = RedisBackend.create(url=redis.url, prefix="run/1")
    backend.set_many({"zarr.json": b"{}", "c/0": b"\x00\xff"})
    assert client.get("{run/1}/c/0") == b"\x00\xff"
    assert client.zrange("{run/1}", 0, -1) == [b"c/0", b"zarr.json"]
    backend.delete_prefix()
    assert client.keys("{run/1}*") == []


def test_braces_in_a_prefix_keep_places_apart(redis: Service) -> None:
    """Neither ends the name of a place too early."""
    one = RedisBackend.create(url=redis.url, prefix="a")
    two = RedisBackend.create(url=redis.url, prefix="a}/b")
    one.set("b}/c", b"one")
    two.set("c", b"two")
    assert (one.get("b}/c"), two.get("c")) == (b"one", b"two")


def test_a_listing_reads_the_index_alone(backend: RedisBackend, client: Any) -> None:
    """No scan of the database, and none of the keys of another place."""
    backend.set_many({f"c/{i}": b"x" for i in range(2500)})
    client.config_resetstat()
    assert len(list(backend.list_keys())) == 2500
    calls = {name: row["calls"] for name, row in client.info("commandstats").items()}
    assert calls["cmdstat_zrangebylex"] == 3
    assert not {"cmdstat_scan", "cmdstat_keys"} & calls.keys()


def test_a_folder_is_passed_over(backend: RedisBackend, client: Any) -> None:
    """Names below the root are listed without reading those of every chunk."""
    backend.set_many({f"{folder}/c/{i}": b"x" for folder in "ab" for i in range(2000)})
    client.config_resetstat()
    assert list(backend.list_dir()) == ["a", "b"]
    assert client.info("commandstats")["cmdstat_zrangebylex"]["calls"] == 3


def test_a_value_expires(redis: Service, client: Any) -> None:
    """It is not listed any more, and the index goes with the last one."""
    backend = RedisBackend.create(url=redis.url, prefix="ttl", ttl_s=0.3)
    backend.set("a", b"1")
    assert backend.set_if_absent("b", b"2")
    assert 0 < client.pttl("{ttl}") <= 300
    assert sorted(backend.list_keys()) == ["a", "b"]
    time.sleep(0.4)
    assert (backend.get("a"), list(backend.list_keys()), client.keys("{ttl}*")) == (None, [], [])


def test_what_lasts_stays_listed_beside_what_expires(redis: Service) -> None:
    """The index lasts as long as the value that lasts longest."""
    forever = RedisBackend.create(url=redis.url, prefix="mixed")
    brief = RedisBackend.create(url=redis.url, prefix="mixed", ttl_s=0.2)
    brief.set("a", b"1")
    forever.set("b", b"2")
    brief.update("c", lambda _: b"3")
    time.sleep(0.3)
    assert list(brief.list_keys()) == ["b"]
    assert list(brief.list_dir()) == ["b"]


def test_a_full_server_is_said_to_be_full() -> None:
    """By every way to write; what was stored before is unchanged, and can be deleted."""
    with start(maxmemory=20_000_000) as server, RedisBackend.create(url=server.url) as backend:
        backend.set("a", b"old")
        with suppress(StorageFullError):
            for i in range(100):
                backend.set(f"filled/{i}", bytes(1_000_000))
        before, new = list(backend.list_keys()), bytes(3_000_000)
        for write in (
            lambda: backend.set_many({"a": new, "b": new}),
            lambda: backend.set("a", new),
            lambda: backend.set_if_absent("b", new),
            lambda: backend.update("a", lambda _: new),
        ):
            with pytest.raises(StorageFullError):
                write()
        assert (backend.get("a"), list(backend.list_keys())) == (b"old", before)
        backend.delete_prefix("filled/")
        backend.set("a", b"new")


def test_a_value_that_is_too_large_is_refused_before_it_is_sent() -> None:
    """Without any server."""
    backend = RedisBackend.create(url="redis://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="smaller chunks"):
        backend.set("a", memoryview(bytearray(512 * 2**20 + 1)))


def test_a_reader_needs_to_read_alone(redis: Service, client: Any) -> None:
    """With the permissions that the README names."""
    backend = RedisBackend.create(url=redis.url, prefix="read")
    backend.set("a/b", b"value")
    client.execute_command(
        "ACL", "SETUSER", "reader", "on", ">pw", "~{*", "resetchannels", "+@read", "-@dangerous"
    )
    url = f"redis://reader:pw@127.0.0.1:{redis.port}/0"
    reader = RedisBackend.create(url=url, prefix="read")
    assert (reader.get("a/b"), reader.get_range("a/b", 1, 3), reader.size("a/b")) == (
        b"value", b"al", 5,
    )  # fmt: skip
    assert (list(reader.list_keys()), list(reader.list_dir())) == (["a/b"], ["a"])
    for write in (reader.delete_prefix, lambda: reader.update("a/b", lambda _: b"")):
        with pytest.raises(PermissionDeniedError):
            write()


def test_a_key_of_another_program_is_no_chunk(redis: Service, client: Any) -> None:
    """It is neither missing nor bytes."""
    backend = RedisBackend.create(url=redis.url, prefix="other")
    client.rpush("{other}/a", "x")
    with pytest.raises(CorruptStorageError):
        backend.get("a")


def test_a_range_is_cut_as_a_slice(backend: RedisBackend) -> None:
    """Also behind the end, from the end, and of an empty value."""
    backend.set("a", b"0123456789")
    backend.set("empty", b"")
    for first, stop in ((0, 4), (8, 99), (10, 12), (99, None), (-3, None), (-99, None), (4, 2)):
        part = backend.get_range("a", first, stop)
        assert part is not None
        assert bytes(part) == b"0123456789"[first:stop]
    assert backend.get_range("empty", 0, 5) is not None
    assert backend.get_range("missing", 0, 5) is None
    assert (backend.size("empty"), backend.size("missing")) == (0, None)


def test_the_server_tells_what_it_keeps(backend: RedisBackend) -> None:
    """The server of the tests writes every command to its file before it answers."""
    found = backend.persistence()
    assert (found.append_only, found.append_fsync, found.evicts) == (True, "always", False)
    assert str(found) == "a killed server loses nothing; 0 replicas"


def test_a_server_that_keeps_nothing_says_so() -> None:
    """Neither a file of commands nor snapshots."""
    with start(appendonly=False) as server, RedisBackend.create(url=server.url) as backend:
        assert "EVERYTHING" in str(backend.persistence())
