"""The codec ``transpose``: stores the dimensions in another order.

Source: transpose codec specification. ``"C"`` and ``"F"``, of its drafts, are read too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunk_spec import ChunkSpec
from zarr_backends._format.codecs.base import Configuration, checked_configuration
from zarr_backends.errors import CodecError

__all__ = ["TransposeCodec"]


class TransposeCodec:
    """Permutes dimensions; costs nothing but another walk through memory."""

    def __init__(self, configuration: Configuration, spec: ChunkSpec) -> None:
        """Take ``order``, for each stored dimension the one it comes from.

        Raises:
            CodecError: It is no permutation of the chunk's dimensions.
        """
        checked_configuration("transpose", configuration, "order")
        order, ndim = configuration.get("order"), len(spec.shape)
        if order in ("C", "F"):
            order = list(range(ndim))[:: 1 if order == "C" else -1]
        if (
            not isinstance(order, list | tuple)
            or any(isinstance(axis, bool) or not isinstance(axis, int) for axis in order)
            or sorted(order) != list(range(ndim))
        ):
            message = (
                f"order of codec 'transpose' must permute {ndim} dimensions, not {order!r:.80}"
            )
            raise CodecError(message)
        self._order = tuple(order)
        self._inverse = tuple(int(axis) for axis in np.argsort(self._order))
        shape = tuple(spec.shape[axis] for axis in self._order)
        self.encoded_spec = replace(spec, shape=shape)

    def encode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a view with permuted dimensions."""
        return array.transpose(self._order)

    def decode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a view with the dimensions in their own order."""
        return array.transpose(self._inverse)
