"""The two explicit ways to index by arrays: ``oindex`` and ``vindex``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zarr_backends._format.chunks.grid import Shape
from zarr_backends._format.chunks.indexing import orthogonal_selection, vectorized_selection
from zarr_backends._format.chunks.selections import Selection

__all__ = ["OrthogonalIndex", "VectorizedIndex"]


class _Index:
    """A way of indexing, tied to an array's reading and writing."""

    def __init__(
        self,
        shape: Callable[[], Shape],
        read: Callable[[Selection], Any],
        write: Callable[[Selection, Any], None],
    ) -> None:
        """Tie."""
        self._shape = shape
        self._read = read
        self._write = write

    def _select(self, key: Any) -> Selection:
        """Return the selection that `key` means here."""
        raise NotImplementedError

    def __getitem__(self, key: Any) -> Any:
        """Read what `key` selects."""
        return self._read(self._select(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        """Write to what `key` selects; `value` is broadcast and cast."""
        self._write(self._select(key), value)


class OrthogonalIndex(_Index):
    """Each dimension is indexed on its own, as by ``numpy.ix_``.

    >>> import zarr_backends as zb
    >>> a = zb.create("memory:", shape=(3, 4), dtype="int32")
    >>> a.oindex[[0, 2], [1, 3]] = 7
    >>> a.oindex[[0, 2], 1:].tolist()
    [[7, 0, 7], [7, 0, 7]]
    """

    def _select(self, key: Any) -> Selection:
        return orthogonal_selection(key, self._shape())


class VectorizedIndex(_Index):
    """Single elements are indexed by coordinates or by a mask of the array's shape.

    >>> import zarr_backends as zb
    >>> a = zb.create("memory:", shape=(3, 4), dtype="int32")
    >>> a.vindex[[0, 2], [1, 3]] = [5, 6]
    >>> a.vindex[[2, 0], [3, 1]].tolist()
    [6, 5]
    """

    def _select(self, key: Any) -> Selection:
        return vectorized_selection(key, self._shape())
