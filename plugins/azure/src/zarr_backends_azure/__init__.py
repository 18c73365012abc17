"""Zarr arrays in Azure Blob Storage."""

from zarr_backends_azure._backend import AzureBlobBackend

__all__ = ["AzureBlobBackend"]
