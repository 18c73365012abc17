"""The codec ``bytes``: the elements one after the other, in one byte order.

Source: bytes codec specification; Zarr v2 specification, "Data type encoding".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunk_spec import ChunkSpec
from zarr_backends._format.codecs.base import Configuration, checked_configuration, corrupt
from zarr_backends.contract import Buffer
from zarr_backends.errors import CodecError

__all__ = ["BytesSerializer", "plain_bytes", "v2_bytes", "v3_bytes"]

_ORDERS = {"little": "<", "big": ">"}


class BytesSerializer:
    """Stores elements in C order with a dtype that fixes their bytes."""

    def __init__(self, spec: ChunkSpec, stored_dtype: np.dtype[Any]) -> None:
        """Take the dtype of the stored elements.

        Raises:
            CodecError: Elements have no fixed length.
        """
        nbytes = spec.nbytes
        if nbytes is None:
            message = (
                "codec 'bytes' can't store elements of any length; use 'vlen-utf8' for strings"
            )
            raise CodecError(message)
        self._shape, self._dtype, self._stored = spec.shape, spec.dtype, stored_dtype
        self._is_native = stored_dtype == spec.dtype
        self.native_dtype = spec.dtype if self._is_native else None
        self.fixed_nbytes: int | None = nbytes
        self.max_nbytes = nbytes

    def encode(self, array: NDArray[Any]) -> Buffer:
        """Return a view of the elements where they lie in memory as they are stored."""
        return plain_bytes(array if self._is_native else array.astype(self._stored))

    def decode(self, data: Buffer) -> NDArray[Any]:
        """Return the elements, as a view where byte orders agree."""
        if memoryview(data).nbytes != self.fixed_nbytes:
            nbytes = memoryview(data).nbytes
            corrupt(f"the chunk has {nbytes} bytes, {self.fixed_nbytes} are expected")
        array: NDArray[Any] = np.frombuffer(data, self._stored).reshape(self._shape)
        return array if self._is_native else array.astype(self._dtype)


def plain_bytes(array: NDArray[Any]) -> memoryview:
    """Return the bytes of an array in C order, as a view where it is contiguous."""
    # Through uint8, as memoryview knows no datetime64 and no structured elements.
    return memoryview(np.ascontiguousarray(array).reshape(-1).view(np.uint8))


def v3_bytes(configuration: Configuration, spec: ChunkSpec) -> BytesSerializer:
    """Return the codec of v3, whose ``endian`` may be left out for elements of one byte.

    Raises:
        CodecError: ``endian`` is neither ``"little"`` nor ``"big"``.
    """
    checked_configuration("bytes", configuration, "endian")
    endian = configuration.get("endian", "little")
    if endian not in _ORDERS:
        message = f"endian of codec 'bytes' must be 'little' or 'big', not {endian!r:.80}"
        raise CodecError(message)
    return BytesSerializer(spec, spec.dtype.newbyteorder(_ORDERS[endian]))


def v2_bytes(configuration: Configuration, spec: ChunkSpec) -> BytesSerializer:
    """Return the codec of v2, whose byte orders are in the dtype."""
    checked_configuration("v2:bytes", configuration)
    return BytesSerializer(spec, spec.stored_dtype)
