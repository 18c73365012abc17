"""Chunk key encodings as users give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from zarr_backends._format.chunks.keys import ChunkKeyEncoding
from zarr_backends.errors import ConfigurationError, MetadataError

__all__ = ["key_encoding"]


def key_encoding(given: Any, default: Literal["default", "v2"]) -> ChunkKeyEncoding:
    """Return how chunks are to be named.

    Args:
        given: What the user said.
        default: Name of the encoding that holds where the user does not say it; ``"v2"``
            is the only one of Zarr v2.

    Raises:
        ConfigurationError: `given` is no encoding, or none of this format.
    """
    name: Any = default
    separator: Any = None
    if isinstance(given, str) and given in (".", "/"):
        separator = given
    elif isinstance(given, str):
        name = given
    elif isinstance(given, Mapping):
        configuration = given.get("configuration") or {}
        name = given.get("name", default)
        separator = given.get("separator", configuration.get("separator"))
    elif given is not None:
        name, separator = getattr(given, "name", None), getattr(given, "separator", None)
    if separator is None:
        separator = "." if name == "v2" else "/"
    try:
        encoding = ChunkKeyEncoding(name, separator)
    except (MetadataError, TypeError) as error:
        message = f"chunk_key_encoding {given!r:.80} is none: {error}"
        raise ConfigurationError(message, option="chunk_key_encoding") from error
    if default == "v2" and name != "v2":
        message = "Zarr v2 has the chunk_key_encoding 'v2' only; give its separator, '.' or '/'"
        raise ConfigurationError(message, option="chunk_key_encoding")
    return encoding
