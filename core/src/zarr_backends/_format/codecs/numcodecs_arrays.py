"""Codecs of numcodecs that change elements, as Zarr v3 has them: arrays of arrays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunk_spec import ChunkSpec
from zarr_backends._format.codecs.base import corrupt
from zarr_backends.errors import CodecError

__all__ = ["ARRAY_IDS", "NumcodecsArrayCodec"]

_DTYPE_OPTIONS = {
    "delta": "astype",
    "fixedscaleoffset": "astype",
    "quantize": "astype",
    "astype": "encode_dtype",
}
"""Option that names the data type of the encoded elements."""

ARRAY_IDS = (*_DTYPE_OPTIONS, "bitround", "packbits")
"""Ids that make arrays of arrays."""


class NumcodecsArrayCodec:
    """A filter of numcodecs on whole chunks."""

    def __init__(self, codec_id: str, codec: Any, spec: ChunkSpec) -> None:
        """Work out what the encoded elements are.

        Raises:
            CodecError: The codec does not fit the data type.
        """
        self._id, self._codec, self._spec = codec_id, codec, spec
        self.encoded_spec = self._encoded(spec)

    def _encoded(self, spec: ChunkSpec) -> ChunkSpec:
        """Return shape and data type of encoded chunks."""
        if self._id == "packbits":
            dtype: np.dtype[Any] = np.dtype(np.uint8)
            return replace(spec, shape=(1 + -(-spec.nitems // 8),), dtype=dtype, stored_dtype=dtype)
        if self._id == "bitround":
            return spec
        stored = np.dtype(self._codec.get_config().get(_DTYPE_OPTIONS[self._id]) or spec.dtype)
        if stored.kind not in "biufc":
            message = f"codec {self._id!r} can't make elements of {stored}"
            raise CodecError(message)
        return replace(spec, dtype=stored.newbyteorder("="), stored_dtype=stored)

    def encode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the encoded chunk.

        Raises:
            CodecError: The codec can't encode these elements.
        """
        try:
            encoded = np.asarray(self._codec.encode(np.ascontiguousarray(array)))
        except (ValueError, TypeError, RuntimeError) as error:
            message = f"codec {self._id!r} failed to encode: {error}"
            raise CodecError(message) from error
        return encoded.reshape(self.encoded_spec.shape).astype(self.encoded_spec.dtype, copy=False)

    def decode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the decoded chunk.

        Raises:
            ChunkCorruptionError: The elements are not what the codec makes.
        """
        spec = self._spec
        try:
            decoded = np.asarray(self._codec.decode(np.ascontiguousarray(array)))
            if decoded.dtype != spec.dtype and decoded.dtype.itemsize == spec.dtype.itemsize:
                decoded = decoded.astype(spec.dtype)
            return decoded.reshape(-1).view(spec.dtype).reshape(spec.shape)
        except (ValueError, TypeError, RuntimeError, IndexError) as error:
            corrupt(f"codec {self._id!r} failed to decode: {error}", error)
