"""The fixtures: a service that cannot be had is skipped, or fails where that is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zarr_backends_compliance.services import fixtures, list_services

_TEST = """
pytest_plugins = ["zarr_backends_compliance.services.fixtures"]

def test_it(mongod):
    pass
"""


def outcome(folder: Path, strict: str) -> str:
    """Return what pytest says of a test where no server can be had."""
    (folder / "test_it.py").write_text(_TEST)
    (folder / "cache").write_text("not a folder")
    hidden = {"PATH": "/nowhere", "ZARR_BACKENDS_SERVICES_CACHE": str(folder / "cache")}
    environment = os.environ | hidden | {"ZARR_BACKENDS_SERVICES_STRICT": strict}
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "test_it.py"]
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return ended.stdout


def test_a_missing_service_is_skipped_with_the_reason(tmp_path: Path) -> None:
    """The reason names the service and what can be done."""
    said = outcome(tmp_path, strict="")
    assert "1 skipped" in said
    assert "'mongod' is not available" in said


def test_a_missing_service_fails_where_all_must_be_there(tmp_path: Path) -> None:
    """Where servers are promised, a skip would hide that they are not there."""
    assert "1 error" in outcome(tmp_path, strict="1")


def test_every_server_has_a_fixture() -> None:
    """The two fault tools have none: each test sets them up for itself."""
    assert set(list_services()) - set(fixtures.__all__) == {"http_faults", "tcp_proxy"}
    assert all(hasattr(fixtures, name) for name in fixtures.__all__)


@pytest.mark.parametrize("name", list_services())
def test_every_service_has_a_module(name: str) -> None:
    """Each name of the table can be started."""
    package = "zarr_backends_compliance.services"
    module = pytest.importorskip(f"{package}.{name}", exc_type=ImportError)
    assert callable(module.start)
