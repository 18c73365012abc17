"""The backend keeps the contract."""

from __future__ import annotations

import pytest

from zarr_backends_compliance import BackendCompliance


class TestGcs(BackendCompliance):
    """On fake-gcs-server."""

    storage = "gcs"

    @pytest.fixture
    def options(self, gcs_options: dict[str, str]) -> dict[str, str]:
        """Return the options of its bucket."""
        return {**gcs_options, "prefix": "compliance"}
