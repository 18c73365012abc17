"""Installs on demand: once, whole or not at all, and with a reason where it cannot be."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from service_samples import until

from zarr_backends_compliance.services import ServiceUnavailableError
from zarr_backends_compliance.services._installs import (
    cache_folder,
    npm_install,
    python_install,
    site_packages,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="servers need POSIX processes")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty cache, which is the one in use."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("ZARR_BACKENDS_SERVICES_CACHE", str(folder))
    return folder


@pytest.fixture
def wheel(tmp_path: Path) -> str:
    """Return the path of a wheel with one module."""
    path = tmp_path / "zb_sample-1.0-py3-none-any.whl"
    info = "zb_sample-1.0.dist-info"
    files = {
        "zb_sample.py": "answer = 42\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: zb-sample\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return str(path)


def installing(wheel: str) -> subprocess.Popen[str]:
    """Return another process that installs a wheel and prints where."""
    program = (
        "import sys; from zarr_backends_compliance.services._installs import python_install;"
        "print(python_install('sample', (sys.argv[1],)))"
    )
    command = [sys.executable, "-c", program, wheel]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def attempts(cache: Path) -> list[Path]:
    """Return the folders of all installs, finished or not."""
    return [path for path in cache.glob("sample-*/*") if path.is_dir()]


def test_two_processes_install_once(cache: Path, wheel: str) -> None:
    """Who comes second waits and gets what the first one installed."""
    with installing(wheel) as one, installing(wheel) as other:
        answers = {one.communicate()[0].strip(), other.communicate()[0].strip()}
    assert answers == {str(path) for path in attempts(cache)}
    assert len(answers) == 1
    assert (site_packages(Path(answers.pop())) / "zb_sample.py").exists()


def test_a_killed_install_is_not_taken_for_a_finished_one(cache: Path, wheel: str) -> None:
    """The next one starts afresh and removes what is left of the first."""
    with installing(wheel) as killed:
        assert until(lambda: bool(attempts(cache)))
        killed.kill()
    (half,) = attempts(cache)
    whole = python_install("sample", (wheel,))
    assert attempts(cache) == [whole]
    assert whole != half


def test_an_install_that_fails_says_why(cache: Path) -> None:
    """The service, pip's own words and a remedy are in the error, and nothing is left."""
    missing = str(cache / "zb_missing-1.0-py3-none-any.whl")
    with pytest.raises(ServiceUnavailableError, match=r"'sample'.*zb_missing.*try again") as caught:
        python_install("sample", (missing,))
    assert caught.value.name == "sample"
    assert attempts(cache) == []


def test_a_cache_that_cannot_be_written(cache: Path) -> None:
    """The error names the variable that leads elsewhere."""
    cache.write_text("not a folder")
    with pytest.raises(ServiceUnavailableError, match="ZARR_BACKENDS_SERVICES_CACHE"):
        python_install("sample", ("nothing",))


def test_the_user_has_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable it is the user's own cache."""
    monkeypatch.delenv("ZARR_BACKENDS_SERVICES_CACHE")
    assert cache_folder().name == "zarr-backends-compliance"


def test_npm_packages(tmp_path: Path) -> None:
    """A package of npm's is found in the folder that is returned."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "package.json").write_text('{"name": "zb-sample", "version": "1.0.0"}')
    try:
        modules = npm_install("sample", (str(package),))
    except ServiceUnavailableError as error:
        pytest.skip(str(error))
    assert (modules / "zb-sample" / "package.json").exists()
