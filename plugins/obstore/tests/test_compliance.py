"""The whole contract, in S3 and in Azure."""

from __future__ import annotations

from typing import Any

import pytest

from zarr_backends_compliance.suite import BackendCompliance


class TestS3(BackendCompliance):
    """Moto, which checks signatures."""

    storage = "obstore"

    @pytest.fixture
    def options(self, on_s3: dict[str, Any]) -> dict[str, Any]:
        """Return the bucket."""
        return on_s3


@pytest.mark.slow
class TestAzure(BackendCompliance):
    """Azurite."""

    storage = "obstore"

    @pytest.fixture
    def options(self, on_azure: dict[str, Any]) -> dict[str, Any]:
        """Return the container."""
        return on_azure
