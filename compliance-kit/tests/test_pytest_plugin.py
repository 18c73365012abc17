"""The plugin of pytest: weightless and silent, until a backend is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = "zarr_backends_compliance.pytest_plugin"

HEAVY = ("zarr_backends", "numpy", "hypothesis", "zarr", "click", "rich")
"""Packages that must not be imported for nothing."""


def run(folder: Path, *words: str, code: str = "") -> subprocess.CompletedProcess[str]:
    """Run pytest with no other plugin than ours."""
    start = ["-c", code] if code else ["-m", "pytest"]
    variables = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, *start, "-p", "no:cacheprovider", *words],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=variables,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with a test that has nothing to do with us."""
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-config\n")
    return tmp_path


def test_registering_imports_nothing_heavy(project: Path) -> None:
    """Neither the core nor anything that it stands on."""
    code = (
        "import pytest, sys; status = pytest.main(sys.argv[1:]); "
        f"print('imported', sorted(set({HEAVY!r}) & set(sys.modules))); sys.exit(status)"
    )
    result = run(project, "-p", PLUGIN, code=code)
    assert result.returncode == 0
    assert "imported []" in result.stdout


@pytest.mark.parametrize("words", [(), ("test_it.py",), ("--collect-only", "-q"), ("no_file.py",)])
def test_other_projects_run_as_before(project: Path, words: tuple[str, ...]) -> None:
    """The same status and the same words, with the plugin and without it."""
    results = [run(project, *words), run(project, "-p", PLUGIN, *words)]
    texts = [result.stdout.partition(" in 0.")[0] + result.stderr for result in results]
    assert results[0].returncode == results[1].returncode
    assert texts[0] == texts[1]


def test_a_project_that_is_empty(tmp_path: Path) -> None:
    """No test, with status 5, as without the plugin."""
    assert run(tmp_path, "-p", PLUGIN).returncode == run(tmp_path).returncode == 5


def test_nothing_is_checked_unless_a_backend_is_named(project: Path) -> None:
    """The module of the no-code run has no tests then."""
    result = run(project, "-p", PLUGIN, "--pyargs", "zarr_backends_compliance")
    assert result.returncode == 5
    assert "no tests ran" in result.stdout


@pytest.mark.parametrize("option", ["--zarr-option", "-o"])
def test_the_no_code_run(project: Path, option: str) -> None:
    """Options are given after either word; nothing is left in the folder that they name."""
    words = ["--pyargs", "zarr_backends_compliance", "--zarr-backend", "filesystem"]
    (project / "data").mkdir()
    words += [option, f"path={project / 'data'}", "-k", "ZB-READ", "-q", "-W", "error"]
    result = run(project, "-p", PLUGIN, *words)
    assert result.returncode == 0, result.stdout
    assert " passed" in result.stdout
    assert list((project / "data").iterdir()) == []


def test_a_wrong_option_is_an_error(project: Path) -> None:
    """It reaches the backend, which has no such option."""
    words = ["--pyargs", "zarr_backends_compliance", "--zarr-backend", "memory", "-o", "colour=red"]
    result = run(project, "-p", PLUGIN, *words, "-k", "ZB-READ-02")
    assert "has no option 'colour'" in result.stdout
    assert "1 error" in result.stdout
