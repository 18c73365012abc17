"""The codec ``bytes``: elements one after the other, in C order, in a given byte order.

For Zarr v2 the layout of an element is given by a dtype instead, which may mix byte orders.

Source: bytes codec specification 1; Zarr v2 specification, "Chunks".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunks.spec import ChunkSpec
from zarr_backends._format.codecs.base import Extent
from zarr_backends._format.codecs.options import Options
from zarr_backends.contract import Buffer
from zarr_backends.errors import CodecError

__all__ = ["BytesCodec"]


class BytesCodec:
    """Array to bytes without any change but of the byte order."""

    def __init__(self, name: str, spec: ChunkSpec, dtype: np.dtype[Any]) -> None:
        """Prepare for chunks whose elements are stored as `dtype`.

        Raises:
            CodecError: Elements have no fixed size.
        """
        if dtype.hasobject:
            message = (
                f"codec {name!r} cannot store {spec.dtype} elements, which differ in length; "
                "use 'vlen-utf8' for text and 'vlen-bytes' for byte strings"
            )
            raise CodecError(message)
        self.dtype = dtype
        self.encoded = Extent(spec.nitems * dtype.itemsize, dtype)
        self._name = name
        self._shape = spec.shape

    @classmethod
    def of_v3(cls, options: Options, spec: ChunkSpec) -> BytesCodec:
        """Build the codec ``bytes``."""
        # Documents leave the byte order out where elements have one byte. Where elements are
        # larger it is taken for little, as other readers do.
        endian = options.choice("endian", "little", ("little", "big"))
        dtype = spec.dtype
        if not dtype.hasobject:
            dtype = dtype.newbyteorder("<" if endian == "little" else ">")
        return cls(options.name, spec, dtype)

    @classmethod
    def of_v2(cls, options: Options, spec: ChunkSpec) -> BytesCodec:
        """Build what stores elements as the dtype of a v2 document says."""
        return cls(options.name, spec, spec.stored_dtype)

    def encode(self, array: NDArray[Any]) -> memoryview:
        """Return the elements as bytes, a view of them where their layout is as stored."""
        contiguous = np.ascontiguousarray(array, self.dtype)
        return contiguous.reshape(-1).view(np.uint8).data.toreadonly()

    def decode(self, data: Buffer) -> NDArray[Any]:
        """Return a view of the bytes as elements of the stored dtype.

        Raises:
            ChunkCorruptionError: There are more or fewer than a chunk has.
        """
        nbytes = len(data)
        if nbytes != self.encoded.nbytes:
            self.encoded.check(nbytes, self._name)
        return np.ndarray(self._shape, self.dtype, data)
