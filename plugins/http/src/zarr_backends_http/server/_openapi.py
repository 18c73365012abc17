"""The OpenAPI document that comes with this distribution."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["openapi_document"]


def openapi_document() -> bytes:
    """Return the document, JSON of OpenAPI 3.1."""
    return files("zarr_backends_http").joinpath("openapi.json").read_bytes()
