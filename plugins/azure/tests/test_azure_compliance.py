"""The backend keeps the contract."""

from __future__ import annotations

import pytest

from zarr_backends_compliance import BackendCompliance


class TestAzurite(BackendCompliance):
    """On Microsoft's own emulator."""

    storage = "azure_blob"

    @pytest.fixture
    def options(self, place: dict[str, str]) -> dict[str, str]:
        """Return the options of its container."""
        return {**place, "prefix": "compliance"}
