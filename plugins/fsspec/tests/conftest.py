"""Servers of the compliance kit, and the options by which they are reached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["zarr_backends_compliance.services.fixtures"]


@pytest.fixture
def sftp_options(sftp: Any, tmp_path: Path) -> dict[str, Any]:
    """Return the options of a folder on the SFTP server, by which a proxy is known as well."""
    keys = [
        line.split(" ", 1)[1] for line in Path(sftp.options["known_hosts"]).read_text().splitlines()
    ]
    known = tmp_path / "known_hosts"
    known.write_text("".join(f"* {key}\n" for key in keys))
    return {
        "url": f"{sftp.url}/{{name}}",
        "storage_options": {"client_keys": sftp.options["key_file"], "known_hosts": str(known)},
    }


@pytest.fixture
def ftp_options(ftp: Any) -> dict[str, Any]:
    """Return the options of a folder on the FTP server."""
    return {
        "url": f"ftp://{ftp.options['username']}@{ftp.host}:{ftp.port}/{{name}}",
        "storage_options": {"password": ftp.options["password"]},
    }


@pytest.fixture
def webdav_options(webdav: Any) -> dict[str, Any]:
    """Return the options of a folder on the WebDAV server."""
    return {
        "url": f"webdav://{webdav.host}:{webdav.port}/{{name}}",
        "storage_options": {name: webdav.options[name] for name in ("username", "password")},
    }


@pytest.fixture(params=["memory", "sftp", "ftp", "webdav"])
def place(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the options of a folder of a test's own, on each server."""
    given: dict[str, Any] = {"url": "memory://tests/{name}"}
    if request.param != "memory":
        given = request.getfixturevalue(f"{request.param}_options")
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    return {**given, "url": given["url"].replace("{name}", name)}
