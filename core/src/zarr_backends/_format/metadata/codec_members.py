"""The ``codecs`` member of Zarr v3 as far as metadata has to understand it.

Codecs are checked for their form here, and for their meaning by the codec pipeline. Shards
are looked into, however they are nested, to bound what has to be held in memory.

Source: Zarr core specification 3, "codecs"; sharding codec specification 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, Literal, TypeAlias

from zarr_backends._format.metadata.members import (
    MAX_CHUNK_NBYTES,
    chunk_extents,
    object_member,
    refuse,
    refuse_large_chunk,
)
from zarr_backends.errors import MetadataError

__all__ = [
    "Codecs",
    "codec_objects",
    "inner_chunk_shape",
    "innermost_codecs",
    "is_big_endian",
    "order_of",
    "sharding_of",
]

Codecs: TypeAlias = tuple[dict[str, Any], ...]
"""Codec objects in encoding order."""


def codec_objects(value: object, member: str) -> Codecs:
    """Return codecs as objects.

    Raises:
        MetadataError: `value` is no list of at least one codec.
    """
    if not isinstance(value, list | tuple) or not value:
        refuse(member, value, "a list of at least one codec")
    return tuple(_codec(entry, member) for entry in value)


def _codec(entry: object, member: str) -> dict[str, Any]:
    """Return one codec as an object.

    Raises:
        MetadataError: `entry` is neither a name nor an object with a name.
    """
    if isinstance(entry, str):
        return {"name": entry}
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        refuse(f"every entry of {member}", entry, "an object with a name")
    return {**entry, "configuration": object_member(entry, "configuration")}


def sharding_of(codecs: Codecs) -> Mapping[str, Any] | None:
    """Return the configuration of the sharding codec, if it is the only one."""
    if len(codecs) == 1 and codecs[0]["name"] == "sharding_indexed":
        configuration: Mapping[str, Any] = codecs[0].get("configuration", {})
        return configuration
    return None


def inner_chunk_shape(sharding: Mapping[str, Any], ndim: int) -> tuple[int, ...]:
    """Return the chunk shape of a sharding codec.

    Raises:
        MetadataError: It is malformed.
    """
    value = sharding.get("chunk_shape")
    if isinstance(value, list | tuple) and 0 in value:
        refuse("chunk_shape of sharding_indexed", value, "positive integers")
    return chunk_extents(value, "chunk_shape of sharding_indexed", ndim)


def innermost_codecs(chunk_shape: tuple[int, ...], codecs: Codecs, itemsize: int) -> Codecs:
    """Refuse chunks that are too large and shards whose index is, however they are nested.

    Returns:
        The codecs of the chunk that is not itself a shard.

    Raises:
        MetadataError: A chunk or an index is.
    """
    while (sharding := sharding_of(codecs)) is not None:
        inner = inner_chunk_shape(sharding, len(chunk_shape))
        index_nbytes = 16 * prod(-(-n // m) for n, m in zip(chunk_shape, inner, strict=True))
        if index_nbytes > MAX_CHUNK_NBYTES:
            message = (
                f"chunks of shape {inner} give shards of shape {chunk_shape} an index of "
                f"{index_nbytes} bytes; more than {MAX_CHUNK_NBYTES} is refused"
            )
            raise MetadataError(message)
        chunk_shape = inner
        codecs = codec_objects(sharding.get("codecs"), "codecs of sharding_indexed")
    refuse_large_chunk(chunk_shape, itemsize, "chunk_shape")
    return codecs


def is_big_endian(codec: Mapping[str, Any]) -> bool:
    """Whether a codec stores numbers with their most significant byte first."""
    return bool(codec["name"] == "bytes" and codec.get("configuration", {}).get("endian") == "big")


def order_of(codecs: Codecs, ndim: int) -> Literal["C", "F"]:
    """Return ``"F"`` where the first codec reverses the dimensions."""
    if codecs[0]["name"] == "transpose" and ndim > 1:
        order = codecs[0].get("configuration", {}).get("order")
        if order in (list(range(ndim))[::-1], tuple(range(ndim))[::-1], "F"):
            return "F"
    return "C"
