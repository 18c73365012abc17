"""One pytest fixture a service, started once a session: ``mongod``, ``s3``, ...

A plugin's tests take them with this line in their ``conftest.py``::

    pytest_plugins = ["zarr_backends_compliance.services.fixtures"]

A test that uses one is skipped, with the reason, where the machine cannot run the service; it
fails instead where the environment variable ``ZARR_BACKENDS_SERVICES_STRICT`` is ``1``. A test
that kills or freezes a server puts it right again: others share it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from zarr_backends_compliance.services import Service, ServiceUnavailableError, serve

__all__ = [
    "azurite",
    "ceph",
    "ftp",
    "gcs",
    "mongod",
    "mongod_replica_set",
    "postgresql",
    "postgresql_pair",
    "redis",
    "redis_cluster",
    "redis_sentinel",
    "s3",
    "sftp",
    "webdav",
]


def _fixture(service: str) -> Any:
    """Return the fixture of a service."""

    @pytest.fixture(scope="session", name=service)
    def start() -> Iterator[Service]:
        try:
            started = serve(service)
        except ServiceUnavailableError as error:
            if os.environ.get("ZARR_BACKENDS_SERVICES_STRICT") == "1":
                raise
            pytest.skip(str(error))
        with started:
            yield started

    start.__doc__ = f"The service {service!r}, started once a session."
    return start


azurite = _fixture("azurite")
ceph = _fixture("ceph")
ftp = _fixture("ftp")
gcs = _fixture("gcs")
mongod = _fixture("mongod")
mongod_replica_set = _fixture("mongod_replica_set")
postgresql = _fixture("postgresql")
postgresql_pair = _fixture("postgresql_pair")
redis = _fixture("redis")
redis_cluster = _fixture("redis_cluster")
redis_sentinel = _fixture("redis_sentinel")
s3 = _fixture("s3")
sftp = _fixture("sftp")
webdav = _fixture("webdav")
