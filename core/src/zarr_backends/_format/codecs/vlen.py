"""The codecs ``vlen-utf8`` and ``vlen-bytes``: elements that differ in length.

The number of elements, then of each its number of bytes and the bytes; numbers are unsigned,
of 32 bits, the least significant byte first.

Source: numcodecs, "VLenUTF8" and "VLenBytes", which Zarr v2 and v3 name as they are.
"""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunks.spec import ChunkSpec
from zarr_backends._format.codecs.base import Extent
from zarr_backends._format.codecs.options import Options
from zarr_backends._format.metadata.members import MAX_CHUNK_NBYTES
from zarr_backends.contract import Buffer
from zarr_backends.errors import ChunkCorruptionError, CodecError

__all__ = ["VlenBytesCodec", "VlenUtf8Codec"]

_NUMBER: Final = struct.Struct("<I")
"""How numbers are written."""


class _VlenCodec:
    """What is the same for text and for byte strings."""

    kind: str
    """NumPy's letter for the dtype that holds the elements in memory."""

    def __init__(self, options: Options, spec: ChunkSpec) -> None:
        """Prepare for chunks.

        Raises:
            CodecError: Elements are of another kind.
        """
        if spec.dtype.kind != self.kind:
            message = f"codec {options.name!r} cannot store elements of dtype {spec.dtype}"
            raise CodecError(message)
        self.encoded = Extent(MAX_CHUNK_NBYTES, np.dtype(np.uint8), is_exact=False)
        self._name = options.name
        self._spec = spec

    def _join(self, items: list[bytes]) -> bytes:
        """Return elements as bytes.

        Raises:
            CodecError: An element has 4 GiB or more.
        """
        parts = [b""] * (2 * len(items) + 1)
        try:
            parts[0] = _NUMBER.pack(len(items))
            parts[1::2] = map(_NUMBER.pack, map(len, items))
        except struct.error as error:
            message = f"{self._name}: the chunk or one of its elements is too large: {error}"
            raise CodecError(message) from error
        parts[2::2] = items
        return b"".join(parts)

    def _split(self, data: Buffer) -> list[bytes]:
        """Return bytes as elements.

        Raises:
            ChunkCorruptionError: They are not just the elements of one chunk.
        """
        raw, count = bytes(data), self._spec.nitems
        if len(raw) < _NUMBER.size * (count + 1) or _NUMBER.unpack_from(raw)[0] != count:
            announced = int.from_bytes(raw[: _NUMBER.size], "little")
            message = (
                f"{self._name}: {len(raw)} bytes announce {announced} elements where a chunk "
                f"has {count}"
            )
            raise ChunkCorruptionError(message)
        items: list[bytes] = []
        end = _NUMBER.size
        try:
            for _ in range(count):
                start = end + _NUMBER.size
                end = start + _NUMBER.unpack_from(raw, end)[0]
                items.append(raw[start:end])
        except struct.error as error:
            message = f"{self._name}: element {len(items)} begins behind the last byte"
            raise ChunkCorruptionError(message) from error
        if end != len(raw):
            message = f"{self._name}: elements end at byte {end}, the data have {len(raw)}"
            raise ChunkCorruptionError(message)
        return items


class VlenUtf8Codec(_VlenCodec):
    """Array of text to bytes; text is held in NumPy's ``StringDType``."""

    kind = "T"

    def encode(self, array: NDArray[Any]) -> bytes:
        """Return the texts in UTF-8."""
        return self._join([text.encode() for text in array.reshape(-1).tolist()])

    def decode(self, data: Buffer) -> NDArray[Any]:
        """Return the texts.

        Raises:
            ChunkCorruptionError: The bytes are not one chunk, or a text is not UTF-8.
        """
        try:
            texts = [item.decode() for item in self._split(data)]
        except UnicodeDecodeError as error:
            message = f"{self._name}: an element is not text in UTF-8: {error}"
            raise ChunkCorruptionError(message) from error
        return np.array(texts, self._spec.dtype).reshape(self._spec.shape)


class VlenBytesCodec(_VlenCodec):
    """Array of byte strings to bytes; they are held in an array of objects."""

    kind = "O"

    def encode(self, array: NDArray[Any]) -> bytes:
        """Return the byte strings; None counts as an empty one.

        Raises:
            CodecError: An element is something else.
        """
        return self._join([self._checked(item) for item in array.reshape(-1).tolist()])

    def decode(self, data: Buffer) -> NDArray[Any]:
        """Return the byte strings.

        Raises:
            ChunkCorruptionError: The bytes are not one chunk.
        """
        array = np.empty(self._spec.nitems, object)
        array[:] = self._split(data)
        return array.reshape(self._spec.shape)

    def _checked(self, item: object) -> bytes:
        """Return an element as bytes.

        Raises:
            CodecError: It is no byte string.
        """
        if item is None:
            return b""
        if isinstance(item, bytes | bytearray | memoryview):
            return bytes(item)
        message = f"{self._name}: elements must be bytes, not {item!r:.80}"
        raise CodecError(message)
