"""What checks write: bytes that can be told apart, and documents of real Zarr arrays."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

__all__ = ["V2", "V3", "payload", "v2_metadata", "v3_metadata"]


def payload(nbytes: int, seed: int = 0) -> bytes:
    """Return bytes that look random and are the same for the same arguments."""
    return random.Random(f"{seed}/{nbytes}").randbytes(nbytes)  # noqa: S311  # not for secrecy


def v3_metadata(shape: Sequence[int] = (8,), **members: Any) -> dict[str, Any]:
    """Return a Zarr v3 document of an array of bytes with chunks of one element.

    Args:
        shape: Length of every dimension.
        **members: Members that are added or replaced.
    """
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": "uint8",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1] * len(shape)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [{"name": "bytes"}],
        "attributes": {},
    } | members


def v2_metadata(shape: Sequence[int] = (8,), **members: Any) -> dict[str, Any]:
    """Return a Zarr v2 document, with the attributes as a member; see `v3_metadata`."""
    return {
        "zarr_format": 2,
        "shape": list(shape),
        "chunks": [1] * len(shape),
        "dtype": "|u1",
        "compressor": None,
        "fill_value": 0,
        "order": "C",
        "filters": None,
        "dimension_separator": ".",
        "attributes": {},
    } | members


V2, V3 = 2, 3
"""The two formats, as `Trial.array` takes them."""
