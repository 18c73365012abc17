"""zarr-python's tests of stores, run on a backend, and the plugin that `store_runs` adds.

pytest collects this file only where `store_runs` names it, in a process of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from zarr.core.buffer import Buffer, cpu
from zarr.testing.store import StoreTests

from zarr_backends import SupportsKeys
from zarr_backends._storage.zarr_store import BackendStore
from zarr_backends_compliance._kernel.trial import Trial

__all__ = ["PLACE", "SuitePlugin", "TestStore"]

PLACE = "suite"
"""Name of the place of the suite, which is cleared before each test."""


class SuitePlugin:
    """The pytest plugin of the suite: its one fixture, and its memory.

    Args:
        t: Where places come from.
    """

    def __init__(self, t: Trial) -> None:
        """Begin with no test run."""
        self.passed = 0
        self.failed: list[tuple[str, str]] = []
        self._trial = t

    @pytest.fixture
    def backend(self) -> Iterator[Any]:
        """Yield a connected backend that holds nothing."""
        found = self._trial.create(PLACE)
        _clear(found)
        yield found
        _clear(found)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Count a test that passed, keep name and message of one that did not."""
        if report.passed:
            self.passed += report.when == "call"
        elif report.failed:
            self.failed.append((report.nodeid.rpartition("::")[2], _message_of(report)))


def _clear(backend: SupportsKeys) -> None:
    """Delete every key."""
    for key in list(backend.list_keys()):
        backend.delete(key)


def _message_of(report: Any) -> str:
    """Return what a failed test says, in one line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return re.sub(r"\s+", " ", crash.message if crash else str(report.longrepr))[:300]


class TestStore(StoreTests[BackendStore, cpu.Buffer]):
    """What zarr-python asks of a store; the fixture ``backend`` is that of `store_runs`."""

    store_cls = BackendStore
    buffer_cls = cpu.Buffer

    @pytest.fixture
    def store_kwargs(self, backend: Any) -> dict[str, Any]:
        """Return the arguments of the store."""
        return {"backend": backend}

    async def get(self, store: BackendStore, key: str) -> Buffer:
        """Read past the store."""
        return cpu.Buffer.from_bytes(bytes(store.backend.get(key)))  # type: ignore[union-attr, arg-type]

    async def set(self, store: BackendStore, key: str, value: Buffer) -> None:
        """Write past the store."""
        store.backend.set(key, value.to_bytes())  # type: ignore[union-attr]

    def test_store_repr(self, store: BackendStore) -> None:
        """A store can be shown."""
        assert repr(store)  # noqa: S101  # as pytest checks

    def test_store_supports_writes(self, store: BackendStore) -> None:
        """Every store can be written."""
        assert store.supports_writes  # noqa: S101

    def test_store_supports_listing(self, store: BackendStore) -> None:
        """Every store can be listed."""
        assert store.supports_listing  # noqa: S101

    async def test_serializable_store(self, store: BackendStore) -> None:
        """Left out: whether a backend can be pickled is a question of its own."""
