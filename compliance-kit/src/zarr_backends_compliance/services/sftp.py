"""SFTP on a folder: OpenSSH's own server where it is installed, else one of asyncssh's.

Both log in by key. OpenSSH serves as the user that it runs as, which is root here, so that a
missing permission is seen by the read-only key and not by modes of files.
"""

from __future__ import annotations

import getpass
import os
import shutil
from pathlib import Path
from typing import Literal

from zarr_backends_compliance.services import _servers
from zarr_backends_compliance.services._errors import ServiceStartError, ServiceUnavailableError
from zarr_backends_compliance.services._guarding import Command, Guard
from zarr_backends_compliance.services._installs import python_install
from zarr_backends_compliance.services._ports import HOST, free_port, is_listening
from zarr_backends_compliance.services._processes import ServerProcess
from zarr_backends_compliance.services._service import Service

__all__ = ["start"]

_NAME = "sftp"

_PINNED = ("asyncssh==2.24.1",)

_SCRIPT = Path(_servers.__path__[0]) / "sftp_server.py"

_PRIVILEGE_SEPARATION = Path("/run/sshd")
"""Folder that Debian's sshd wants to exist; its service makes it, if it ever ran."""

_SYSTEM_PATH = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
"""Where servers are, also for users whose own path leaves them out."""


def start(kind: Literal["auto", "openssh", "asyncssh"] = "auto") -> Service:
    """Start a server with two keys, of which one may only read.

    Args:
        kind: Which server; "auto" is OpenSSH where it is installed and this is root.

    Returns:
        The service; its options are ``username``, ``key_file``, ``read_only_key_file``,
        ``known_hosts``, a file with the server's key, and ``folder``, which both sides see
        under this name and in which a session starts.

    Raises:
        ServiceUnavailableError: It is not installed and cannot be.
        ServiceStartError: It does not start.
    """
    program = _openssh(required=kind == "openssh") if kind != "asyncssh" else None
    python = None if program else python_install("sftp", _PINNED) / "bin" / "python"
    port = free_port()
    with Guard() as guard:
        folder = guard.folder / "data"
        folder.mkdir()
        command = _sshd(guard, program, port) if program else _asyncssh(guard, python, port)
        process = ServerProcess(guard, "sftp", command, lambda: is_listening(port))
        process.start()
        host_key = (guard.folder / "host_key.pub").read_text().strip()
        known_hosts = guard.folder / "known_hosts"
        # Also what a proxy in between shows is this server's key.
        known_hosts.write_text(f"* {host_key}\n")
    user = getpass.getuser()
    options = {
        "username": user,
        "key_file": str(guard.folder / "key"),
        "read_only_key_file": str(guard.folder / "read_only_key"),
        "known_hosts": str(known_hosts),
        "folder": str(folder),
    }
    url = f"sftp://{user}@{HOST}:{port}{folder}"
    return Service(_NAME, guard, [process], port=port, url=url, options=options)


def _openssh(*, required: bool) -> str | None:
    """Return the path of OpenSSH's server, if it can serve here.

    Raises:
        ServiceUnavailableError: It is required and cannot.
    """
    program = shutil.which("sshd", path=_SYSTEM_PATH)
    if program and shutil.which("ssh-keygen") and os.geteuid() == 0:
        return program
    if required:
        reason = "OpenSSH's server is not installed, or this is not root"
        remedy = "as root, apt-get install openssh-server"
        raise ServiceUnavailableError(_NAME, reason, remedy)
    return None


def _sshd(guard: Guard, program: str, port: int) -> Command:
    """Make keys and a configuration for OpenSSH, and return the command that serves."""
    _PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    for name in ("host_key", "key", "read_only_key"):
        file = str(guard.folder / name)
        guard.run(Command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file]))
    folder = guard.folder / "data"
    authorized = [
        f'restrict,command="internal-sftp {right} -d {folder}" '
        + (guard.folder / f"{name}.pub").read_text()
        for name, right in (("key", ""), ("read_only_key", "-R"))
    ]
    (guard.folder / "authorized_keys").write_text("".join(authorized))
    config = guard.folder / "sshd_config"
    config.write_text(_sshd_config(guard.folder, port) + "PerSourcePenalties no\n")
    try:
        guard.run(Command([program, "-t", "-f", config]))
    except ServiceStartError:  # releases before 9.8 have no penalties, nor this word
        config.write_text(_sshd_config(guard.folder, port))
    return Command([program, "-D", "-e", "-f", config])


def _sshd_config(folder: Path, port: int) -> str:
    """Return the configuration of OpenSSH's server."""
    lines = [
        f"Port {port}",
        f"ListenAddress {HOST}",
        f"HostKey {folder / 'host_key'}",
        f"PidFile {folder / 'sshd.pid'}",
        f"AuthorizedKeysFile {folder / 'authorized_keys'}",
        "StrictModes no",  # the folder is below one that everybody may write to
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        "PrintMotd no",
        "UseDNS no",
        "Subsystem sftp internal-sftp",
        "MaxStartups 200",
        "MaxSessions 100",
    ]
    return "".join(f"{line}\n" for line in lines)


def _asyncssh(guard: Guard, python: Path | None, port: int) -> Command:
    """Return the command by which asyncssh serves; the script makes the keys."""
    return Command([str(python), _SCRIPT, HOST, str(port), guard.folder, getpass.getuser()])
