"""Codecs of numcodecs: ``blosc``, those of Zarr v2, and ``numcodecs.*`` of v3.

numcodecs is an extra and imported when a document names such a codec. Its codecs are
wrapped here: what goes in and comes out has the size that it must have, sizes that stored
bytes announce are checked before numcodecs sees them, and whatever it raises becomes one of
our errors. Those that unpickle, or parse objects, are refused.

A codec that was registered with numcodecs by someone else is called as it is; what it
returns is checked.

Source: blosc codec specification 1; the sources of numcodecs.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.codecs.base import Extent
from zarr_backends._format.codecs.numcodecs_kin import KIN, UNKNOWN, Kin
from zarr_backends._format.codecs.options import Options
from zarr_backends._format.metadata.members import show
from zarr_backends.contract import Buffer, contiguous_view
from zarr_backends.errors import ChunkCorruptionError, CodecError

__all__ = ["NumcodecsCodec", "load_codec", "numcodecs_id"]

_REFUSED = {
    "pickle": "loading a pickle runs whatever code its writer put there",
    "json2": "its elements are arbitrary objects; store text as 'vlen-utf8'",
    "msgpack2": "its elements are arbitrary objects; store bytes as 'vlen-bytes'",
    "vlen-array": "arrays of arrays are not supported",
    "vlen-bytes": "it makes bytes of arrays, so that it must be the first filter",
    "vlen-utf8": "it makes bytes of arrays, so that it must be the first filter",
}
"""Codecs that are never loaded, and why."""

_SHUFFLES = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}
"""Blosc's ways to reorder bytes: words in v3, numbers in v2."""

_COMPRESSORS = ("lz4hc", "lz4", "blosclz", "zstd", "snappy", "zlib")
"""What blosc may compress with."""

_MAX_TYPESIZE = 255
"""Bytes of the largest element whose bytes blosc reorders."""

_MAX_INT = 2**31 - 1


class NumcodecsCodec:
    """Bytes to bytes by a codec of numcodecs.

    Filters that change the elements of an array are of this kind too: they are given the
    bytes as elements of the dtype that the extent names.
    """

    def __init__(self, name: str, codec: Any, kin: Kin, decoded: Extent) -> None:
        """Prepare for data of some extent.

        Args:
            name: Name for messages.
            codec: The object of numcodecs.
            kin: What is known of it.
            decoded: The data.

        Raises:
            CodecError: The codec does not go with such data.
        """
        try:
            self.encoded = kin.encoded(codec, decoded)
        except CodecError as error:
            message = f"codec {name!r}: {error}"
            raise CodecError(message) from error
        self._name = name
        self._codec = codec
        self._announced = kin.announced
        self._decoded = decoded

    @classmethod
    def build(cls, options: Options, decoded: Extent) -> NumcodecsCodec:
        """Build a codec of a name that starts with ``v2:`` or ``numcodecs.``."""
        codec_id = numcodecs_id(options.name)
        configuration = {name: value for name, value in options.rest().items() if value is not None}
        if options.name.startswith("numcodecs."):
            configuration = {**_taken_from_array(codec_id, decoded.dtype), **configuration}
        codec = load_codec(options.name, codec_id, configuration)
        return cls(options.name, codec, KIN.get(codec_id, UNKNOWN), decoded)

    @classmethod
    def blosc(cls, options: Options, decoded: Extent) -> NumcodecsCodec:
        """Build the codec ``blosc`` of Zarr v3."""
        size = decoded.dtype.itemsize if decoded.dtype.itemsize <= _MAX_TYPESIZE else 1
        typesize = options.integer("typesize", size, 1, _MAX_INT)
        configuration = {
            "cname": options.choice("cname", "zstd", _COMPRESSORS),
            "clevel": options.integer("clevel", 5, 0, 9),
            "shuffle": _SHUFFLES[options.choice("shuffle", "noshuffle", tuple(_SHUFFLES))],
            "blocksize": options.integer("blocksize", 0, 0, _MAX_INT),
        }
        codec = load_codec("blosc", "blosc", configuration)
        # numcodecs takes the size of elements from the array that it is given.
        dtype = np.dtype(f"V{typesize}" if typesize <= _MAX_TYPESIZE else np.uint8)
        decoded = Extent(decoded.nbytes, dtype, decoded.is_exact)
        return cls("blosc", codec, KIN["blosc"], decoded)

    def encode(self, data: Buffer) -> memoryview:
        """Return what numcodecs makes of the data.

        Raises:
            CodecError: It fails, or makes more or fewer bytes of them than it must.
            MemoryError: It does not fit into memory.
        """
        elements: NDArray[Any] = np.frombuffer(data, np.uint8)
        if elements.nbytes % self._decoded.dtype.itemsize == 0:
            elements = elements.view(self._decoded.dtype)
        try:
            with np.errstate(all="ignore"):
                encoded = _as_bytes(self._codec.encode(elements), self.encoded.dtype)
            self.encoded.check(len(encoded), self._name)
        except MemoryError:
            raise
        except Exception as error:
            message = f"codec {self._name!r} cannot encode {len(data)} bytes: {error}"
            raise CodecError(message) from error
        return encoded

    def decode(self, data: Buffer) -> memoryview:
        """Return what numcodecs makes of encoded data.

        Raises:
            ChunkCorruptionError: It fails, or there are more or fewer bytes than a chunk has.
        """
        self.encoded.check(len(data), self._name)
        if self._announced is None:
            decoded = self._run(data, None)
        else:
            decoded = self._run(data, np.empty(self._announced_nbytes(data), np.uint8))
        self._decoded.check(len(decoded), self._name)
        return decoded

    def decode_into(self, data: Buffer, out: NDArray[np.uint8]) -> None:
        """Decode into `out`, directly where the data announce their size.

        Raises:
            ChunkCorruptionError: As `decode`.
        """
        if self._announced is None:
            out[:] = np.frombuffer(self.decode(data), np.uint8)
        else:
            self._announced_nbytes(data)
            self._run(data, out)

    def _announced_nbytes(self, data: Buffer) -> int:
        """Return how many bytes encoded data say that they become.

        Raises:
            ChunkCorruptionError: More or fewer than a chunk has.
        """
        assert self._announced is not None  # noqa: S101  # the callers asked
        nbytes = self._announced(memoryview(data))
        self._decoded.check(nbytes, self._name)
        return nbytes

    def _run(self, data: Buffer, out: NDArray[np.uint8] | None) -> memoryview:
        """Return what numcodecs decodes, which is in `out` where that is given.

        Raises:
            ChunkCorruptionError: numcodecs fails.
            MemoryError: It does not fit into memory.
        """
        elements: NDArray[Any] = np.frombuffer(data, np.uint8)
        try:
            with np.errstate(all="ignore"):
                if out is None:
                    decoded = self._codec.decode(elements.view(self.encoded.dtype))
                    return _as_bytes(decoded, self._decoded.dtype)
                self._codec.decode(elements, out)
        except MemoryError:
            raise
        except Exception as error:
            message = f"codec {self._name!r} cannot decode {len(data)} bytes: {error}"
            raise ChunkCorruptionError(message) from error
        return out.data


def numcodecs_id(name: str) -> str:
    """Return numcodecs' id of a codec that v2 and v3 documents call by it and a prefix."""
    return name.removeprefix("v2:").removeprefix("numcodecs.")


def load_codec(name: str, codec_id: str, configuration: Mapping[str, Any]) -> Any:
    """Return a codec of numcodecs.

    Args:
        name: What the document calls it, for messages.
        codec_id: What numcodecs calls it.
        configuration: Its options.

    Raises:
        CodecError: It is refused, unknown or misconfigured, or numcodecs is not installed.
    """
    if codec_id in _REFUSED:
        message = f"codec {name!r} is refused: {_REFUSED[codec_id]}"
        raise CodecError(message)
    try:
        registry = import_module("numcodecs.registry")
    except ImportError as error:
        message = (
            f"codec {name!r:.80} needs numcodecs, which cannot be imported ({error}); "
            "pip install zarr-backends[numcodecs]"
        )
        raise CodecError(message) from error
    try:
        return registry.get_codec({**configuration, "id": codec_id})
    except Exception as error:
        message = (
            f"codec {name!r:.80} is not known to numcodecs, or not with the options "
            f"{show(dict(configuration))}: {error}"
        )
        raise CodecError(message) from error


def _taken_from_array(codec_id: str, dtype: np.dtype[Any]) -> dict[str, Any]:
    """Return the options that a v3 document may leave out, because the array tells them."""
    match codec_id:
        case "delta" | "fixedscaleoffset" | "quantize":
            return {"dtype": dtype.str}
        case "astype":
            return {"decode_dtype": dtype.str}
        case "shuffle":
            return {"elementsize": dtype.itemsize}
    return {}


def _as_bytes(result: Any, dtype: np.dtype[Any]) -> memoryview:
    """Return what a codec gave as a flat view of bytes.

    Args:
        result: A buffer or array.
        dtype: What its elements should be; it counts where they are Python's.
    """
    if isinstance(result, bytes | bytearray | memoryview):
        return contiguous_view(result)
    array = np.asarray(result)
    if array.dtype.hasobject:
        array = array.astype(dtype)
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
