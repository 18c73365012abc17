"""Codecs of numcodecs that take arrays: filters of Zarr v3, ``pcodec`` and ``zfpy``.

``zfpy`` cannot tell data that are cut short from whole ones: what is missing reads as zeros.
Put a checksum behind it.

Source: the sources of numcodecs; zfp, "zfp stream format" and ``zfp_field_metadata``.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunks.spec import ChunkSpec
from zarr_backends._format.codecs.base import Extent
from zarr_backends._format.codecs.numcodecs import NumcodecsCodec, load_codec
from zarr_backends._format.codecs.options import Options
from zarr_backends.contract import Buffer
from zarr_backends.errors import ChunkCorruptionError, CodecError

__all__ = ["NumcodecsFilter", "PcodecCodec", "ZfpyCodec"]


class NumcodecsFilter:
    """Array to array: a filter over the elements, in C order."""

    def __init__(self, options: Options, spec: ChunkSpec) -> None:
        """Prepare for chunks.

        Raises:
            CodecError: Elements have no fixed size.
        """
        self._spec = spec
        self._filter = NumcodecsCodec.build(options, _extent(options.name, spec))
        self._stored = self._filter.encoded.dtype
        nitems = self._filter.encoded.nbytes // self._stored.itemsize
        native = self._stored.newbyteorder("=")
        shape = spec.shape if nitems == spec.nitems else (nitems,)
        self.encoded = spec._replace(shape=shape, dtype=native, stored_dtype=native)

    def encode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the filtered elements, as a flat array where there are more or fewer.

        Raises:
            CodecError: The filter does not take them.
        """
        filtered = self._filter.encode(_flat_bytes(array, self._spec.dtype))
        return np.frombuffer(filtered, self._stored).reshape(self.encoded.shape)

    def decode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the elements as they were, or what the filter has left of them.

        Raises:
            ChunkCorruptionError: The filter does not take them.
        """
        elements = self._filter.decode(_flat_bytes(array, self._stored))
        return np.frombuffer(elements, self._spec.dtype).reshape(self._spec.shape)


class PcodecCodec:
    """Array to bytes by ``pcodec``."""

    def __init__(self, options: Options, spec: ChunkSpec) -> None:
        """Prepare for chunks.

        Raises:
            CodecError: Elements have no fixed size.
        """
        self.encoded = _extent(options.name, spec).compressed()
        self._spec = spec
        self._name = options.name
        self._codec = load_codec(options.name, "pcodec", options.rest())

    def encode(self, array: NDArray[Any]) -> Buffer:
        """Return the elements compressed.

        Raises:
            CodecError: Their dtype is not one that pcodec takes.
        """
        return _encoded(self._codec, self._name, np.ascontiguousarray(array).reshape(-1))

    def decode(self, data: Buffer) -> NDArray[Any]:
        """Return the elements.

        Raises:
            ChunkCorruptionError: pcodec fails, or there are more or fewer than a chunk has.
        """
        # It says neither how many it wrote nor that there are more. So there is room for one
        # more, and two runs that start from different bytes tell what was left untouched.
        nitems = self._spec.nitems
        out = np.zeros(nitems + 1, self._spec.dtype)
        last = out[-2:].view(np.uint8).reshape(2, -1)
        written = np.zeros(2, bool)
        for mark in (0, 0xFF):
            last[:] = mark
            _decoded(self._codec, self._name, data, out)
            written |= (last != mark).any(axis=1)
        if written.tolist() != [True, False]:
            message = f"{self._name}: there are more or fewer elements than the {nitems} of a chunk"
            raise ChunkCorruptionError(message)
        return out[:-1].reshape(self._spec.shape)


class ZfpyCodec:
    """Array to bytes by ``zfpy``, which may round values."""

    def __init__(self, options: Options, spec: ChunkSpec) -> None:
        """Prepare for chunks.

        Raises:
            CodecError: zfp does not compress such arrays.
        """
        self.encoded = _extent(options.name, spec).compressed()
        self._name = options.name
        if spec.dtype.str[1:] not in _ZFP_TYPES or not 1 <= len(spec.shape) <= _ZFP_MAX_NDIM:
            message = (
                f"codec {options.name!r} compresses 1 to {_ZFP_MAX_NDIM} dimensions of int32, "
                f"int64, float32 or float64, not {len(spec.shape)} of {spec.dtype}"
            )
            raise CodecError(message)
        self._spec = spec
        self._codec = load_codec(options.name, "zfpy", options.rest())

    def encode(self, array: NDArray[Any]) -> Buffer:
        """Return the elements compressed.

        Raises:
            CodecError: zfp fails.
        """
        return _encoded(self._codec, self._name, np.ascontiguousarray(array))

    def decode(self, data: Buffer) -> NDArray[Any]:
        """Return the elements.

        Raises:
            ChunkCorruptionError: The header is that of another array, or zfp fails.
        """
        nbytes = len(data)
        self.encoded.check(nbytes, self._name)
        padding = self._check_header(bytes(data[:_ZFP_HEADER_NBYTES]))
        padded = np.zeros(nbytes + padding, np.uint8)
        padded[:nbytes] = np.frombuffer(data, np.uint8)
        return np.asarray(_decoded(self._codec, self._name, padded, None)).reshape(self._spec.shape)

    def _check_header(self, header: bytes) -> int:
        """Refuse the header of another array.

        Returns:
            How many bytes zfp may read beyond what it should, where the data are damaged.

        Raises:
            ChunkCorruptionError: It is no header, or that of another array.
        """
        bits = int.from_bytes(header[4:], "little")
        kind, ndim = _ZFP_TYPES.get(self._spec.dtype.str[1:]), (bits >> 2 & 3) + 1
        width: int = 48 // ndim
        found = [(bits >> (4 + width * axis) & ((1 << width) - 1)) + 1 for axis in range(ndim)]
        if header[:3] != b"zfp" or (bits & 3) != kind or found[::-1] != list(self._spec.shape):
            message = f"{self._name}: the data do not start as those of {self._spec.shape} elements"
            raise ChunkCorruptionError(message)
        # Each value costs at most two bits for each of its planes; rarer settings can ask for
        # more, as a fixed number for each block.
        most: int = 2 * (8 * self._spec.dtype.itemsize + 2) * 4**ndim + 64
        mode = bits >> 52
        fixed = mode >> 12 & 0x7FFF if mode & 0xFFF == 0xFFF else mode & 0x7FF  # noqa: PLR2004
        blocks: int = prod(-(-extent // 4) for extent in found)
        return blocks * (max(most, fixed + 1) // 8 + 1) + _ZFP_HEADER_NBYTES


_ZFP_TYPES = {"i4": 0, "i8": 1, "f4": 2, "f8": 3}
_ZFP_MAX_NDIM = 4
_ZFP_HEADER_NBYTES = 19


def _extent(name: str, spec: ChunkSpec) -> Extent:
    """Return the extent of the elements of a chunk.

    Raises:
        CodecError: They have no fixed size.
    """
    nbytes = spec.nbytes
    if nbytes is None:
        message = f"codec {name!r} cannot take {spec.dtype} elements, which differ in length"
        raise CodecError(message)
    return Extent(spec.nitems * spec.dtype.itemsize, spec.dtype)


def _flat_bytes(array: NDArray[Any], dtype: np.dtype[Any]) -> memoryview:
    """Return elements in C order as bytes."""
    return np.ascontiguousarray(array, dtype).reshape(-1).view(np.uint8).data


def _encoded(codec: Any, name: str, array: NDArray[Any]) -> Buffer:
    """Return what a codec makes of an array.

    Raises:
        CodecError: It fails.
        MemoryError: It does not fit into memory.
    """
    try:
        encoded: Buffer = codec.encode(array)
    except MemoryError:
        raise
    except Exception as error:
        message = f"codec {name!r} cannot encode dtype {array.dtype}: {error}"
        raise CodecError(message) from error
    return encoded


def _decoded(codec: Any, name: str, data: Any, out: NDArray[Any] | None) -> Any:
    """Return what a codec makes of bytes.

    Raises:
        ChunkCorruptionError: It fails.
        MemoryError: It does not fit into memory.
    """
    try:
        return codec.decode(bytes(data), out)
    except MemoryError:
        raise
    except Exception as error:
        message = f"codec {name!r} cannot decode {len(data)} bytes: {error}"
        raise ChunkCorruptionError(message) from error
