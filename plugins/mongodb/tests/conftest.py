"""Servers and places of the tests."""

from __future__ import annotations

import uuid
from typing import Any

import pymongo
import pytest

from zarr_backends_compliance.services import Service
from zarr_backends_mongodb import MongoGridfsBackend

pytest_plugins = ["zarr_backends_compliance.services.fixtures"]


@pytest.fixture
def options(mongod: Service) -> dict[str, Any]:
    """Options of a place of its own, in a bucket of its own, on one server."""
    return {
        "url": f"{mongod.url}zarr?authSource=admin",
        "bucket": f"b{uuid.uuid4().hex[:8]}",
        "array_id": "run/1",
    }


@pytest.fixture
def backend(options: dict[str, Any]) -> Any:
    """A backend with nothing in it."""
    with MongoGridfsBackend.create(**options) as created:
        yield created


@pytest.fixture
def client(options: dict[str, Any]) -> Any:
    """A client of the same server that knows nothing of us."""
    with pymongo.MongoClient(options["url"]) as other:
        yield other["zarr"]
