"""The codecs ``vlen-utf8`` and ``vlen-bytes``: elements of any length.

The bytes are the number of elements as an unsigned 32-bit integer, then for each element its
length in bytes, likewise, and the element. All integers are little-endian. Source:
numcodecs, ``vlen``; Zarr extensions, "vlen-utf8" and "vlen-bytes".
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunk_spec import ChunkSpec
from zarr_backends._format.codecs.base import (
    MAX_VARIABLE_NBYTES,
    Configuration,
    checked_configuration,
    corrupt,
)
from zarr_backends.contract import Buffer
from zarr_backends.errors import CodecError

__all__ = ["VlenBytesSerializer", "VlenUtf8Serializer"]

_LENGTH = struct.Struct("<I")


class _Vlen:
    """What strings and byte strings share."""

    name: str
    kinds: str
    native_dtype = None
    fixed_nbytes: int | None = None
    max_nbytes = MAX_VARIABLE_NBYTES

    def __init__(self, configuration: Configuration, spec: ChunkSpec) -> None:
        """Take no option.

        Raises:
            CodecError: The elements have another data type.
        """
        checked_configuration(self.name, configuration)
        if spec.dtype.kind not in self.kinds:
            message = f"codec {self.name!r} can't store elements of {spec.dtype}"
            raise CodecError(message)
        self._spec = spec

    def encode(self, array: NDArray[Any]) -> bytes:
        """Return the elements in C order, each behind its length."""
        parts = [_LENGTH.pack(array.size)]
        for element in array.reshape(-1).tolist():
            raw = self._raw(element)
            parts += (_LENGTH.pack(len(raw)), raw)
        return b"".join(parts)

    def decode(self, data: Buffer) -> NDArray[Any]:
        """Return the elements.

        Raises:
            ChunkCorruptionError: Their number is another one, or a length leaves the bytes.
        """
        raw = bytes(data)
        count = _LENGTH.unpack_from(raw)[0] if len(raw) >= _LENGTH.size else None
        if count != self._spec.nitems or len(raw) < _LENGTH.size * (count + 1):
            corrupt(f"the chunk holds {count} elements, {self._spec.nitems} are expected")
        elements, at = [], _LENGTH.size
        for _ in range(count):
            end = at + _LENGTH.size
            if end > len(raw):
                corrupt("the chunk ends in the middle of its elements")
            at = end + _LENGTH.unpack_from(raw, at)[0]
            if at > len(raw):
                corrupt(f"an element of {at - end} bytes is longer than the rest of the chunk")
            elements.append(self._element(raw[end:at]))
        if at != len(raw):
            corrupt(f"{len(raw) - at} bytes follow the last element of the chunk")
        array: NDArray[Any] = np.empty(count, self._spec.dtype)
        array[:] = elements
        return array.reshape(self._spec.shape)

    def _raw(self, element: Any) -> bytes:
        """Return the bytes of an element."""
        raise NotImplementedError

    def _element(self, raw: bytes) -> Any:
        """Return the element that bytes stand for."""
        raise NotImplementedError


class VlenUtf8Serializer(_Vlen):
    """Stores strings in UTF-8."""

    name, kinds = "vlen-utf8", "TO"

    def _raw(self, element: Any) -> bytes:
        return str(element).encode()

    def _element(self, raw: bytes) -> str:
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            corrupt(f"an element is not UTF-8: {error}", error)


class VlenBytesSerializer(_Vlen):
    """Stores byte strings."""

    name, kinds = "vlen-bytes", "O"

    def _raw(self, element: Any) -> bytes:
        if isinstance(element, bytes | bytearray | memoryview):
            return bytes(element)
        message = f"elements must be bytes, not {type(element).__name__}"
        raise CodecError(message)

    def _element(self, raw: bytes) -> bytes:
        return raw
