"""Damage: what may stand where a metadata document should, and indices with paths in them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from zarr_backends import ZarrBackendsError
from zarr_backends_compliance._kernel.verdicts import violated

__all__ = ["GARBAGE", "OUTWARD", "ours_or_result"]

GARBAGE = MappingProxyType(
    {
        "nothing": b"",
        "blanks": b"  \n",
        "zeros": b"\0" * 64,
        "no UTF-8": b'{"zarr_format": 3, "x": "\xff\xfe"}',
        "a cut off document": b'{"zarr_format": 3, "node_type": "arr',
        "a document and more": b'{"zarr_format": 3}{}',
        "a list": b"[]",
        "null": b"null",
        "a text": b'"zarr"',
        "a number": b"3",
        "a deep list": b"[" * 100_000,
        "deep objects": b'{"a":' * 100_000,
        "a pickle": pickle.dumps({"zarr_format": 3, "node_type": "array", "shape": [8]}),
        "Python": b"{'zarr_format': 3, 'node_type': 'array', 'shape': (8,)}",
    }
)
"""What is no metadata document, by name."""

OUTWARD = (
    "../zarr.json",
    "../../zarr.json",
    "../0",
    "../c/0",
    "../../c/0",
    "../../b/c/0",
    "../b/c/0",
    "../b/zarr.json",
    "b/c/0",
    "0/../../0",
    "0/../../../c/0",
    "0\0",
    "%2e%2e/c/0",
    "..\\c\\0",
    "%",
    "*",
    "' OR 1=1 --",
)
"""Texts that lead out of an array where they become a part of a key; at most three levels up."""


def ours_or_result(call: Callable[..., object], *arguments: Any) -> object:
    """Call something that may fail; fail where the error is none of ours.

    Returns:
        The result, or the error.
    """
    try:
        return call(*arguments)
    except ZarrBackendsError as error:
        return error
    except Exception as error:
        name = getattr(call, "__name__", repr(call))
        violated(f"{name} raised {type(error).__name__}, no error of ours: {error!s:.200}")
