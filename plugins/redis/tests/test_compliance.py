"""The whole contract, on each kind of server."""

import pytest

from zarr_backends_compliance.services import Service
from zarr_backends_compliance.suite import BackendCompliance


class TestRedis(BackendCompliance):
    """One server."""

    storage = "redis"

    @pytest.fixture
    def options(self, redis: Service) -> dict[str, str]:
        """Return the place."""
        return {"url": redis.url}


class TestSentinel(BackendCompliance):
    """A primary with two replicas, found by its sentinels."""

    storage = "redis"

    @pytest.fixture
    def options(self, redis_sentinel: Service) -> dict[str, str]:
        """Return the place."""
        return {"url": redis_sentinel.url}


class TestCluster(BackendCompliance):
    """Three primaries with a replica each."""

    storage = "redis"

    @pytest.fixture
    def options(self, cluster_url: str) -> dict[str, str]:
        """Return the place."""
        return {"url": cluster_url}
