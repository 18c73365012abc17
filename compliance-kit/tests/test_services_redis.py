"""Valkey or Redis: alone, with sentinels, as a cluster."""

from __future__ import annotations

from typing import Any

import pytest
from service_samples import until

from zarr_backends_compliance.services import (
    ServiceStartError,
    ServiceUnavailableError,
    serve,
)
from zarr_backends_compliance.services._ports import free_port
from zarr_backends_compliance.services._resp import CommandError, redis_command

client = pytest.importorskip("redis")

pytest_plugins = ["zarr_backends_compliance.services.fixtures"]


def connect(service: Any) -> Any:
    """Return a client that does not try again by itself."""
    return client.Redis.from_url(service.url, socket_timeout=2, retry=None)


def test_values_survive_restart_and_kill(redis: Any) -> None:
    """What was acknowledged is there after either."""
    with connect(redis) as one:
        one.set("key", b"\0value")
    redis.restart()
    redis.kill()
    redis.restart()
    with connect(redis) as one:
        assert one.get("key") == b"\0value"


def test_a_password_is_needed(redis: Any) -> None:
    """A client without it is refused."""
    with pytest.raises(CommandError, match="NOAUTH"):
        redis_command(redis.port, "GET", "key")
    with pytest.raises(CommandError, match="WRONGPASS"):
        redis_command(redis.port, "GET", "key", password=redis.name)


def test_a_limit_of_memory() -> None:
    """A server with a limit refuses what goes beyond it."""
    try:
        service = serve("redis", auth=False, maxmemory=3_000_000)
    except ServiceUnavailableError as error:
        pytest.skip(str(error))
    values = {str(number): bytes(100_000) for number in range(100)}
    with service, connect(service) as one:
        one.set("small", b"value")
        with pytest.raises(client.exceptions.OutOfMemoryError):
            fill(one, values)


def fill(one: Any, values: dict[str, bytes]) -> None:
    """Write values one after the other; the server counts what it has before each."""
    for key, value in values.items():
        one.set(key, value)


def test_a_frozen_server_times_out(redis: Any) -> None:
    """The client waits in vain, and goes on after the thaw."""
    redis.freeze()
    try:
        with pytest.raises(client.TimeoutError), connect(redis) as one:
            one.ping()
    finally:
        redis.thaw()
    with connect(redis) as one:
        assert one.ping()


def test_our_own_client(redis: Any) -> None:
    """It reads every kind of answer, and an error is an error."""
    password = redis.options["password"]
    port = redis.port
    assert redis_command(port, "GET", "no such key", password=password) is None
    assert redis_command(port, "DEL", "no such key", password=password) == 0
    assert redis_command(port, "CONFIG", "GET", "save", password=password) == ["save", ""]
    with pytest.raises(OSError, match="refused"):
        redis_command(free_port(), "PING")


def test_sentinels_replace_the_primary(redis_sentinel: Any) -> None:
    """A value that a replica has acknowledged outlives the primary."""
    addresses = [tuple(one.split(":")) for one in redis_sentinel.options["sentinels"].split(",")]
    sentinel = client.Sentinel(addresses, socket_timeout=1)
    name = redis_sentinel.options["master_name"]
    with sentinel.master_for(name) as one:
        one.set("key", "value")
        assert one.wait(1, 2000) >= 1
    killed = redis_sentinel.kill_primary()
    with sentinel.master_for(name, retry=patient()) as one:
        assert one.get("key") == b"value"
    assert redis_sentinel.primary_port() != killed
    redis_sentinel.restart()


def test_a_cluster_replaces_a_primary(redis_cluster: Any) -> None:
    """All keys can be read after one of its servers was killed."""
    host, port = redis_cluster.host, redis_cluster.port
    with client.RedisCluster(host, port) as one:
        for number in range(50):
            one.set(f"key {number}", number)
            assert one.wait(1, 2000, target_nodes=one.get_node_from_key(f"key {number}")) == 1
    killed = redis_cluster.kill_primary()
    alive = next(one for one in redis_cluster.ports if one != killed)
    assert until(lambda: redis_cluster.is_whole(alive), deadline_s=30)
    with client.RedisCluster(host, alive) as one:
        assert [int(one.get(f"key {number}")) for number in range(50)] == list(range(50))
    redis_cluster.restart()


def patient() -> Any:
    """Return what makes a client try again for up to 30 s."""
    backoff = pytest.importorskip("redis.backoff").ConstantBackoff(0.2)
    return pytest.importorskip("redis.retry").Retry(backoff, 150)


def test_a_wrong_setting_is_reported() -> None:
    """The server's own words are in the error."""
    try:
        with pytest.raises(ServiceStartError, match="maxmemory"):
            serve("redis", maxmemory="much")
    except ServiceUnavailableError as error:
        pytest.skip(str(error))
