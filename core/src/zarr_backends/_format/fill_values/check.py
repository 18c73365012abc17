"""Whether a chunk holds nothing but the fill value, bit for bit.

Such a chunk is not stored. Values that are equal but not the same (0.0 and -0.0, two kinds
of NaN) would not be read back as they were, so bits are compared and not numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["is_fill"]

_BLOCK_NBYTES = 128 * 2**10
"""Bytes that are compared at a time: few enough to stay in a processor's cache, and to stop
early where a chunk differs."""

_WORDS = {8: np.uint64, 4: np.uint32, 2: np.uint16, 1: np.uint8}
"""Integers that elements, or parts of them, are compared as, by their number of bytes."""


def is_fill(chunk: NDArray[Any], fill_value: Any) -> bool:
    """Return whether every element of a chunk is the fill value.

    Args:
        chunk: Array of any shape and strides.
        fill_value: Scalar of its dtype.

    Returns:
        True for a chunk without elements too.

    >>> is_fill(np.array([-0.0]), np.float64(0)), is_fill(np.array([np.nan]), np.float64("nan"))
    (False, True)
    """
    if not chunk.size:
        return True
    fill: NDArray[Any] = np.empty((), chunk.dtype)
    fill[()] = fill_value
    if chunk.dtype.hasobject:
        return bool((chunk == fill).all())
    word = _WORDS.get(chunk.itemsize)
    if word is None:
        return _is_fill_of_wide(chunk, fill)
    bits, fill_bits = chunk.view(word), fill.view(word)[()]
    # Most chunks differ in their first element or their last.
    if bits[(0,) * bits.ndim] != fill_bits or bits[(-1,) * bits.ndim] != fill_bits:
        return False
    return _is_fill_of_words(bits, fill_bits)


def _is_fill_of_words(bits: NDArray[Any], fill_bits: Any) -> bool:
    """Return whether every integer is the same."""
    if bits.nbytes <= _BLOCK_NBYTES:
        return bool((bits == fill_bits).all())
    return all(bool((block == fill_bits).all()) for block in _blocks(bits))


def _is_fill_of_wide(chunk: NDArray[Any], fill: NDArray[Any]) -> bool:
    """Return whether every element, which has the size of no integer, has the same bytes."""
    first: Any = (*(slice(0, 1),) * chunk.ndim, ...)
    if chunk[first].tobytes() != fill.tobytes():
        return False
    size = next(size for size in _WORDS if chunk.itemsize % size == 0)
    # NumPy is slow to compare with something short again and again.
    most = min(chunk.size, 1 + _BLOCK_NBYTES // chunk.itemsize)
    pattern = _words(np.broadcast_to(fill, most), size)
    blocks = (_words(block, size) for block in _blocks(chunk))
    return all(bool((block == pattern[: block.size]).all()) for block in blocks)


def _words(block: NDArray[Any], size: int) -> NDArray[Any]:
    """Return elements as integers of `size` bytes, some for each."""
    return np.ascontiguousarray(block).reshape(-1).view(_WORDS[size])


def _blocks(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield an array in parts of about `_BLOCK_NBYTES`, as they lie in memory."""
    if array.flags.c_contiguous:
        array = array.reshape(-1)
    else:
        array = array.transpose(np.argsort(np.abs(array.strides))[::-1])
    rows = max(1, _BLOCK_NBYTES * len(array) // array.nbytes)
    for start in range(0, len(array), rows):
        block = array[start : start + rows]
        if rows == 1 and array.ndim > 1 and block.nbytes > _BLOCK_NBYTES:
            yield from _blocks(block[0])
        else:
            yield block
