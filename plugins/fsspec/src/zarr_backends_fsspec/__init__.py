"""Zarr arrays on any fsspec file system, and the base of backends on one of them."""

from zarr_backends_fsspec._backend import FsspecBackend
from zarr_backends_fsspec._errors import (
    ERRORS,
    ErrorTable,
    Meaning,
    StatusError,
    meaning_of_status,
)
from zarr_backends_fsspec._files import AsyncFiles, Files, Version
from zarr_backends_fsspec._objects import ObjectBackend, ObjectFiles
from zarr_backends_fsspec._options import (
    checked_bool,
    checked_count,
    checked_mapping,
    checked_prefix,
    checked_seconds,
    checked_text,
)
from zarr_backends_fsspec._session import frozen
from zarr_backends_fsspec._threads import in_new_thread

__all__ = [
    "ERRORS",
    "AsyncFiles",
    "ErrorTable",
    "Files",
    "FsspecBackend",
    "Meaning",
    "ObjectBackend",
    "ObjectFiles",
    "StatusError",
    "Version",
    "checked_bool",
    "checked_count",
    "checked_mapping",
    "checked_prefix",
    "checked_seconds",
    "checked_text",
    "frozen",
    "in_new_thread",
    "meaning_of_status",
]
