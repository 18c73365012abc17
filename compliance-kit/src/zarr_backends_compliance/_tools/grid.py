"""Chunk indices that are easily mixed up, very large, or no indices at all."""

from __future__ import annotations

from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np

__all__ = ["ALIKE", "EQUAL_TO_ONE", "LARGE", "NO_INDICES", "corners"]

ALIKE: tuple[tuple[int, ...], ...] = (
    *((1, 1, 1), (1, 11, 1), (11, 1, 1), (1, 1, 11), (111, 1, 1), (1, 111, 1), (1, 1, 111)),
    *((1, 2, 3), (3, 2, 1), (2, 1, 3), (1, 3, 2), (12, 3, 1), (1, 23, 1), (1, 2, 31)),
    *((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (10, 0, 0), (0, 10, 0), (100, 0, 0)),
    *((127, 0, 0), (128, 0, 0), (255, 0, 0), (256, 0, 0), (0, 256, 0), (257, 0, 0), (1000, 0, 0)),
    *((999, 0, 0), (1001, 0, 0), (32_767, 0, 0), (32_768, 0, 0), (65_535, 0, 0), (65_536, 0, 0)),
    *((0, 1000, 0), (0, 0, 1000), (0, 1001, 0), (0, 0, 1024), (0, 1024, 0), (0, 0, 65_536)),
)
"""Indices of three dimensions that are the same to somebody who joins, sorts or cuts numbers."""

LARGE: tuple[int, ...] = (
    *(2**power + offset for power in (31, 32, 53, 62) for offset in (-1, 0, 1)),
    *(10**9, 10**10, 2**63 - 2),
)
"""Numbers around the ends of 32-bit integers, of doubles and of 64-bit integers."""

EQUAL_TO_ONE = MappingProxyType(
    {
        "a NumPy int64": (np.int64(1),),
        "a NumPy uint8": (np.uint8(1),),
        "a NumPy int32": (np.int32(1),),
        "True": (True,),
        "1.0": (1.0,),
        "a NumPy float": (np.float64(1),),
        "a list": [1],
        "a NumPy array": np.array([1]),
    }
)
"""What some would take for the index ``(1,)``, by name."""

NO_INDICES: MappingProxyType[str, Any] = MappingProxyType(
    {
        "a negative number": (-1,),
        "a large negative number": (-(2**63),),
        "a fraction": (1.5,),
        "not a number": (float("nan"),),
        "infinity": (float("inf"),),
        "too many numbers": (1, 0),
        "many too many numbers": (1, 1, 1, 1),
        "no number": (),
        "None": (None,),
        "an empty text": ("",),
        "a path": ("../1",),
        "a path to the metadata": ("../zarr.json",),
        "a negative text": ("-1",),
        "a tuple inside": ((1,),),
        "a slice": (slice(0, 2),),
    }
)
"""What is no index of an array of one dimension, by name."""


def corners(ndim: int) -> list[tuple[int, ...]]:
    """Return indices of a grid of 12 along each dimension: its ends in every combination.

    Args:
        ndim: Number of dimensions; beyond four only some of the combinations are taken.
    """
    ends = list(product((0, 11), repeat=ndim))
    return sorted({*ends[:8], *ends[-8:], tuple(range(ndim))})
