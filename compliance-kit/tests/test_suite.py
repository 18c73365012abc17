"""`BackendCompliance`: the checks as tests of a plugin, run by a pytest of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from zarr_backends_compliance.suite import BackendCompliance, profile_of

FAULTY = "zarr_backends_compliance._mutants.reading:EmptyForMissing"

PLUGIN = """
from zarr_backends_compliance._mutants.reading import EmptyForMissing

class Own(EmptyForMissing):
    pass
"""

TESTS = """
import pytest
from own_backend import Own
from zarr_backends_compliance import BackendCompliance

class TestFaulty(BackendCompliance):
    storage = Own
    deviations = None

    @pytest.fixture
    def options(self, tmp_path):
        return {{"path": str(tmp_path / "data"), "timeout_s": 5.0}}

class TestMemory(BackendCompliance):
    storage = "memory"

class TestDeclared(BackendCompliance):
    storage = "own_backend:Own"
    deviations = {deviations!r}
"""

DEVIATIONS = """
[[deviation]]
id = "ZB-READ-02"
reason = "It cannot tell."
link = "https://example.org"
expires = 9999-12-31
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a plugin with its tests."""
    home = tmp_path_factory.mktemp("project")
    (home / "own_backend.py").write_text(PLUGIN)
    (home / "deviations.toml").write_text(DEVIATIONS)
    (home / "pyproject.toml").write_text('[tool.pytest.ini_options]\nfilterwarnings = ["error"]\n')
    (home / "test_own.py").write_text(TESTS.format(deviations=str(home / "deviations.toml")))
    return home


def run(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a project."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", *words]
    variables = {**os.environ, "COLUMNS": "300", "NO_COLOR": "1"}
    # A warning of a plugin that happens to be installed is no matter of this test.
    command += ["-o", "asyncio_default_fixture_loop_scope=function"]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=project, env=variables
    )


def test_every_check_is_a_test_with_a_readable_name(project: Path) -> None:
    """The id of the check and its title, and one for each check."""
    listed = run(project, "--collect-only", "-q", "-k", "TestMemory").stdout
    name = "test_own.py::TestMemory::test_backend[ZB-READ-02-a missing chunk is an error]"
    assert name in listed.splitlines()


@pytest.mark.parametrize(("given", "profile"), [(None, "standard"), ("soak", "soak")])
def test_the_command_line_sets_the_profile(given: str | None, profile: str) -> None:
    """Whatever the class says; without it, the class decides."""

    class Suite(BackendCompliance):
        profile = "standard"

    config = SimpleNamespace(getoption=lambda _, default: given or default)
    assert profile_of(cast("pytest.Config", config), Suite).name == profile


def test_a_failure_is_told_in_short(project: Path) -> None:
    """What was seen and how to see it again; no frame of the kit."""
    told = run(project, "-k", "TestFaulty and ZB-READ-02").stdout
    assert "read_chunk((1,)) returned b''" in told
    test = "test_own.py::TestFaulty::test_backend[ZB-READ-02-a missing chunk is an error]"
    assert f"again     pytest '{test}'" in told
    assert "with trial('own_backend:Own', path=" in told
    assert "suite.py" not in told.partition("short test summary")[0]


def test_what_is_missing_is_skipped_with_its_name(project: Path) -> None:
    """A skip says which capability."""
    told = run(project, "-k", "TestMemory and ZB-FLUSH").stdout
    assert "the backend has not got the capability flush" in told


def test_a_deviation_is_an_expected_failure(project: Path) -> None:
    """With its reason."""
    told = run(project, "-k", "TestDeclared and ZB-READ-02").stdout
    assert "1 xfailed" in told
    assert "It cannot tell. (https://example.org)" in told


def test_an_environment_that_fails_is_an_error(project: Path) -> None:
    """The test is not failed but erroneous, as nothing is known of the backend."""
    gone = "class TestGone(TestFaulty):\n    storage = 'no_such_backend'\n"
    (project / "test_gone.py").write_text(f"from test_own import TestFaulty\n\n{gone}")
    told = run(project, "test_gone.py", "-k", "TestGone and ZB-READ-02").stdout
    assert "1 error" in told
    assert "no_such_backend" in told


def test_several_workers_share_the_tests(project: Path) -> None:
    """Under pytest-xdist every worker makes the same tests; other processes find the class."""
    pytest.importorskip("xdist")
    told = run(project, "-n", "2", "-k", "TestMemory and (ZB-READ or ZB-PROC-01)").stdout
    assert " passed" in told
    assert "failed" not in told
