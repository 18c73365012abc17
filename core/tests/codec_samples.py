"""Chunks and lists of codecs for the tests of the codecs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._format.chunks.spec import ChunkSpec
from zarr_backends._format.codecs.pipeline import CodecPipeline, build_pipeline

__all__ = [
    "BIG",
    "CHAINS",
    "CRC32C",
    "LITTLE",
    "NUMCODECS_CHAINS",
    "SHAPE",
    "STRING",
    "V2_CHAINS",
    "ZSTD",
    "codec",
    "numbers",
    "pipeline_of",
    "sharding",
    "spec_of",
    "v2",
]

Codec = dict[str, Any]

SHAPE = (6, 8)
"""Shape of a chunk, where the test does not say another."""

STRING = np.dtypes.StringDType()


def codec(name: str, **configuration: Any) -> Codec:
    """Return a codec as a v3 document has it."""
    return {"name": name, "configuration": configuration}


def v2(codec_id: str, **configuration: Any) -> list[Codec]:
    """Return a filter or compressor of v2 behind the elements."""
    return [codec("v2:bytes"), codec(f"v2:{codec_id}", **configuration)]


LITTLE = codec("bytes", endian="little")
BIG = codec("bytes", endian="big")
CRC32C = {"name": "crc32c"}


def sharding(
    chunk_shape: tuple[int, ...], *codecs: Codec, index: Any = (LITTLE, CRC32C), at: str = "end"
) -> Codec:
    """Return the codec that makes shards of inner chunks."""
    return codec(
        "sharding_indexed",
        chunk_shape=list(chunk_shape),
        codecs=list(codecs),
        index_codecs=list(index),
        index_location=at,
    )


def blosc(cname: str, shuffle: str) -> Codec:
    """Return the codec blosc for elements of eight bytes."""
    return codec("blosc", cname=cname, clevel=5, shuffle=shuffle, typesize=8, blocksize=0)


ZSTD = codec("zstd", level=0, checksum=False)

CHAINS: dict[str, list[Codec]] = {
    "none": [LITTLE],
    "big": [BIG],
    "gzip": [LITTLE, codec("gzip", level=5)],
    "zstd": [LITTLE, ZSTD],
    "zstd-checksum": [LITTLE, codec("zstd", level=3, checksum=True)],
    "blosc": [LITTLE, blosc("lz4", "shuffle")],
    "blosc-zstd": [BIG, blosc("zstd", "bitshuffle")],
    "crc32c": [LITTLE, CRC32C],
    "zstd-crc32c": [LITTLE, ZSTD, CRC32C],
    "transpose": [codec("transpose", order=[1, 0]), LITTLE, ZSTD],
    "sharded": [sharding((3, 4), LITTLE, ZSTD)],
    "sharded-start": [sharding((3, 4), BIG, at="start")],
    "sharded-bare-index": [sharding((2, 8), LITTLE, codec("gzip", level=1), index=[LITTLE])],
    "sharded-big-index": [sharding((3, 4), LITTLE, index=[BIG, CRC32C], at="start")],
    "sharded-transpose": [sharding((3, 4), codec("transpose", order=[1, 0]), LITTLE, CRC32C)],
    "sharded-nested": [sharding((3, 4), sharding((1, 2), LITTLE, ZSTD, at="start"))],
}
"""Codecs of the Zarr v3 specification for chunks of eight-byte numbers."""

NUMCODECS_CHAINS: dict[str, list[Codec]] = {
    "delta": [codec("numcodecs.delta", dtype="<f8"), LITTLE],
    "fixedscaleoffset": [
        codec("numcodecs.fixedscaleoffset", dtype="<f8", offset=5, scale=10, astype="<i4"),
        LITTLE,
    ],
    "astype": [codec("numcodecs.astype", encode_dtype="<f4", decode_dtype="<f8"), LITTLE],
    "quantize": [codec("numcodecs.quantize", digits=1, dtype="<f8"), LITTLE, ZSTD],
    "bitround": [codec("numcodecs.bitround", keepbits=10), LITTLE],
    "shuffle": [LITTLE, codec("numcodecs.shuffle", elementsize=8), ZSTD],
    "zlib": [LITTLE, codec("numcodecs.zlib", level=1)],
    "gzip": [LITTLE, codec("numcodecs.gzip", level=1)],
    "bz2": [LITTLE, codec("numcodecs.bz2", level=1)],
    "lzma": [LITTLE, codec("numcodecs.lzma", format=1, check=-1, preset=None, filters=None)],
    "zstd": [LITTLE, codec("numcodecs.zstd", level=1)],
    "lz4": [LITTLE, codec("numcodecs.lz4", acceleration=1)],
    "blosc": [LITTLE, codec("numcodecs.blosc", cname="lz4", clevel=5, shuffle=1, blocksize=0)],
    "crc32": [LITTLE, codec("numcodecs.crc32")],
    "crc32c": [LITTLE, codec("numcodecs.crc32c")],
    "adler32": [LITTLE, codec("numcodecs.adler32", location="end")],
    "fletcher32": [LITTLE, codec("numcodecs.fletcher32")],
    "jenkins_lookup3": [LITTLE, codec("numcodecs.jenkins_lookup3")],
}
"""Codecs that zarr-python adds to v3, for the same chunks."""

V2_CHAINS: dict[str, list[Codec]] = {
    "zlib": v2("zlib", level=1),
    "gzip": v2("gzip", level=1),
    "zstd": v2("zstd", level=1),
    "bz2": v2("bz2", level=1),
    "lzma": v2("lzma", format=1, check=-1, preset=None, filters=None),
    "lzma-raw": v2("lzma", format=3, check=-1, filters=[{"id": 33, "preset": 1}]),
    "lz4": v2("lz4", acceleration=1),
    "blosc": v2("blosc", cname="zstd", clevel=5, shuffle=-1, blocksize=0),
    "delta": v2("delta", dtype="<f8"),
    "delta-zlib": [*v2("delta", dtype="<f8", astype="<f4"), codec("v2:zlib", level=1)],
    "fixedscaleoffset": v2("fixedscaleoffset", dtype="<f8", offset=0, scale=10, astype="<i4"),
    "quantize": v2("quantize", digits=1, dtype="<f8"),
    "astype": v2("astype", encode_dtype="<f4", decode_dtype="<f8"),
    "bitround": v2("bitround", keepbits=10),
    "shuffle": [*v2("shuffle"), codec("v2:blosc", cname="lz4", clevel=1, shuffle=0, blocksize=0)],
    "base64": v2("base64"),
    "checksums": [*v2("crc32"), codec("v2:adler32"), codec("v2:crc32c"), codec("v2:fletcher32")],
}
"""Filters and compressors of v2, for the same chunks."""


def spec_of(shape: tuple[int, ...] = SHAPE, dtype: Any = "f8", fill_value: Any = 0) -> ChunkSpec:
    """Return what codecs know of chunks that are stored as `dtype`."""
    stored = np.dtype(dtype)
    if stored.kind in "TO":
        return ChunkSpec(shape, stored, stored, fill_value)
    native = stored.newbyteorder("=")
    return ChunkSpec(shape, native, stored, np.array(fill_value).astype(native)[()])


def pipeline_of(
    codecs: Any, shape: tuple[int, ...] = SHAPE, dtype: Any = "f8", fill_value: Any = 0
) -> CodecPipeline:
    """Return the codecs for such chunks."""
    return build_pipeline(codecs, spec_of(shape, dtype, fill_value))


def numbers(shape: tuple[int, ...] = SHAPE, dtype: Any = "f8") -> NDArray[Any]:
    """Return different multiples of 1/2, some negative, the first two of them 0."""
    values = np.arange(np.prod(shape)).reshape(shape) * 1.5 % 97 - 20
    values.reshape(-1)[:2] = 0
    return values.astype(dtype)
