"""The backend keeps the contract on real servers, and in memory as far as one process goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zarr_backends_compliance import BackendCompliance


class TestSftp(BackendCompliance):
    """On an SFTP server."""

    storage = "fsspec"

    @pytest.fixture
    def options(self, sftp_options: dict[str, Any]) -> dict[str, Any]:
        """Return the options of the server."""
        return sftp_options


class TestFtp(BackendCompliance):
    """On an FTP server."""

    storage = "fsspec"

    @pytest.fixture
    def options(self, ftp_options: dict[str, Any]) -> dict[str, Any]:
        """Return the options of the server."""
        return ftp_options


@pytest.mark.slow
class TestWebdav(BackendCompliance):
    """On a WebDAV server."""

    storage = "fsspec"

    @pytest.fixture
    def options(self, webdav_options: dict[str, Any]) -> dict[str, Any]:
        """Return the options of the server."""
        return webdav_options


class TestMemory(BackendCompliance):
    """In the memory of this process, which no other process sees."""

    storage = "fsspec"
    deviations = str(Path(__file__).with_name("memory-deviations.toml"))

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        """Return a folder in memory."""
        return {"url": "memory://compliance/{name}"}
