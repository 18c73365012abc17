"""The no-code run of pytest: ``pytest --pyargs zarr_backends_compliance --zarr-backend ID``."""

from __future__ import annotations

from typing import Any

import pytest

from zarr_backends_compliance.pytest_plugin import chosen_backend, given_options
from zarr_backends_compliance.suite import BackendCompliance

__all__ = ["TestCompliance"]


class TestCompliance(BackendCompliance):
    """The backend that the command line names; nothing where it names none."""

    __test__ = chosen_backend() is not None
    storage = chosen_backend() or ""

    @pytest.fixture
    def options(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        """Return the options that the command line gives."""
        return {**given_options(request.config)}
