"""Codecs of numcodecs that make bytes of bytes, with bounds on what they decode.

Libraries trust the sizes that compressed data announces and allocate by them. So they are
read and compared first (blosc, lz4), or decoded by the standard library, which can stop
(bz2, lzma); what is left produces no more than a small multiple of its input.
"""

from __future__ import annotations

import bz2
import lzma
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunk_spec import ChunkSpec
from zarr_backends._format.codecs.base import corrupt
from zarr_backends.contract import Buffer
from zarr_backends.errors import CodecError

__all__ = ["NumcodecsBytesCodec"]

_CHECKSUMS = ("crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3")
"""Ids that add four bytes."""

_BLOSC_HEADER = struct.Struct("<4xIII")
"""Sizes of the decoded bytes, of a block, and of the encoded bytes."""

_LZ4_HEADER = struct.Struct("<I")
"""Size of the decoded bytes."""

_LZMA_MEMORY_NBYTES = 2**28
"""Memory that lzma may take for its dictionary; its highest preset needs 65 MiB."""


class NumcodecsBytesCodec:
    """A compressor, checksum or flat filter of numcodecs."""

    def __init__(
        self, codec_id: str, codec: Any, spec: ChunkSpec, *, itemsize: int | None = None
    ) -> None:
        """Take the library's codec and what elements it gets."""
        self._id = codec_id
        self._codec = codec
        self._dtype = spec.stored_dtype if itemsize is None else np.dtype(f"V{itemsize}")

    def fixed_nbytes(self, decoded: int) -> int | None:
        """Return the encoded size where the id tells it."""
        if self._id in _CHECKSUMS:
            return decoded + 4
        return decoded if self._id in ("shuffle", "bitround") else None

    def max_nbytes(self, decoded: int) -> int:
        """Return a bound that holds for every codec of the library, widening filters included."""
        return 16 * decoded + 4096

    def encode(self, data: Buffer) -> Buffer:
        """Return the encoded bytes.

        Raises:
            CodecError: The codec can't encode these elements.
        """
        try:
            return _flat(self._codec.encode(self._elements(data)))
        except (ValueError, TypeError, RuntimeError, OverflowError) as error:
            message = f"codec {self._id!r} failed to encode: {error}"
            raise CodecError(message) from error

    def decode(self, data: Buffer, limit: int, *, exact: bool) -> Buffer:
        """Return the decoded bytes."""
        if self._id in ("blosc", "lz4"):
            self._check_announced(memoryview(data), limit, exact=exact)
        try:
            if self._id in ("bz2", "lzma"):
                decoded: Buffer = self._decompressed(data, limit)
            else:
                decoded = _flat(self._codec.decode(np.frombuffer(data, np.uint8)))
        except (ValueError, TypeError, RuntimeError, OSError, EOFError, LookupError,
                MemoryError, OverflowError, lzma.LZMAError, ZeroDivisionError) as error:  # fmt: skip
            if isinstance(error, CodecError):
                raise
            corrupt(f"codec {self._id!r} failed to decode: {error}", error)
        nbytes = memoryview(decoded).nbytes
        if nbytes > limit or (exact and nbytes != limit):
            corrupt(f"{self._id} data holds {nbytes} bytes, {limit} are expected")
        return decoded

    def _elements(self, data: Buffer) -> NDArray[Any]:
        """Return bytes as the elements that the codec is made for."""
        dtype = self._dtype if self._dtype.kind not in "OT" else np.dtype(np.uint8)
        whole = dtype.itemsize and memoryview(data).nbytes % dtype.itemsize == 0
        return np.frombuffer(data, dtype if whole else np.uint8)

    def _check_announced(self, view: memoryview, limit: int, *, exact: bool) -> None:
        """Refuse data whose header promises another size than is expected."""
        header = _BLOSC_HEADER if self._id == "blosc" else _LZ4_HEADER
        if len(view) < header.size:
            corrupt(f"{self._id} data of {len(view)} bytes is shorter than its header")
        sizes = header.unpack_from(view)
        if sizes[0] > limit or (exact and sizes[0] != limit):
            corrupt(f"{self._id} data announces {sizes[0]} bytes, {limit} are expected")
        if self._id == "blosc" and sizes[2] != len(view):
            corrupt(f"blosc data of {len(view)} bytes says that it has {sizes[2]}")

    def _decompressed(self, data: Buffer, limit: int) -> bytes:
        """Return what bz2 or lzma data holds, stopping behind the limit."""
        raw = self._codec.get_config() if self._id == "lzma" else {}
        decompressor: Any = bz2.BZ2Decompressor() if self._id == "bz2" else _lzma(raw)
        decoded: bytes = decompressor.decompress(data, limit + 1)
        if len(decoded) <= limit and not decompressor.eof and raw.get("format") != lzma.FORMAT_RAW:
            corrupt(f"{self._id} data is cut off")
        return decoded


def _lzma(configuration: dict[str, Any]) -> lzma.LZMADecompressor:
    """Return a decompressor with bounded memory."""
    container = configuration.get("format", lzma.FORMAT_XZ)
    if container == lzma.FORMAT_RAW:
        return lzma.LZMADecompressor(container, filters=configuration.get("filters"))
    return lzma.LZMADecompressor(container, memlimit=_LZMA_MEMORY_NBYTES)


def _flat(data: Any) -> Buffer:
    """Return what the library gives as bytes, as a view where it is an array."""
    if isinstance(data, bytes | bytearray):
        return data
    array = np.ascontiguousarray(data)
    return memoryview(array.reshape(-1).view(np.uint8))
