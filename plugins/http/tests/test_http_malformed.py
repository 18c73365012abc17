"""Malformed requests crash nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "benchmarks"


def test_malformed_requests_crash_nothing() -> None:
    """A few of those that the script makes by the hundred thousand."""
    command = [sys.executable, str(SCRIPTS / "malformed.py"), "--number", "320"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_server_is_what_its_document_says() -> None:
    """Schemathesis finds no difference in a few requests of each kind."""
    pytest.importorskip("schemathesis")
    command = [sys.executable, str(SCRIPTS / "schema.py"), "--number", "5"]
    command += ["--phases", "examples,coverage"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
