"""The plugins in ``examples/``: built, installed beside ours and nothing else, and complying."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PLUGINS = {"minimal-plugin": "sqlite_file", "bare-plugin": "folder"}
"""Folder and backend id."""


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of commands of a clean environment with every distribution."""
    home = tmp_path_factory.mktemp("clean")
    projects = [ROOT / "core", ROOT / "compliance-kit", *(ROOT / "examples" / p for p in PLUGINS)]
    for project in projects:
        build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(home / "wheels")]
        subprocess.run([*build, str(project)], check=True, capture_output=True)
    # What ours stand on is the same as around this test; ours come from their wheels alone.
    venv.create(home / "environment", with_pip=True)
    binaries = home / "environment" / ("Scripts" if sys.platform == "win32" else "bin")
    wheels = [str(path) for path in (home / "wheels").glob("*.whl")]
    pip = [str(binaries / "python"), "-m", "pip", "install", "--quiet"]
    ours = [wheel for wheel in wheels if "compliance" not in wheel]
    subprocess.run([*pip, "--no-index", "--no-deps", *wheels], check=True)
    subprocess.run([*pip, *wheels], check=True)
    assert len(ours) == 3
    return binaries


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "backend"), PLUGINS.items())
def test_a_plugin_is_discovered(commands: Path, folder: str, backend: str) -> None:
    """Installing is all that it takes."""
    code = (
        f"import zarr_backends, json; print(zarr_backends.backend_info({backend!r}).distribution)"
    )
    words = [commands / "python", "-c", code]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    assert f'name = "{told}"' in (ROOT / "examples" / folder / "pyproject.toml").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("backend", PLUGINS.values())
def test_a_plugin_complies(commands: Path, tmp_path: Path, backend: str) -> None:
    """The no-code run says so, and writes it down."""
    words = [commands / "zarr-backends-compliance", "run", backend, "--report", tmp_path]
    result = subprocess.run(words, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stdout
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert report["backend"]["version"] == "0.1.0"
    assert "FAIL" not in report["counts"]


@pytest.mark.parametrize("folder", PLUGINS)
def test_a_plugin_tests_itself_in_ten_lines(folder: str) -> None:
    """A subclass, and the name of the backend."""
    (path,) = (ROOT / "examples" / folder / "tests").glob("*.py")
    assert len(path.read_text("utf-8").splitlines()) <= 10


def test_a_plugin_has_seventy_lines_of_code() -> None:
    """Imports included; blank lines, comments and docstrings are no code."""
    (path,) = (ROOT / "examples" / "minimal-plugin" / "src").glob("*/__init__.py")
    assert lines_of_code(path.read_text("utf-8")) <= 70


def lines_of_code(text: str) -> int:
    """Count the lines of a module that are neither blank nor comment nor docstring."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    strings = [
        node.body[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, documented) and ast.get_docstring(node)
    ]
    told = {n for s in strings for n in range(s.lineno, (s.end_lineno or s.lineno) + 1)}
    lines = enumerate(text.splitlines(), 1)
    return sum(
        bool(line.strip()) and line.lstrip()[0] != "#" and n not in told for n, line in lines
    )
