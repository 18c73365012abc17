"""Azurite of the compliance kit, and the options by which it is reached."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from zarr_backends_azure import AzureBlobBackend
from zarr_backends_compliance.services import Service

pytest_plugins = ["zarr_backends_compliance.services.fixtures"]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget accounts that the environment may name."""
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def account(azurite: Service) -> dict[str, str]:
    """Return the options of Azurite's account and container, without credentials."""
    names = ("account_name", "container")
    return {"endpoint_url": azurite.url, **{name: azurite.options[name] for name in names}}


@pytest.fixture
def place(
    azurite: Service, account: dict[str, str], request: pytest.FixtureRequest
) -> dict[str, str]:
    """Return the options of a prefix of a test's own."""
    key = azurite.options["account_key"]
    return {**account, "account_key": key, "prefix": f"tests/{request.node.name}"}


@pytest.fixture
def backend(place: dict[str, str]) -> Iterator[Any]:
    """Return a backend at a place of its own."""
    with AzureBlobBackend.create(**place) as made:
        yield made
