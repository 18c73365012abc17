"""The codec ``transpose``: another order of the dimensions.

Source: transpose codec specification 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunks.spec import ChunkSpec
from zarr_backends._format.codecs.options import Options

__all__ = ["TransposeCodec"]


class TransposeCodec:
    """Array to array, without a copy: dimension ``order[i]`` becomes dimension ``i``."""

    def __init__(self, spec: ChunkSpec, order: tuple[int, ...]) -> None:
        """Prepare for chunks; `order` is a permutation of their dimensions."""
        self.order = order
        self.encoded = spec._replace(shape=tuple(spec.shape[axis] for axis in order))
        self._inverse = tuple(np.argsort(order).tolist())

    @classmethod
    def of_v3(cls, options: Options, spec: ChunkSpec) -> TransposeCodec:
        """Build the codec.

        Args:
            options: With ``order``, a list; early documents say ``"C"`` or ``"F"`` instead.
            spec: The chunks.

        Returns:
            The codec.

        Raises:
            CodecError: The order is not a permutation of the dimensions.
        """
        order = options.take("order")
        ndim = len(spec.shape)
        if order in ("C", "F"):
            order = range(ndim) if order == "C" else range(ndim)[::-1]
        elif (
            not isinstance(order, list | tuple)
            or any(type(axis) is not int for axis in order)
            or sorted(order) != list(range(ndim))
        ):
            options.refuse("order", order, f"a permutation of the {ndim} dimensions 0, 1, ...")
        return cls(spec, tuple(order))

    def encode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the transposed view."""
        return array.transpose(self.order)

    def decode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the view with the dimensions as they were."""
        return array.transpose(self._inverse)
