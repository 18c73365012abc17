"""Chunk index to store key and back: both chunk key encodings of Zarr, both separators.

This is the one module of the format that storage uses, because a key-value backend names
its chunks as the specification does.

Source: Zarr core specification 3, "Chunk key encodings"; Zarr v2 specification, "Chunks".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from zarr_backends.contract import ChunkIndex
from zarr_backends.errors import MetadataError

__all__ = ["DEFAULT_ENCODING", "ChunkKeyEncoding", "encoding_of"]

_CANONICAL = re.compile(r"0|[1-9][0-9]{0,18}")
"""A grid coordinate in a key: decimal, no sign, no leading zero, below 10^19."""


class _Named(NamedTuple):
    """The fields of `ChunkKeyEncoding`, which checks them as a named tuple alone cannot."""

    name: str
    """``"default"`` (keys start with ``c``) or ``"v2"``."""
    separator: str
    """``"/"`` or ``"."``."""


class ChunkKeyEncoding(_Named):
    """How the chunks of one array are named.

    >>> ChunkKeyEncoding("default", "/").encode((0, 12))
    'c/0/12'
    >>> ChunkKeyEncoding("v2", ".").decode("0.12")
    (0, 12)
    """

    __slots__ = ()

    def __new__(cls, name: str, separator: str) -> Self:
        """Refuse other names and separators.

        Raises:
            MetadataError: Name or separator is not one of the two.
        """
        if name not in ("default", "v2"):
            message = f"unknown chunk key encoding {name!r}; known are 'default' and 'v2'"
            raise MetadataError(message)
        if separator not in ("/", "."):
            message = f"chunk key separator must be '/' or '.', not {separator!r}"
            raise MetadataError(message)
        return super().__new__(cls, name, separator)

    @property
    def prefix(self) -> str:
        """What every key of a chunk of one or more dimensions starts with."""
        return f"c{self.separator}" if self.name == "default" else ""

    def encode(self, index: ChunkIndex) -> str:
        """Return the store key of a chunk; `index` has been checked by the caller."""
        if index:
            return self.prefix + self.separator.join(map(str, index))
        return "c" if self.name == "default" else "0"

    def decode(self, key: str, ndim: int | None = None) -> ChunkIndex | None:
        """Read a store key back.

        Args:
            key: Store key relative to the array, without a slash at either end.
            ndim: Dimensions of the array; None accepts any number (then the key ``"0"`` of
                the v2 encoding is read as one dimension).

        Returns:
            The chunk's index, or None where `key` is not that of a chunk.
        """
        if ndim == 0:
            return () if key == self.encode(()) else None
        if key == "c" and self.name == "default" and ndim is None:
            return ()
        if not key.startswith(self.prefix):
            return None
        parts = key[len(self.prefix) :].split(self.separator)
        if ndim is not None and len(parts) != ndim:
            return None
        if not all(_CANONICAL.fullmatch(part) for part in parts):
            return None
        return tuple(map(int, parts))


DEFAULT_ENCODING = ChunkKeyEncoding("default", "/")
"""What Zarr v3 takes where metadata says nothing else."""

_DEFAULT_SEPARATORS = {"default": "/", "v2": "."}
"""Separators that hold where a v3 document leaves them out."""


def encoding_of(document: Mapping[str, Any]) -> ChunkKeyEncoding:
    """Read the chunk key encoding out of a metadata document of either format.

    Args:
        document: A ``.zarray`` or ``zarr.json`` object of an array.

    Returns:
        The encoding.

    Raises:
        MetadataError: The encoding is missing, malformed or unknown.

    Source: Zarr core specification 3, "chunk_key_encoding"; Zarr v2 specification,
    "dimension_separator".
    """
    if document.get("zarr_format") == 2:  # noqa: PLR2004  # the format's own number
        return ChunkKeyEncoding("v2", _separator(document.get("dimension_separator", ".")))
    entry = document.get("chunk_key_encoding")
    if isinstance(entry, str):
        entry = {"name": entry}
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        message = f"chunk_key_encoding must be an object with a name, not {entry!r:.80}"
        raise MetadataError(message)
    configuration = entry.get("configuration") or {}
    if not isinstance(configuration, Mapping):
        message = f"the configuration of chunk_key_encoding must be an object, not {entry!r:.80}"
        raise MetadataError(message)
    name: str = entry["name"]
    default = _DEFAULT_SEPARATORS.get(name, "/")
    return ChunkKeyEncoding(name, _separator(configuration.get("separator", default)))


def _separator(value: object) -> str:
    """Return a separator that is at least a string (its value is checked by the encoding)."""
    if isinstance(value, str):
        return value
    message = f"chunk key separator must be '/' or '.', not {value!r:.80}"
    raise MetadataError(message)
