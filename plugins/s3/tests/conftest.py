"""S3 servers of the compliance kit, and the options by which they are reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from zarr_backends_compliance.services import serve

pytest_plugins = ["zarr_backends_compliance.services.fixtures"]


@pytest.fixture(scope="session")
def strict_s3() -> Iterator[Any]:
    """Start a server that checks signatures and rights, once a session."""
    with serve("s3", auth=True) as started:
        yield started


@pytest.fixture(scope="session")
def has_ceph(request: pytest.FixtureRequest) -> bool:
    """Return whether Ceph's gateway can be had on this machine."""
    try:
        request.getfixturevalue("ceph")
    except pytest.skip.Exception:
        return False
    return True


def options_of(service: Any) -> dict[str, str]:
    """Return the options of a bucket on a server."""
    names = ("endpoint_url", "bucket", "region", "key", "secret")
    return {name: service.options[name] for name in names}


@pytest.fixture
def s3_options(strict_s3: Any) -> dict[str, str]:
    """Return the options of the bucket of moto's server."""
    return options_of(strict_s3)


@pytest.fixture
def ceph_options(ceph: Any) -> dict[str, str]:
    """Return the options of the bucket of Ceph's gateway."""
    return options_of(ceph)


@pytest.fixture
def best_options(request: pytest.FixtureRequest, *, has_ceph: bool) -> dict[str, str]:
    """Return the options of the bucket of the most faithful server that this machine has."""
    given: dict[str, str] = request.getfixturevalue(f"{'ceph' if has_ceph else 's3'}_options")
    return given


@pytest.fixture(params=["s3", "ceph"])
def place(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the options of a prefix of a test's own, on each server."""
    given: dict[str, str] = request.getfixturevalue(f"{request.param}_options")
    return {**given, "prefix": f"tests/{request.node.originalname}"}


@pytest.fixture
def stranger(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the credentials of a user without rights."""
    is_ceph = "ceph" in request.node.name
    service = request.getfixturevalue("ceph" if is_ceph else "strict_s3")
    return {name: service.options[f"other_{name}"] for name in ("key", "secret")}
