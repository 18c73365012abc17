"""The backend keeps the contract on two servers of different make."""

from __future__ import annotations

import pytest

from zarr_backends_compliance import BackendCompliance


class TestMoto(BackendCompliance):
    """On moto's server, which checks signatures and rights here."""

    storage = "s3"

    @pytest.fixture
    def options(self, s3_options: dict[str, str]) -> dict[str, str]:
        """Return the options of its bucket."""
        return {**s3_options, "prefix": "compliance"}


class TestCeph(BackendCompliance):
    """On Ceph's gateway."""

    storage = "s3"

    @pytest.fixture
    def options(self, ceph_options: dict[str, str]) -> dict[str, str]:
        """Return the options of its bucket."""
        return {**ceph_options, "prefix": "compliance"}
