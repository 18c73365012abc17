"""Making a new array at a place, and opening one that is there.

1. The metadata is worked out and checked before anything is touched.
2. An occupied place is refused, or emptied when the caller asked to overwrite.
3. The metadata is written; with that the array exists.
"""

from __future__ import annotations

import re

from zarr_backends._engine.array import Array
from zarr_backends._engine.scheduling import run
from zarr_backends._format.metadata.parsing import ArrayMetadata, parse_metadata
from zarr_backends.contract import Backend, SupportsKeys
from zarr_backends.errors import ArrayExistsError, ArrayNotFoundError, MetadataNotFoundError

__all__ = ["create_array", "open_array"]

_DOCUMENTS = r"zarr\.json|\.z(array|attrs|group|metadata)"
_CHUNKS = r"c|(c[/.])?\d+([/.]\d+)*"

_NODE_KEY = re.compile(f"{_DOCUMENTS}|{_CHUNKS}")
"""Keys that belong to the node at the root: its documents, and chunks of either format."""

_KEY_BELOW = re.compile(f"(.+/)?({_DOCUMENTS}|{_CHUNKS})")
"""Keys that belong to the node at the root or to one below it."""

_DOCUMENT = re.compile(f"(^|/)({_DOCUMENTS})$")
"""Keys of metadata documents."""


def create_array(backend: Backend, metadata: ArrayMetadata, *, overwrite: bool) -> Array:
    """Write a new array's metadata.

    Args:
        backend: Connected by ``create``.
        metadata: The new array's.
        overwrite: Delete what is stored there first: an array, or a whole hierarchy.

    Returns:
        The array.

    Raises:
        ArrayExistsError: Something of Zarr is stored there, chunks without metadata
            included, and `overwrite` is false; nothing was changed.
        CodecError: A codec is unknown or misconfigured; nothing was changed.
    """
    array = Array(backend, metadata)
    found = _occupant(backend)
    if found is not None:
        if not overwrite:
            message = f"{backend!r} already holds {found}; pass overwrite=True to delete it first"
            raise ArrayExistsError(message, backend=backend.backend_id)
        _clear(backend, array.concurrency)
    backend.write_metadata(metadata.document, metadata.zarr_format)
    return array


def open_array(backend: Backend, *, read_only: bool) -> Array:
    """Return the array that a backend holds.

    Raises:
        ArrayNotFoundError: None is stored there.
        MetadataError: What is stored is not a Zarr array, or one that is not supported.
    """
    try:
        document = backend.read_metadata()
    except MetadataNotFoundError as error:
        message = f"no array at {backend!r}"
        raise ArrayNotFoundError(message, backend=backend.backend_id) from error
    return Array(backend, parse_metadata(document), read_only=read_only)


def _occupant(backend: Backend) -> str | None:
    """Return what is stored at a place, in words, or None where it is free."""
    if backend.exists():
        return "an array"
    if isinstance(backend, SupportsKeys):
        if backend.get("zarr.json") is not None or backend.get(".zgroup") is not None:
            return "a group"
        key = next((key for key in backend.list_keys() if _NODE_KEY.fullmatch(key)), None)
        return None if key is None else f"chunks without metadata (such as {key!r})"
    index = next(iter(backend.list_chunks()), None)
    return None if index is None else f"chunks without metadata (such as {index!r})"


def _clear(backend: Backend, concurrency: int) -> None:
    """Delete what a place holds: an array's own keys, or a group with all below it.

    Only keys that Zarr gives are deleted; a file of another kind in the same folder stays.
    Metadata goes last, so that an interrupted call leaves an array that can be overwritten.
    """
    if not isinstance(backend, SupportsKeys):
        run(backend.delete_chunk, list(backend.list_chunks()), concurrency)
        return
    pattern = _NODE_KEY if backend.exists() else _KEY_BELOW
    keys = [key for key in backend.list_keys() if pattern.fullmatch(key)]
    documents = [key for key in keys if _DOCUMENT.search(key)]
    run(backend.delete, (key for key in keys if not _DOCUMENT.search(key)), concurrency)
    run(backend.delete, documents, concurrency)
