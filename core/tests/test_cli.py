"""The command ``zarr-backends``, run as a user runs it: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zarr_backends as zb

pytest.importorskip("click", reason="the extra `cli` is not installed")
pytest.importorskip("rich", reason="the extra `cli` is not installed")

MAIN = "from zarr_backends._cli import main; main()"
"""What the script that pip installs does."""


def run(*words: str, code: str = MAIN) -> subprocess.CompletedProcess[str]:
    """Run the command and return its status, output and messages."""
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        check=False,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "COLUMNS": "120"},
    )


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """Return the path of a small array."""
    path = tmp_path / "small.zarr"
    with zb.create(path, shape=(4, 6), chunks=(2, 3), dtype="int16") as array:
        array[...] = np.arange(24).reshape(4, 6)
    return path


def test_list_shows_a_table() -> None:
    """Every backend has a row with its state and distribution."""
    result = run("list")
    assert result.returncode == 0
    row = next(line for line in result.stdout.splitlines() if line.startswith("filesystem"))
    assert row.split()[:4] == ["filesystem", "available", "zarr-backends", "file"]


def test_list_prints_json() -> None:
    """The same for programs, with everything that is known."""
    infos = json.loads(run("list", "--json").stdout)
    assert [info["id"] for info in infos] == zb.list_backends()
    assert {"distribution", "options", "capabilities", "error"} <= infos[0].keys()


def test_info_describes_a_backend() -> None:
    """Its options are a table of their own."""
    result = run("info", "filesystem")
    assert result.returncode == 0
    assert "SupportsKeys" in result.stdout
    row = next(line for line in result.stdout.splitlines() if line.startswith("path"))
    assert row.split()[-1] == "required"


def test_info_describes_an_array(stored: Path) -> None:
    """A path that is no id is opened."""
    result = run("info", str(stored))
    assert result.returncode == 0
    assert "(4, 6)" in result.stdout
    assert "int16" in result.stdout


def test_copy_copies_between_backends(stored: Path, tmp_path: Path) -> None:
    """A folder becomes an archive with the same values."""
    result = run("copy", str(stored), str(tmp_path / "copy.zip"))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    with zb.open(tmp_path / "copy.zip") as array:
        np.testing.assert_array_equal(array[...], np.arange(24).reshape(4, 6))


def test_copy_overwrites_when_it_is_told_to(stored: Path, tmp_path: Path) -> None:
    """An occupied target is an error otherwise."""
    target = str(tmp_path / "copy.zarr")
    assert run("copy", str(stored), target).returncode == 0
    refused = run("copy", str(stored), target)
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: ")
    assert run("copy", "--overwrite", str(stored), target).returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["info", "xyzzy"], "no backend 'xyzzy' is installed"),
        (["info", "./no/such.zarr"], "no/such.zarr"),
        (["info", "s3x://bucket"], "scheme 's3x'"),
        (["copy", "./no/such.zarr", "./other.zarr"], "no/such.zarr"),
    ],
)
def test_an_error_is_one_message(words: list[str], said: str) -> None:
    """Status 1, and no traceback."""
    result = run(*words)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: ")
    assert said in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("words", [["nonsense"], ["info"], ["copy", "x"], ["list", "--yaml"]])
def test_wrong_usage_has_status_2(words: list[str]) -> None:
    """The message says how to get help."""
    result = run(*words)
    assert result.returncode == 2
    assert "--help" in result.stderr


def test_help_and_version_are_there() -> None:
    """The commands are listed with what they do."""
    assert "Copy an array" in run("--help").stdout
    assert zb.__version__ in run("--version").stdout


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_the_command_says_what_to_install(missing: str) -> None:
    """One line, no traceback."""
    result = run(code=f"import sys; sys.modules['{missing}'] = None; {MAIN}")
    assert result.returncode == 1
    assert "pip install 'zarr-backends[cli]'" in result.stderr
    assert result.stderr.count("\n") == 1
