"""The whole contract, on a server of this distribution over files."""

import pytest

from zarr_backends_compliance import BackendCompliance


class TestHttp(BackendCompliance):
    """Through HTTP."""

    storage = "http"

    @pytest.fixture
    def options(self, keyed_server: tuple[str, str]) -> dict[str, str]:
        """Where the server is."""
        url, key = keyed_server
        return {"base_url": url, "array_id": "kit", "api_key": key}


class TestHttpWithoutKeys(BackendCompliance):
    """Through HTTP, to a storage of the ten members alone."""

    storage = "zarr_backends_http:HttpArrayBackend"

    @pytest.fixture
    def options(self, bare_server: str) -> dict[str, str]:
        """Where the server is."""
        return {"base_url": bare_server, "array_id": "kit"}
