"""Codecs of numcodecs that make bytes of arrays: ``pcodec`` and ``zfpy``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunk_spec import ChunkSpec
from zarr_backends._format.codecs.base import corrupt
from zarr_backends.contract import Buffer
from zarr_backends.errors import CodecError

__all__ = ["NumcodecsSerializer"]


class NumcodecsSerializer:
    """A compressor that needs to know numbers and shape."""

    native_dtype = None
    fixed_nbytes: int | None = None

    def __init__(self, codec_id: str, codec: Any, spec: ChunkSpec) -> None:
        """Take the library's codec.

        Raises:
            CodecError: Elements have no fixed length.
        """
        if spec.nbytes is None:
            message = f"codec {codec_id!r} can't store elements of {spec.dtype}"
            raise CodecError(message)
        self._id, self._codec, self._spec = codec_id, codec, spec
        self.max_nbytes = 2 * spec.nbytes + 4096

    def encode(self, array: NDArray[Any]) -> Buffer:
        """Return the bytes of an array.

        Raises:
            CodecError: The codec can't encode these elements.
        """
        try:
            return bytes(self._codec.encode(np.ascontiguousarray(array)))
        except (ValueError, TypeError, RuntimeError) as error:
            message = f"codec {self._id!r} failed to encode: {error}"
            raise CodecError(message) from error

    def decode(self, data: Buffer) -> NDArray[Any]:
        """Return the array.

        Raises:
            ChunkCorruptionError: The bytes are damaged or hold another number of elements.
        """
        spec = self._spec
        try:
            # Given the memory, the library stops where the chunk ends.
            out = np.empty(spec.shape, spec.dtype)
            decoded = np.asarray(self._codec.decode(bytes(data), out=out))
            return decoded.reshape(-1).view(spec.dtype).reshape(spec.shape)
        except (ValueError, TypeError, RuntimeError) as error:
            corrupt(f"codec {self._id!r} failed to decode: {error}", error)
