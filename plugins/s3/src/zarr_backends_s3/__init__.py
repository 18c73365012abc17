"""Zarr arrays in S3 and in stores that speak like it."""

from zarr_backends_s3._backend import S3Backend

__all__ = ["S3Backend"]
