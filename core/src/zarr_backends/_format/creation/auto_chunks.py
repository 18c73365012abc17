"""Chunk shapes for those who do not want to think about them.

A chunk is the unit of a request, of a codec call and of a thread's work. Below some 100 KB
the cost of a request and of the call itself outweighs the data; above several MB a small
selection reads much that it does not want, the processor's caches overflow, and few chunks
are left for the threads to share. Chunks of 1 to 2 MiB, uncompressed, lie between.

A chunk is as near to a cube as the array allows, since nobody knows which way it will be
read: dimensions shorter than the cube's side are taken whole, the others share what is
left. They are then divided evenly, so that the last chunk is not a sliver. A dimension of
length 0 is one that is going to grow, and counts as endless.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

__all__ = ["TARGET_NBYTES", "VARIABLE_LENGTH_NBYTES", "auto_chunks"]

TARGET_NBYTES = 2 * 2**20
"""Uncompressed bytes of the largest chunk that is chosen, one huge element excepted."""

VARIABLE_LENGTH_NBYTES = 64
"""Bytes that an element of variable length is taken to have: 16 of NumPy's, and a few words."""


def auto_chunks(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Return a chunk shape for an array.

    Args:
        shape: Elements along each dimension; 0 stands for a dimension that will grow.
        itemsize: Bytes of one element.

    Returns:
        A shape of at most `TARGET_NBYTES` (or one element) and nowhere longer than
        `shape`, dimensions of length 0 excepted.

    >>> auto_chunks((10_000, 10_000), 8)
    (500, 500)
    >>> auto_chunks((0, 100), 8)
    (2621, 100)
    """
    lengths = [length or inf for length in shape]
    chunks = [1] * len(lengths)
    nitems = max(1, TARGET_NBYTES // itemsize)
    by_length = sorted(range(len(lengths)), key=lengths.__getitem__)
    for done, dimension in enumerate(by_length):
        side = _root(nitems, len(lengths) - done)
        chunks[dimension] = _even(lengths[dimension], side)
        nitems = max(1, nitems // chunks[dimension])
    return tuple(chunks)


def _root(number: int, degree: int) -> int:
    """Return the largest integer whose power is at most `number`, which is at least 1."""
    root = int(number ** (1 / degree))
    return root + 1 if (root + 1) ** degree <= number else max(1, root)


def _even(length: float, side: int) -> int:
    """Return how long chunks are that divide `length` evenly and are at most `side` long."""
    if length == inf:
        return side
    count = -(-int(length) // side)
    return -(-int(length) // count)
