"""Build a distribution, install its wheel alone, and do what its README shows first.

Usage: ``python check_distribution.py FOLDER``, in an environment that has ``build``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory


def main() -> None:
    """Check the distribution in the folder that the command line names."""
    project = Path(sys.argv[1]).resolve()
    with TemporaryDirectory() as folder:
        work = Path(folder)
        wheel = build(project, work / "dist")
        python = clean_environment(work / "environment")
        run(python, "-m", "pip", "install", "--quiet", str(wheel))
        run(python, "-m", "pip", "check")
        run(python, "-W", "error", "-c", first_example(project / "README.md"), cwd=work)
    print(f"{wheel.name}: built, installed alone, works")


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
