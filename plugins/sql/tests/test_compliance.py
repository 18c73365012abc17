"""The whole contract, on each database."""

from __future__ import annotations

import pytest

from zarr_backends_compliance.services import Service
from zarr_backends_compliance.suite import BackendCompliance


class TestSqlite(BackendCompliance):
    """A file."""

    storage = "sql"

    @pytest.fixture
    def options(self, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
        """Return the place."""
        return {"url": f"sqlite:///{tmp_path_factory.getbasetemp()}/arrays.db"}


class TestPostgresql(BackendCompliance):
    """A server."""

    storage = "sql"

    @pytest.fixture
    def options(self, postgresql: Service) -> dict[str, str]:
        """Return the place."""
        return {"url": postgresql.url}
