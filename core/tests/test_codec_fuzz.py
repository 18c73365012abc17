"""Damaged and hostile chunks: always an error of ours, or a chunk; never much memory.

Whatever bytes are decoded, by whichever codecs.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from codec_samples import (
    CHAINS,
    LITTLE,
    NUMCODECS_CHAINS,
    SHAPE,
    STRING,
    V2_CHAINS,
    codec,
    numbers,
    pipeline_of,
    v2,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zarr_backends._format.codecs.pipeline import CodecPipeline
from zarr_backends.errors import ChunkCorruptionError

ALL_CHAINS = {
    **CHAINS,
    **{f"numcodecs-{name}": chain for name, chain in NUMCODECS_CHAINS.items()},
    **{f"v2-{name}": chain for name, chain in V2_CHAINS.items()},
}
TEXT_CHAINS = {
    "vlen": [{"name": "vlen-utf8"}],
    "vlen-zstd": [{"name": "vlen-utf8"}, codec("zstd")],
    "vlen-gzip": [{"name": "vlen-utf8"}, codec("gzip")],
    "vlen-blosc": [{"name": "vlen-utf8"}, codec("blosc")],
    "vlen-lz4": [{"name": "vlen-utf8"}, codec("v2:lz4")],
}
TEXT = np.array(["a", "", "äöü€", "😀", "x\0y", "z" * 300] * 8, STRING).reshape(SHAPE)
INTERESTING = [bytes(4), b"\xff" * 4, b"\0\0\0\x80", b"\xff\xff\xff\x7f", b"\1", b"\x80"]


@st.composite
def damage(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Draw a few changes to some bytes: overwritten, cut out, put in, repeated, cut short."""
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["set", "cut", "put", "end", "move", "flip"]),
                st.one_of(st.integers(0, 40), st.integers(0, 2000)),
                st.one_of(st.sampled_from(INTERESTING), st.binary(min_size=1, max_size=8)),
            ),
            min_size=1,
            max_size=4,
        )
    )

    def change(data: bytes) -> bytes:
        for kind, position, value in steps:
            at = position % (len(data) + 1)
            match kind:
                case "set":
                    data = data[:at] + value + data[at + len(value) :]
                case "cut":
                    data = data[:at] + data[at + len(value) :]
                case "put":
                    data = data[:at] + value + data[at:]
                case "end":
                    data = data[:at]
                case "move":
                    data = data[at:] + data[:at]
                case "flip" if at:
                    flipped = bytes([data[at - 1] ^ 1 << value[0] % 8])
                    data = data[: at - 1] + flipped + data[at:]
        return data

    return change


@cache
def sample(name: str) -> tuple[CodecPipeline, bytes]:
    """Return a pipeline and a chunk that it has encoded."""
    if name in TEXT_CHAINS:
        pipeline = pipeline_of(TEXT_CHAINS[name], dtype=STRING, fill_value="")
        return pipeline, bytes(pipeline.encode(TEXT))
    pipeline = pipeline_of(ALL_CHAINS[name])
    return pipeline, bytes(pipeline.encode(numbers()))


def is_refused(pipeline: CodecPipeline, data: bytes) -> bool:
    """Return whether some bytes are refused; if not, they must be one chunk, both ways alike."""
    target = np.empty(pipeline.spec.shape, pipeline.spec.dtype)
    try:
        chunk = pipeline.decode(data)
    except ChunkCorruptionError:
        with pytest.raises(ChunkCorruptionError):
            pipeline.decode_into(data, target)
        return True
    pipeline.decode_into(data, target)
    assert chunk.shape == pipeline.spec.shape
    assert chunk.dtype == pipeline.spec.dtype
    assert chunk.tolist() == target.tolist() or np.isnan(target).any()
    return False


@pytest.mark.parametrize("name", [*ALL_CHAINS, *TEXT_CHAINS])
@given(change=damage())
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.differing_executors])
def test_damaged_chunks_are_refused_or_decoded(name: str, change: Callable[[bytes], bytes]) -> None:
    """By every codec."""
    pipeline, encoded = sample(name)
    is_refused(pipeline, change(encoded))


@pytest.mark.parametrize("name", [*ALL_CHAINS, *TEXT_CHAINS])
@given(data=st.binary(max_size=500))
@settings(deadline=None, max_examples=20)
def test_any_bytes_are_refused_or_decoded(name: str, data: bytes) -> None:
    """By every codec."""
    is_refused(sample(name)[0], data)


@pytest.mark.parametrize("name", [*ALL_CHAINS, *TEXT_CHAINS])
def test_chunks_that_are_cut_short_or_go_on_are_refused(name: str) -> None:
    """At every byte."""
    pipeline, encoded = sample(name)
    for stop in range(len(encoded)):
        assert is_refused(pipeline, encoded[:stop])
    # A shard may have gaps, but its index is found at one end: there it goes on at the other.
    if "sharded-start" not in name and name != "sharded-big-index":
        assert is_refused(pipeline, encoded + b"\1")


@pytest.mark.parametrize("chain", ["zstd-checksum", "zstd-crc32c", "crc32c", "v2-zlib", "v2-bz2"])
@given(st.integers(0, 10**6), st.integers(0, 7))
@settings(deadline=None, max_examples=100)
def test_one_wrong_bit_is_noticed(chain: str, position: int, bit: int) -> None:
    """Wherever it is, where there is a checksum: what is decoded is what was encoded."""
    pipeline, encoded = sample(chain)
    damaged = bytearray(encoded)
    damaged[position % len(damaged)] ^= 1 << bit
    with suppress(ChunkCorruptionError):
        assert np.array_equal(pipeline.decode(damaged), numbers())


ZEROS = bytes(64 * 2**20)
"""What bombs explode to: far more than the 384 bytes of a chunk."""


def zstd_lie() -> bytes:
    """Return a frame of some bytes that announces a terabyte."""
    raw = struct.pack("<IBQ", 0xFD2FB528, 0xE0, 2**40)
    return raw + zstandard.ZstdCompressor().compress(b"abc")[6:]


def zstd_endless() -> bytes:
    """Return a frame that does not say how large its content is."""
    stream = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return stream.compress(ZEROS) + stream.flush()


def blosc_bomb() -> bytes:
    """Return 64 MiB, compressed by blosc."""
    return bytes(pipeline_of([LITTLE, codec("blosc")], (2**23,)).encode(np.zeros(2**23)))


def lz4_bomb() -> bytes:
    """Return 64 MiB, compressed by LZ4."""
    return bytes(pipeline_of(v2("lz4"), (2**23,)).encode(np.zeros(2**23)))


BOMBS: dict[str, tuple[Any, Callable[[], bytes]]] = {
    "zstd": (CHAINS["zstd"], lambda: zstandard.ZstdCompressor().compress(ZEROS)),
    "zstd-lie": (CHAINS["zstd"], zstd_lie),
    "zstd-endless": (CHAINS["zstd"], zstd_endless),
    "zstd-many": (CHAINS["zstd"], lambda: zstandard.ZstdCompressor().compress(bytes(99)) * 10**4),
    "gzip": (CHAINS["gzip"], lambda: gzip.compress(ZEROS)),
    "zlib": (V2_CHAINS["zlib"], lambda: zlib.compress(ZEROS)),
    "bz2": (V2_CHAINS["bz2"], lambda: bz2.compress(ZEROS)),
    "lzma": (V2_CHAINS["lzma"], lambda: lzma.compress(ZEROS, preset=0)),
    "blosc": (CHAINS["blosc"], blosc_bomb),
    "lz4": (V2_CHAINS["lz4"], lz4_bomb),
    "twice": (
        [*CHAINS["gzip"], codec("zstd")],
        lambda: zstandard.ZstdCompressor().compress(gzip.compress(ZEROS) * 9),
    ),
    "vlen": ([{"name": "vlen-utf8"}], lambda: struct.pack("<II", 2**32 - 1, 2**32 - 1) + bytes(99)),
    "sharded": ([*CHAINS["sharded"], codec("zstd")], zstd_endless),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_do_not_explode(name: str) -> None:
    """A chunk that would become far larger than it may is refused on the way."""
    chain, bomb = BOMBS[name]
    is_text = name == "vlen"
    pipeline = pipeline_of(
        chain, dtype=STRING if is_text else "f8", fill_value="" if is_text else 0
    )
    data = bomb()
    tracemalloc.start()
    try:
        with pytest.raises(ChunkCorruptionError):
            pipeline.decode(data)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does it")
def test_bombs_take_no_memory_that_python_does_not_see() -> None:
    """All of them again, in a process that may not have much."""
    program = """
import resource, test_codec_fuzz as here
bombs = [(here.pipeline_of(chain), bomb()) for name, (chain, bomb) in here.BOMBS.items()
         if name not in ("vlen", "lzma")]
here.ZEROS = b""
limit = resource.getpagesize() * int(open("/proc/self/statm").read().split()[0]) + 2**24
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
print(all(here.is_refused(*bomb) for bomb in bombs))
"""
    here = Path(__file__).parent
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=here, capture_output=True, check=False)
    assert done.stdout.strip() == b"True", done.stderr
