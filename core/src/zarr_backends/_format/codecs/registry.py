"""Which codec a name stands for.

Names are those of Zarr v3; codecs of Zarr v2 are called ``v2:`` and their numcodecs id. What
the core can do by itself it does, under whichever name; all else is numcodecs'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zarr_backends._format.chunks.spec import ChunkSpec
from zarr_backends._format.codecs.base import (
    ArrayArrayCodec,
    ArrayBytesCodec,
    BytesBytesCodec,
    Extent,
)
from zarr_backends._format.codecs.bytes import BytesCodec
from zarr_backends._format.codecs.checksums import ChecksumCodec
from zarr_backends._format.codecs.numcodecs import NumcodecsCodec, numcodecs_id
from zarr_backends._format.codecs.numcodecs_arrays import (
    NumcodecsFilter,
    PcodecCodec,
    ZfpyCodec,
)
from zarr_backends._format.codecs.options import Options
from zarr_backends._format.codecs.standard_compressors import StandardCompressor
from zarr_backends._format.codecs.transpose import TransposeCodec
from zarr_backends._format.codecs.vlen import VlenBytesCodec, VlenUtf8Codec
from zarr_backends._format.codecs.zstd import ZstdCodec
from zarr_backends.errors import CodecError

__all__ = ["ARRAY_ARRAY", "ARRAY_BYTES", "bytes_bytes"]

BuildBytesBytes = Callable[[Options, Extent], BytesBytesCodec]

ARRAY_ARRAY: Mapping[str, Callable[[Options, ChunkSpec], ArrayArrayCodec]] = {
    "transpose": TransposeCodec.of_v3,
    "numcodecs.astype": NumcodecsFilter,
    "numcodecs.bitround": NumcodecsFilter,
    "numcodecs.delta": NumcodecsFilter,
    "numcodecs.fixedscaleoffset": NumcodecsFilter,
    "numcodecs.packbits": NumcodecsFilter,
    "numcodecs.quantize": NumcodecsFilter,
}
"""Codecs that change arrays, by name."""

ARRAY_BYTES: Mapping[str, Callable[[Options, ChunkSpec], ArrayBytesCodec]] = {
    "bytes": BytesCodec.of_v3,
    "numcodecs.pcodec": PcodecCodec,
    "numcodecs.zfpy": ZfpyCodec,
    "v2:bytes": BytesCodec.of_v2,
    "v2:pcodec": PcodecCodec,
    "v2:zfpy": ZfpyCodec,
    "vlen-bytes": VlenBytesCodec,
    "vlen-utf8": VlenUtf8Codec,
}
"""Codecs that write arrays as bytes, by name; `ShardingCodec` is one more."""

_OWN: Mapping[str, BuildBytesBytes] = {
    "adler32": ChecksumCodec.build,
    "bz2": StandardCompressor.bz2,
    "crc32": ChecksumCodec.build,
    "crc32c": ChecksumCodec.build,
    "gzip": StandardCompressor.gzip,
    "lzma": StandardCompressor.lzma,
    "zlib": StandardCompressor.zlib,
    "zstd": ZstdCodec.build,
}
"""Codecs of the core that change bytes, by numcodecs' ids."""

_OF_V3: Mapping[str, BuildBytesBytes] = {
    "blosc": NumcodecsCodec.blosc,
    "crc32c": ChecksumCodec.build,
    "gzip": StandardCompressor.gzip,
    "zstd": ZstdCodec.build,
}
"""Codecs of Zarr v3 that change bytes."""


def bytes_bytes(name: str) -> BuildBytesBytes:
    """Return what builds the codec of some name that changes bytes.

    Raises:
        CodecError: There is none of that name.
    """
    if name in _OF_V3:
        return _OF_V3[name]
    if name.startswith(("v2:", "numcodecs.")):
        return _OWN.get(numcodecs_id(name), NumcodecsCodec.build)
    known = [*ARRAY_ARRAY, *ARRAY_BYTES, *_OF_V3, "sharding_indexed"]
    from difflib import get_close_matches  # noqa: PLC0415  # only for messages, and slow to import

    nearest = get_close_matches(name, known, 1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(known)}"
    message = f"codec {name!r:.80} is not known; {hint}"
    raise CodecError(message)
