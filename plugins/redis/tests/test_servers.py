"""Servers that change places: sentinels, clusters, and TLS."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.cluster import RedisCluster

from zarr_backends import BackendError, BackendTimeoutError, ConfigurationError, NetworkError
from zarr_backends_compliance.services import Service
from zarr_backends_compliance.services._ports import free_port
from zarr_backends_redis import RedisBackend


def in_the_end(call: Callable[[], object]) -> object:
    """Call until no transient error comes, as callers are told to."""
    until = time.monotonic() + 60
    while True:
        try:
            return call()
        except BackendError as error:
            if not error.transient or time.monotonic() > until:
                raise
        time.sleep(0.1)


def client_of(cluster_url: str) -> Any:
    """Return a client of a cluster, which is not ours."""
    host, port = cluster_url.rpartition("/")[2].split(",")[0].split(":")
    return RedisCluster(host=host, port=int(port))


def test_an_instance_follows_the_sentinels(redis_sentinel: Service) -> None:
    """The primary is killed; what two replicas had is there, and writing goes on."""
    backend = RedisBackend.create(url=redis_sentinel.url, min_replicas=1, timeout_s=5)
    for i in range(100):
        backend.set(f"before/{i}", b"x")
    redis_sentinel.kill_primary()  # type: ignore[attr-defined]  # of this service
    in_the_end(lambda: RedisBackend.create(url=redis_sentinel.url, timeout_s=5).set("after", b"y"))
    assert len(in_the_end(lambda: list(backend.list_keys("before/")))) == 100  # type: ignore[arg-type]
    assert in_the_end(lambda: backend.get("after")) == b"y"
    redis_sentinel.restart()


def test_replicas_that_are_not_there_are_missed(redis_sentinel: Service) -> None:
    """The write says so, and is done."""
    backend = RedisBackend.create(url=redis_sentinel.url, min_replicas=9, timeout_s=2)
    with pytest.raises(BackendTimeoutError, match="min_replicas=9"):
        backend.set("a", b"there")
    assert backend.get("a") == b"there"


def test_a_primary_that_no_sentinel_knows_is_named(redis_sentinel: Service) -> None:
    """The name comes from the url."""
    url = redis_sentinel.url.replace("/zarr", "/other")
    with pytest.raises(ConfigurationError, match="'other'"):
        RedisBackend.create(url=url).get("a")


def test_places_are_spread_over_a_cluster(cluster_url: str) -> None:
    """Each place is on one server, which any other one names."""
    backends = [RedisBackend.create(url=cluster_url, prefix=f"p{i}") for i in range(12)]
    for backend in backends:
        backend.set_many({"a": b"1", "b": b"2"})
        assert backend.get_many(["a", "b", "c"]) == [b"1", b"2", None]
        assert list(backend.list_keys()) == ["a", "b"]
    with client_of(cluster_url) as client:
        servers = {client.get_node_from_key(f"{{p{i}}}").port for i in range(12)}
    assert len(servers) > 1


def test_a_url_of_any_server_leads_to_its_cluster(redis_cluster: Service) -> None:
    """Without saying that it is one."""
    for address in redis_cluster.options["nodes"].split(","):
        backend = RedisBackend.create(url=f"redis://{address}", prefix="p1")
        backend.set("a", address.encode())
        assert backend.get("a") == address.encode()


def test_an_instance_follows_a_cluster(redis_cluster: Service, cluster_url: str) -> None:
    """The server that has the keys is killed, and its replica takes over."""
    backend = RedisBackend.create(url=cluster_url, min_replicas=1, timeout_s=5)
    backend.set("a", b"kept")
    with client_of(cluster_url) as client:
        port = client.get_node_from_key("{zarr}/a").port
    next(one for one in redis_cluster.processes if one.name == f"redis-{port}").kill()
    with pytest.raises(NetworkError):
        backend.get("a")
    assert in_the_end(lambda: backend.get("a")) == b"kept"
    redis_cluster.restart()


def test_a_server_of_a_cluster_that_is_away_is_passed_over(cluster_url: str) -> None:
    """The next one in the url is asked."""
    url = cluster_url.replace("://", "://127.0.0.1:1,")
    assert RedisBackend.create(url=url).get("nothing") is None


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Start a server with TLS; return its url and its certificate."""
    server, openssl = shutil.which("redis-server"), shutil.which("openssl")
    if server is None or openssl is None:
        pytest.skip("needs redis-server, built with TLS, and openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"
    files = "-keyout", str(key), "-out", str(certificate)
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, "-subj", *subject],
        check=True, capture_output=True,
    )  # fmt: skip
    port = free_port()
    options = {"port": 0, "tls-port": port, "tls-cert-file": certificate, "tls-key-file": key,
               "tls-auth-clients": "no", "save": "", "dir": tmp_path}  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    with subprocess.Popen([server, *words], stdout=subprocess.DEVNULL) as process:
        try:
            yield f"rediss://localhost:{port}", certificate
        finally:
            process.kill()


def test_tls_is_used_and_certificates_are_checked(tls: tuple[str, Path]) -> None:
    """A certificate that is not trusted is refused."""
    url, certificate = tls
    trusting = RedisBackend.create(url=url, ca_certificates=certificate)
    in_the_end(lambda: trusting.set("a", bytes(3_000_000)))
    assert trusting.get("a") == bytes(3_000_000)
    with pytest.raises(BackendError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        RedisBackend.create(url=url).get("a")
    assert not caught.value.transient
