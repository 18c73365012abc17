"""What codecs have to know of the chunks of one array."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["ChunkSpec"]


class ChunkSpec(NamedTuple):
    """Shape, dtypes and fill value of every chunk of one array.

    >>> ChunkSpec((2, 3), np.dtype("int16"), np.dtype(">i2"), np.int16(0)).nbytes
    12
    """

    shape: tuple[int, ...]
    """Elements along each dimension, of chunks at the edge of the array too."""
    dtype: np.dtype[Any]
    """Dtype in memory, in native byte order: ``StringDType()`` for text of variable length
    and ``object`` (holding ``bytes``) for byte strings of variable length."""
    stored_dtype: np.dtype[Any]
    """Dtype as Zarr v2 stores elements; of v3 the same as `dtype`, as codecs say how."""
    fill_value: Any
    """Scalar of `dtype`."""

    def filled(self) -> NDArray[Any]:
        """Return a new chunk of fill values."""
        chunk: NDArray[Any] = np.empty(self.shape, self.dtype)
        # Not numpy.full, which cuts NULs off the end of strings and byte strings.
        chunk[...] = self.fill_value
        return chunk

    @property
    def nitems(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int | None:
        """Bytes of all elements, None where elements differ in length."""
        return None if self.dtype.kind in "TO" else self.nitems * self.stored_dtype.itemsize
