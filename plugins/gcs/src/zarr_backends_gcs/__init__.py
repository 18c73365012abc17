"""Zarr arrays in Google Cloud Storage."""

from zarr_backends_gcs._backend import GcsBackend

__all__ = ["GcsBackend"]
