"""Zarr arrays in the buckets of S3, Google Cloud Storage and Azure, through obstore."""

from zarr_backends_obstore._backend import ObstoreBackend

__all__ = ["ObstoreBackend"]
