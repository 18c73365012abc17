"""Whether a chunk holds nothing but the fill value, bit for bit.

Such a chunk is not stored. Values that are equal but not the same (0.0 and -0.0, two kinds
of NaN) would not be read back as they were, so bits are compared and not numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["is_fill"]

_BLOCK_NBYTES = 128 * 2**10
"""Bytes that are compared at a time: few enough to stay in a processor's cache, and to stop
early where a chunk differs."""

_WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
"""Integers that stand for elements as wide as they are."""


def is_fill(chunk: NDArray[Any], fill_value: Any) -> bool:
    """Whether every element of a chunk is the fill value.

    Args:
        chunk: Array of any shape and strides.
        fill_value: Scalar of its dtype.

    >>> is_fill(np.array([-0.0]), np.float64(0)), is_fill(np.array([np.nan]), np.float64("nan"))
    (False, True)
    """
    if chunk.size == 0:
        return True
    fill = np.empty((), chunk.dtype)
    fill[()] = fill_value
    if chunk.dtype.hasobject:
        return bool((chunk == fill).all())
    # Most chunks differ in their first element or their last.
    first = (0,) * chunk.ndim
    last = (-1,) * chunk.ndim
    if chunk[(*first, ...)].tobytes() != fill.tobytes():
        return False
    if chunk[(*last, ...)].tobytes() != fill.tobytes():
        return False
    word = _WORDS.get(chunk.dtype.itemsize)
    if word is None:
        return _is_fill_of_bytes(chunk, fill)
    return _is_fill_of_words(chunk.view(word), fill.view(word))


def _is_fill_of_words(chunk: NDArray[Any], fill: NDArray[Any]) -> bool:
    """Whether every integer is the same."""
    if chunk.flags.c_contiguous:
        flat = chunk.reshape(-1)
        step = _BLOCK_NBYTES // chunk.itemsize
        return all(
            bool((flat[start : start + step] == fill).all()) for start in range(0, flat.size, step)
        )
    if chunk.nbytes <= _BLOCK_NBYTES or chunk.ndim == 0:
        return bool((chunk == fill).all())
    return all(_is_fill_of_words(part, fill) for part in chunk)


def _is_fill_of_bytes(chunk: NDArray[Any], fill: NDArray[Any]) -> bool:
    """Whether every element has the same bytes, however many."""
    pattern = np.frombuffer(fill.tobytes(), np.uint8)
    if chunk.nbytes <= _BLOCK_NBYTES or chunk.ndim == 0:
        elements = np.ascontiguousarray(chunk).reshape(-1).view(np.uint8)
        return bool((elements.reshape(-1, pattern.size) == pattern).all())
    if chunk.ndim > 1:
        return all(_is_fill_of_bytes(part, fill) for part in chunk)
    step = max(1, _BLOCK_NBYTES // pattern.size)
    parts = (chunk[start : start + step] for start in range(0, chunk.size, step))
    return all(_is_fill_of_bytes(part, fill) for part in parts)
