"""The whole contract."""

from __future__ import annotations

from zarr_backends_compliance.suite import BackendCompliance


class TestSharedMemory(BackendCompliance):
    """Tables in shared memory."""

    storage = "shared_memory"
