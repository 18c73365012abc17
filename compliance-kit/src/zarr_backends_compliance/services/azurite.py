"""Azurite, Microsoft's own emulator of Azure Blob Storage.

Source: "Authorize with Shared Key" and "Create an account SAS" of the Azure Storage REST API.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from email.utils import formatdate
from urllib.parse import urlencode

from zarr_backends_compliance.services._guarding import Command, Guard
from zarr_backends_compliance.services._http import ask, demand
from zarr_backends_compliance.services._installs import find_node, npm_install
from zarr_backends_compliance.services._ports import HOST, free_port
from zarr_backends_compliance.services._processes import ServerProcess
from zarr_backends_compliance.services._service import Service

__all__ = ["start"]

_PINNED = ("azurite@3.35.0",)

_ACCOUNT = "zarraccount"

_CONTAINER = "zarr"

_VERSION = "2021-12-02"
"""Version of the REST API that the signatures here follow."""


def start(memory_mb: int | None = None) -> Service:
    """Start a server with one account and one container, named "zarr".

    Args:
        memory_mb: Keep the data in memory, at most so many MB: what is written beyond is
            refused with 409, and a restart loses all. By default it is kept in files.

    Returns:
        The service; its options are ``account_name``, ``account_key``, ``container``,
        ``connection_string``, and ``read_only_sas``, a signature that allows to read and to
        list, until 2099.

    Raises:
        ServiceUnavailableError: It cannot be installed here.
        ServiceStartError: It does not start.
    """
    script = npm_install("azurite", _PINNED) / "azurite" / "dist" / "src" / "blob" / "main.js"
    node = find_node()
    port = free_port()
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    with Guard() as guard:
        command = [str(node), str(script), "--blobHost", HOST, "--blobPort", str(port)]
        command += ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        command += _persistence(guard, memory_mb)
        env = {"AZURITE_ACCOUNTS": f"{_ACCOUNT}:{key}"}
        process = ServerProcess(
            guard, "azurite", Command(command, env=env), lambda: ask(port, "/") > 0
        )
        process.start()
        _create_container(port, key)
    url = f"http://{HOST}:{port}/{_ACCOUNT}"
    return Service("azurite", guard, [process], port=port, url=url, options=_options(url, key))


def _persistence(guard: Guard, memory_mb: int | None) -> list[str]:
    """Return the arguments that say where the data is."""
    if memory_mb is None:
        return ["--location", str(guard.folder / "data")]
    return ["--inMemoryPersistence", "--extentMemoryLimit", str(memory_mb)]


def _options(url: str, key: str) -> dict[str, str]:
    """Return what a client needs."""
    parts = {
        "DefaultEndpointsProtocol": "http",
        "AccountName": _ACCOUNT,
        "AccountKey": key,
        "BlobEndpoint": url,
    }
    return {
        "account_name": _ACCOUNT,
        "account_key": key,
        "container": _CONTAINER,
        "connection_string": "".join(f"{name}={value};" for name, value in parts.items()),
        "read_only_sas": _read_only_sas(key),
    }


def _create_container(port: int, key: str) -> None:
    """Create the container, as the owner of the account."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": _VERSION}
    lines = ["PUT", *[""] * 11]  # none of the standard headers
    lines += [f"{name}:{value}" for name, value in headers.items()]
    # The account stands twice where it is a part of the path.
    lines += [f"/{_ACCOUNT}/{_ACCOUNT}/{_CONTAINER}", "restype:container"]
    headers["Authorization"] = f"SharedKey {_ACCOUNT}:{_signature(key, lines)}"
    target = f"/{_ACCOUNT}/{_CONTAINER}?restype=container"
    demand(port, target, "PUT", b"", headers)


def _read_only_sas(key: str) -> str:
    """Return a query that gives the right to read and to list everything."""
    fields = {
        "sp": "rl",  # read, list
        "ss": "b",  # of blobs
        "srt": "sco",  # the service, containers, objects
        "st": "",  # since ever
        "se": "2099-01-01T00:00:00Z",
        "sip": "",
        "spr": "https,http",
        "sv": _VERSION,
    }
    # After the version follows an encryption scope, which is empty.
    lines = [_ACCOUNT, *fields.values(), "", ""]
    query = {name: value for name, value in fields.items() if value}
    return urlencode({**query, "sig": _signature(key, lines)})


def _signature(key: str, lines: list[str]) -> str:
    """Return the signature of some lines."""
    text = "\n".join(lines).encode()
    return base64.b64encode(hmac.digest(base64.b64decode(key), text, hashlib.sha256)).decode()
