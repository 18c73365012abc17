"""Build distributions, install each wheel alone, and do what shows that it works.

Usage: ``python check_distribution.py FOLDER...``, in an environment that has ``build``. All
are built first, so that each finds those of ours that it needs. Alone means: in a clean
environment, with nothing but what it depends on.

The core does what its README shows first, the compliance kit proves a backend, and a plugin
is asked whether its backends can be loaded.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

LOADED = """
import sys, zarr_backends
for name in sys.argv[1:]:
    info = zarr_backends.backend_info(name)
    assert info.state == "available", info
"""


def main() -> None:
    """Check the distributions in the folders that the command line names."""
    projects = [Path(argument).resolve() for argument in sys.argv[1:]]
    with TemporaryDirectory() as folder:
        work = Path(folder)
        wheels = [build(project, work / "dist" / project.name) for project in projects]
        ours = [part for wheel in wheels for part in ("--find-links", str(wheel.parent))]
        for project, wheel in zip(projects, wheels, strict=True):
            python = clean_environment(work / "environments" / project.name)
            run(python, "-m", "pip", "install", "--quiet", *ours, str(wheel))
            run(python, "-m", "pip", "check")
            run(python, "-W", "error", *proof(project), cwd=work)
            print(f"{wheel.name}: built, installed alone, works", flush=True)


def build(project: Path, folder: Path) -> Path:
    """Build the source distribution, and from it the wheel; return the wheel."""
    run(Path(sys.executable), "-m", "build", "--outdir", str(folder), str(project))
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    with tarfile.open(sdist) as archive:
        require(archive.getnames(), "/README.md", "/pyproject.toml", "/tests/")
    with zipfile.ZipFile(wheel) as archive:
        require(archive.namelist(), "/py.typed", "/METADATA", "/LICENSE")
    return wheel


def require(names: list[str], *parts: str) -> None:
    """Exit where no file of an archive has one of the parts in its path."""
    for part in parts:
        if not any(part in name for name in names):
            sys.exit(f"nothing like {part} was packed")


def clean_environment(folder: Path) -> Path:
    """Return the interpreter of a virtual environment that has nothing but pip."""
    venv.create(folder, with_pip=True)
    return next(p for p in (folder / "bin/python", folder / "Scripts/python.exe") if p.exists())


def proof(project: Path) -> list[str]:
    """Return the arguments of an interpreter that shows that a distribution works."""
    if project.name == "core":
        return ["-c", first_example(project / "README.md")]
    described = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]
    backends = described.get("entry-points", {}).get("zarr_backends", {})
    if backends:
        return ["-c", LOADED, *backends]
    return [
        "-c",
        "from zarr_backends_compliance._cli import main; main()",
        "run",
        "memory",
        "--yes",
    ]


def first_example(readme: Path) -> str:
    """Return the first block of Python code of a document."""
    found = re.search(r"^```python\n(.*?)^```", readme.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    if found is None:
        sys.exit(f"{readme} has no example")
    return found[1]


def run(python: Path, *arguments: str, cwd: Path | None = None) -> None:
    """Run an interpreter; end with its exit status where that is not 0."""
    status = subprocess.run([str(python), *arguments], cwd=cwd, check=False).returncode
    if status:
        sys.exit(status)


if __name__ == "__main__":
    main()
