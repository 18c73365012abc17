"""Servers of the compliance kit, as options of the backend."""

from __future__ import annotations

from typing import Any

import pytest

from zarr_backends_compliance.services import Service, serve

pytest_plugins = ["zarr_backends_compliance.services.fixtures"]


@pytest.fixture(scope="session")
def s3_with_rights() -> Any:
    """Yield a server that checks signatures and rights."""
    with serve("s3", auth=True) as server:
        yield server


def of_s3(server: Service) -> dict[str, Any]:
    """Return the options of a bucket of S3."""
    names = ("bucket", "region", "endpoint_url", "key", "secret")
    return {name: server.options[name] for name in names}


@pytest.fixture
def on_s3(s3_with_rights: Service) -> dict[str, Any]:
    """Return the options of moto's bucket."""
    return of_s3(s3_with_rights)


@pytest.fixture
def on_ceph(ceph: Service) -> dict[str, Any]:
    """Return the options of Ceph's bucket."""
    return of_s3(ceph)


@pytest.fixture
def on_azure(azurite: Service) -> dict[str, Any]:
    """Return the options of Azurite's container."""
    o = azurite.options
    account = {"account_name": o["account_name"], "account_key": o["account_key"]}
    return {"service": "az", "bucket": o["container"], "endpoint_url": azurite.url, **account}


@pytest.fixture(params=["on_s3", "on_azure"])
def place(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the options of a place of a test's own, in S3 and in Azure."""
    options: dict[str, Any] = request.getfixturevalue(request.param)
    return {**options, "prefix": f"tests/{request.node.originalname}"}
