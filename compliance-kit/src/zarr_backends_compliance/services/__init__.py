"""Real servers for the tests of backends, started on demand on the loopback.

>>> from zarr_backends_compliance.services import serve
>>> with serve("redis") as redis:  # doctest: +SKIP
...     MyBackend.create(host=redis.host, port=redis.port, **redis.options)

A server that is not installed comes from a pinned package, into a cache of its own and
without root. Every one listens on a free port, is ready when `serve` returns, and leaves
neither a process nor a file behind, not even after a SIGKILL of the tests. For pytest there
is one fixture a service in `zarr_backends_compliance.services.fixtures`.
"""

from __future__ import annotations

import importlib
from typing import Any

from zarr_backends_compliance.services._errors import (
    ServiceError,
    ServiceStartError,
    ServiceUnavailableError,
)
from zarr_backends_compliance.services._ports import free_port
from zarr_backends_compliance.services._service import Service

__all__ = [
    "Service",
    "ServiceError",
    "ServiceStartError",
    "ServiceUnavailableError",
    "free_port",
    "list_services",
    "serve",
]

_SERVICES = (
    "azurite",
    "ceph",
    "ftp",
    "gcs",
    "http_faults",
    "mongod",
    "mongod_replica_set",
    "postgresql",
    "postgresql_pair",
    "redis",
    "redis_cluster",
    "redis_sentinel",
    "s3",
    "sftp",
    "tcp_proxy",
    "webdav",
)
"""Each is a module of this package with a function ``start(**settings)``."""


def list_services() -> list[str]:
    """Return the names of all services, sorted; this machine may not have each."""
    return list(_SERVICES)


def serve(name: str, **settings: Any) -> Any:
    """Start a service.

    Args:
        name: One of `list_services`.
        **settings: As the ``start`` function of the module of that name takes them.

    Returns:
        The started service, a context manager: a `Service`, or the fault tool of that name.

    Raises:
        ValueError: No service has that name.
        ModuleNotFoundError: The module of that service is broken.
        ServiceUnavailableError: This machine has not got it and it cannot be installed.
    """
    if name not in _SERVICES:
        message = f"no service is named {name!r:.80}; there are {', '.join(_SERVICES)}"
        raise ValueError(message)
    try:
        module = importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name not in {"filelock", "platformdirs"}:
            raise
        raise ServiceUnavailableError(
            name,
            f"the module {error.name!r} is missing",
            "pip install 'zarr-backends-compliance[services]'",
        ) from error
    return module.start(**settings)
