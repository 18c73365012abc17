"""Whether a chunk holds nothing but the fill value, bit for bit.

``-0.0`` is not ``0.0``, and a NaN equals one with the same payload: what is left out must
come back as it was.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["is_fill"]

_BLOCK = 2**18
"""Elements that are compared at a time, so that the first difference ends the search."""

_WIDTHS = {1: "u1", 2: "u2", 4: "u4", 8: "u8"}
"""Unsigned integers to compare elements as, by their bytes."""


def is_fill(chunk: NDArray[Any], fill_value: Any) -> bool:
    """Return whether every element of a chunk is the fill value.

    Args:
        chunk: Array of any strides.
        fill_value: Scalar of the same dtype.
    """
    dtype = chunk.dtype
    if chunk.size == 0:
        return True
    if dtype.kind in "OT":
        return bool((chunk == fill_value).all())
    width = _WIDTHS.get(dtype.itemsize)
    if width is None or chunk.ndim == 0:
        fill = np.asarray(fill_value, dtype).tobytes()
        return _first(chunk).tobytes() == fill and chunk.tobytes() == fill * chunk.size
    bits, fill_bits = chunk.view(width), np.asarray(fill_value, dtype).view(width)[()]
    corner = (0,) * chunk.ndim
    if bits[corner] != fill_bits or bits[(-1,) * chunk.ndim] != fill_bits:
        return False
    rows = max(1, _BLOCK * len(bits) // bits.size)
    return all(
        bool((bits[start : start + rows] == fill_bits).all()) for start in range(0, len(bits), rows)
    )


def _first(chunk: NDArray[Any]) -> NDArray[Any]:
    """Return the first element as a 0-d array."""
    return chunk[(slice(0, 1),) * chunk.ndim]
