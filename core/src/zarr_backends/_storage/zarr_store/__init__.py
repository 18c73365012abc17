"""Any backend as a store of zarr-python; the only place that imports zarr."""

from __future__ import annotations

from zarr_backends._storage.zarr_store.store import BackendStore, zarr_store

__all__ = ["BackendStore", "zarr_store"]
