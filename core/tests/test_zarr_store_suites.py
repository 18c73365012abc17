"""The test suites that zarr-python has for stores, on every embedded backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zarr
from dict_backend import DictBackend
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from zarr.core.buffer import Buffer, cpu
from zarr.testing.stateful import ZarrHierarchyStateMachine, ZarrStoreStateMachine
from zarr.testing.store import StoreTests
from zarr.testing.strategies import keys

from zarr_backends._storage.filesystem.backend import FilesystemBackend
from zarr_backends._storage.memory.backend import MemoryBackend
from zarr_backends._storage.zarr_store import BackendStore, zarr_store
from zarr_backends._storage.zip.backend import ZipBackend


class StoreSuite(StoreTests[BackendStore, cpu.Buffer]):
    """What zarr-python asks of a store; a subclass says over which backend."""

    store_cls = BackendStore
    buffer_cls = cpu.Buffer

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Any:
        """Return a connected backend that holds nothing."""
        raise NotImplementedError

    @pytest.fixture
    def store_kwargs(self, backend: Any) -> dict[str, Any]:
        """Return the arguments of the store."""
        return {"backend": backend}

    async def get(self, store: BackendStore, key: str) -> Buffer:
        """Read past the store."""
        return cpu.Buffer.from_bytes(store.backend.get(key))

    async def set(self, store: BackendStore, key: str, value: Buffer) -> None:
        """Write past the store."""
        store.backend.set(key, value.to_bytes())

    def test_store_repr(self, store: BackendStore) -> None:
        """A store shows its backend."""
        assert repr(store) == f"BackendStore({store.backend!r})"

    def test_store_supports_writes(self, store: BackendStore) -> None:
        """Every store can be written and deleted from."""
        assert store.supports_writes
        assert store.supports_deletes

    def test_store_supports_listing(self, store: BackendStore) -> None:
        """Every store can be listed."""
        assert store.supports_listing


class TestFourMethods(StoreSuite):
    """A backend that has nothing but the four methods of `SupportsKeys`."""

    @pytest.fixture
    def backend(self) -> DictBackend:
        """Return an empty dict."""
        return DictBackend()


class TestMemory(StoreSuite):
    """Values in this process."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> MemoryBackend:
        """Return a new place, with a name so that it can be pickled."""
        return MemoryBackend.create(name=str(tmp_path))


class TestFilesystem(StoreSuite):
    """Values in files."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> FilesystemBackend:
        """Return a directory that does not exist yet."""
        return FilesystemBackend.create(path=tmp_path / "store")


class TestZip(StoreSuite):
    """Values in an archive."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Iterator[ZipBackend]:
        """Yield an archive that does not exist yet, and close it."""
        with ZipBackend.create(path=tmp_path / "store.zip") as backend:
            yield backend


class FileTreeMachine(ZarrStoreStateMachine):
    """Arbitrary keys, but no key that is the directory of another: a file tree has no such."""

    @rule(key=keys(), data=st.binary(max_size=100))
    def set(self, key: str, data: bytes) -> None:
        """Set a value where a file tree can have it."""
        assume(not any(f"{old}/".startswith(f"{key}/") for old in self.model if old != key))
        assume(not any(f"{key}/".startswith(f"{old}/") for old in self.model if old != key))
        super().set(key, data)


@pytest.fixture(params=["four methods", "memory", "filesystem", "zip"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BackendStore]:
    """Yield a store over each backend, and close it."""
    backends = {
        "four methods": DictBackend,
        "memory": MemoryBackend.create,
        "filesystem": lambda: FilesystemBackend.create(path=tmp_path / "store"),
        "zip": lambda: ZipBackend.create(path=tmp_path / "store.zip"),
    }
    with zarr_store(backends[request.param](), close_backend=True) as store:
        yield store


def run(machine: Callable[[], RuleBasedStateMachine], examples: int) -> None:
    """Let hypothesis search, for seconds."""
    bounds = settings(
        deadline=None, max_examples=examples, stateful_step_count=30, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    run_state_machine_as_test(machine, settings=bounds)


@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
def test_hierarchies_develop_as_in_a_memory_store(store: BackendStore) -> None:
    """After any sequence of operations on nodes a store holds what zarr's own holds."""
    with zarr.config.set({"array.rectilinear_chunks": True}):
        run(lambda: ZarrHierarchyStateMachine(store), examples=12)


def test_keys_develop_as_in_a_dict(store: BackendStore) -> None:
    """After any sequence of operations on arbitrary keys a store holds what a dict holds."""
    is_tree = isinstance(store.backend, FilesystemBackend)
    machine = FileTreeMachine if is_tree else ZarrStoreStateMachine
    run(lambda: machine(store), examples=25)
