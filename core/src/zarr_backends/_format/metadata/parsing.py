"""Metadata documents of both formats, read with care."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zarr_backends._format.metadata.array_metadata import ArrayMetadata
from zarr_backends._format.metadata.members import MAX_CHUNK_NBYTES, refuse
from zarr_backends._format.metadata.v2 import parse_v2
from zarr_backends._format.metadata.v3 import parse_v3
from zarr_backends.errors import MetadataError

__all__ = ["MAX_CHUNK_NBYTES", "ArrayMetadata", "parse_metadata"]

_PARSERS = {2: parse_v2, 3: parse_v3}


def parse_metadata(document: Mapping[str, Any]) -> ArrayMetadata:
    """Return what a metadata document says, after checking all of it.

    Args:
        document: The JSON object as ``Backend.read_metadata`` gives it: ``zarr.json``, or
            ``.zarray`` with the attributes as its member ``attributes``. It is not changed.

    Raises:
        MetadataError: It is not that of a Zarr array, or asks for what is not supported.
            The message names the member, its value and what it must be.

    Source: Zarr core specification 3, "Array metadata"; Zarr v2 specification, "Metadata".
    """
    if not isinstance(document, Mapping):
        refuse("metadata", document, "a JSON object")
    zarr_format = document.get("zarr_format")
    if type(zarr_format) is not int or zarr_format not in _PARSERS:
        refuse("zarr_format", zarr_format, "2 or 3")
    try:
        return _PARSERS[zarr_format](dict(document))
    except RecursionError as error:
        message = "metadata is nested too deeply to be that of an array"
        raise MetadataError(message) from error
