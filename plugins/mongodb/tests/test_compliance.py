"""The contract, on one server and on a replica set."""

from __future__ import annotations

from typing import Any

import pytest

from zarr_backends_compliance import BackendCompliance
from zarr_backends_compliance.services import Service


class TestServer(BackendCompliance):
    """One server, whose users log in."""

    storage = "mongo_gridfs"

    @pytest.fixture
    def options(self, mongod: Service) -> dict[str, Any]:
        """Return where it is."""
        return {"url": f"{mongod.url}zarr?authSource=admin"}


@pytest.mark.slow
class TestReplicaSet(BackendCompliance):
    """The primary of three servers, through one address, so that faults come in between."""

    storage = "mongo_gridfs"

    @pytest.fixture
    def options(self, mongod_replica_set: Service) -> dict[str, Any]:
        """Return where its primary is."""
        port = mongod_replica_set.primary().name.split("-")[1]  # type: ignore[attr-defined]  # of this service
        return {"url": f"mongodb://127.0.0.1:{port}/zarr?directConnection=true"}
