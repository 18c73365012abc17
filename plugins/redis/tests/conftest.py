"""Servers of the compliance kit, and places of a test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from zarr_backends_compliance.services import Service
from zarr_backends_redis import RedisBackend

pytest_plugins = ["zarr_backends_compliance.services.fixtures"]


@pytest.fixture
def backend(redis: Service, request: pytest.FixtureRequest) -> Iterator[RedisBackend]:
    """Return a backend at a place of its own."""
    with RedisBackend.create(url=redis.url, prefix=request.node.name) as made:
        yield made


@pytest.fixture
def cluster_url(redis_cluster: Service) -> str:
    """Return the url of a cluster."""
    return f"redis+cluster://{redis_cluster.options['nodes']}"
