"""The backend keeps the contract on the most faithful server that this machine has."""

from __future__ import annotations

import pytest

from zarr_backends_compliance import BackendCompliance


class TestCeph(BackendCompliance):
    """On Ceph's gateway, a real one."""

    storage = "s3"

    @pytest.fixture
    def options(self, ceph_options: dict[str, str]) -> dict[str, str]:
        """Return the options of its bucket."""
        return {**ceph_options, "prefix": "compliance"}


class TestMoto(BackendCompliance):
    """On moto's server, which checks signatures and rights here, where there is no Ceph."""

    storage = "s3"

    @pytest.fixture
    def options(self, *, has_ceph: bool, s3_options: dict[str, str]) -> dict[str, str]:
        """Return the options of its bucket."""
        if has_ceph:
            pytest.skip("the whole contract is checked on Ceph, which is the better server")
        return {**s3_options, "prefix": "compliance"}
