"""The whole contract of a storage backend."""

from zarr_backends_compliance import BackendCompliance


class TestCompliance(BackendCompliance):
    """One test for every sentence of it."""

    storage = "folder"
