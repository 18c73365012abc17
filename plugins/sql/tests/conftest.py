"""Servers of the compliance kit, and urls of both databases that are tested everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["zarr_backends_compliance.services.fixtures"]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the url of a database; arrays in it are told apart by the name of the test."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/arrays.db"
    return str(request.getfixturevalue("postgresql").url)


@pytest.fixture
def place(url: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the options of a place of a test's own."""
    return {"url": url, "array_id": request.node.name}
