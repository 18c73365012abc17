"""Each codec by itself: its options, and the bytes that it takes and refuses."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from codec_samples import BIG, CRC32C, LITTLE, SHAPE, STRING, codec, numbers, pipeline_of, v2

from zarr_backends._format.codecs.options import Options
from zarr_backends.errors import ChunkCorruptionError, CodecError

HERE = Path(__file__).parent
RAW = numbers().tobytes()
HALF = len(RAW) // 2
OTHER_SIZES = [RAW[:-1], RAW + b"\0", b"", RAW * 2]
UNKNOWN_SIZE = zstandard.ZstdCompressor(write_content_size=False)
SKIPPED = struct.pack("<II", 0x184D2A53, 5) + b"hello"


def frame(content: bytes, **words: Any) -> bytes:
    """Return a frame of Zstandard."""
    return zstandard.ZstdCompressor(**words).compress(content)


def endless_frame(content: bytes) -> bytes:
    """Return a frame of Zstandard that does not say how large its content is."""
    stream = UNKNOWN_SIZE.compressobj()
    return stream.compress(content) + stream.flush()


# --- bytes, transpose ----------------------------------------------------------------------


@pytest.mark.parametrize(("endian", "expected"), [(LITTLE, "0100"), (BIG, "0001")])
def test_bytes_have_the_order_that_is_asked_for(endian: Any, expected: str) -> None:
    """Least significant first, or last."""
    pipeline = pipeline_of([endian], (1,), "i2")
    assert bytes(pipeline.encode(np.array([1], "i2"))).hex() == expected


def test_bytes_without_an_order_are_little() -> None:
    """Documents leave it out for elements of one byte; some leave it out always."""
    assert bytes(pipeline_of(["bytes"], (1,), "i4").encode(np.array([1], "i4"))) == b"\1\0\0\0"


@pytest.mark.parametrize("data", [RAW[:-1], RAW + b"\0", b""])
def test_bytes_of_another_number_than_a_chunk_has_are_refused(data: bytes) -> None:
    """Fewer, more and none."""
    with pytest.raises(ChunkCorruptionError, match=f"got {len(data)} bytes where a chunk has 384"):
        pipeline_of([LITTLE]).decode(data)


@pytest.mark.parametrize("dtype", [STRING, object])
def test_bytes_cannot_store_elements_that_differ_in_length(dtype: Any) -> None:
    """The message names the codecs that can."""
    with pytest.raises(CodecError, match="use 'vlen-utf8' for text"):
        pipeline_of(["bytes"], dtype=dtype)


def test_uncompressed_bytes_are_a_view_of_the_chunk() -> None:
    """Nothing is copied where memory and storage agree, and nothing can be written through."""
    chunk = numbers()
    encoded = pipeline_of([LITTLE]).encode(chunk)
    assert isinstance(encoded, memoryview)
    assert encoded.readonly
    assert np.shares_memory(np.frombuffer(encoded), chunk)


@pytest.mark.parametrize(
    ("order", "axes"), [([2, 0, 1], (2, 0, 1)), ("C", (0, 1, 2)), ("F", (2, 1, 0))]
)
def test_transpose_puts_dimensions_in_order(order: Any, axes: tuple[int, ...]) -> None:
    """Dimension ``order[i]`` becomes dimension i; early documents have letters."""
    value = numbers((3, 4, 5))
    pipeline = pipeline_of([codec("transpose", order=order), LITTLE], value.shape)
    encoded = pipeline.encode(value)
    assert bytes(encoded) == value.transpose(axes).tobytes()
    assert np.array_equal(pipeline.decode(encoded), value)


@pytest.mark.parametrize("order", [None, [0], [0, 0], [1, 2], [0, 1, 2], [0, True], "A", [0, 1.0]])
def test_transpose_wants_a_permutation(order: Any) -> None:
    """Every dimension once."""
    with pytest.raises(CodecError, match="must be a permutation of the 2 dimensions"):
        pipeline_of([codec("transpose", order=order), LITTLE])


# --- zstd ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SHAPE, (256, 256)])
@pytest.mark.parametrize("kind", ["one", "checksum", "endless", "two", "three", "skipped", "empty"])
def test_zstd_reads_frames_of_every_kind(kind: str, size: Any) -> None:
    """One or several, with and without their size, some of them empty or to be skipped."""
    raw = numbers(size).tobytes()
    half = len(raw) // 2
    data = {
        "one": frame(raw, level=19),
        "checksum": frame(raw, write_checksum=True),
        "endless": endless_frame(raw),
        "two": frame(raw[:half]) + frame(raw[half:], write_checksum=True),
        "three": endless_frame(raw[:half]) + endless_frame(raw[half:-8]) + frame(raw[-8:]),
        "skipped": SKIPPED + frame(raw) + SKIPPED,
        "empty": frame(b"") + endless_frame(b"") + frame(raw),
    }[kind]
    pipeline, target = pipeline_of([LITTLE, codec("zstd")], size), np.empty(size)
    pipeline.decode_into(data, target)
    assert np.array_equal(pipeline.decode(data), numbers(size))
    assert np.array_equal(target, numbers(size))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x28",
        SKIPPED,
        SKIPPED[:-1],
        frame(RAW) + b"\0",
        frame(RAW)[:-1],
        frame(RAW, write_checksum=True)[:-1],
        frame(RAW, write_checksum=True)[:-1] + b"\x11",
        endless_frame(RAW)[:-1],
        frame(RAW) + frame(b"x"),
        frame(RAW) + frame(b"x")[:-1],
        frame(RAW[:HALF]) + endless_frame(RAW),
        frame(RAW[:HALF]) + endless_frame(RAW[HALF:-1]),
        *map(frame, OTHER_SIZES),
        *map(endless_frame, OTHER_SIZES),
    ],
)
def test_zstd_refuses_all_else(data: bytes) -> None:
    """Cut short, damaged, followed by something, or of another size than a chunk."""
    pipeline = pipeline_of([LITTLE, codec("zstd")])
    with pytest.raises(ChunkCorruptionError, match="zstd: "):
        pipeline.decode(data)


@pytest.mark.parametrize("cut", [1, 4, 5])
@pytest.mark.parametrize("words", [{}, {"write_checksum": True}])
def test_zstd_refuses_damage_of_large_chunks(words: dict[str, Any], cut: int) -> None:
    """Those are decompressed in place, where the library would not notice a missing checksum."""
    value = numbers((256, 256))
    pipeline, target = pipeline_of([LITTLE, codec("zstd")], value.shape), np.empty(value.shape)
    encoded = frame(value.tobytes(), **words)
    damaged = encoded[:-1] + bytes([encoded[-1] ^ 1]) if words else encoded + b"\0" * cut
    for data in (encoded[:-cut], damaged, encoded * 2):
        with pytest.raises(ChunkCorruptionError, match="zstd: "):
            pipeline.decode_into(data, target)


def test_zstd_writes_what_it_is_asked_for() -> None:
    """The level and the checksum are those of the configuration."""
    value = np.arange(20000.0).reshape(100, 200)
    sizes = []
    for level in (-50, 1, 19):
        options = codec("zstd", level=level, checksum=level == 1)
        data = pipeline_of([LITTLE, options], value.shape).encode(value)
        assert zstandard.get_frame_parameters(data).has_checksum == (level == 1)
        sizes.append(len(data))
    assert sizes[0] > sizes[1] > sizes[2]


def test_zstd_serves_many_threads_at_a_time() -> None:
    """Every thread has its own compressor for each of some levels."""
    pipelines = [pipeline_of([LITTLE, codec("zstd", level=level)]) for level in range(1, 8)]

    def work(i: int) -> bool:
        pipeline, value = pipelines[i % 7], numbers() + i
        return np.array_equal(pipeline.decode(pipeline.encode(value)), value)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(400)))


# --- gzip, zlib, bz2, lzma -----------------------------------------------------------------

COMPRESS: dict[str, Any] = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "bz2": bz2.compress,
    "lzma": lzma.compress,
}


@pytest.mark.parametrize("name", COMPRESS)
def test_compressors_read_streams_one_after_the_other(name: str) -> None:
    """As Python's own functions, and refuse the same with something behind it."""
    pipeline, compress = pipeline_of(v2(name)), COMPRESS[name]
    data = compress(RAW[:HALF]) + compress(b"") + compress(RAW[HALF:])
    assert np.array_equal(pipeline.decode(data), numbers())
    with pytest.raises(ChunkCorruptionError, match=f"{name}: "):
        pipeline.decode(data + b"garbage")


@pytest.mark.parametrize("name", COMPRESS)
def test_compressors_refuse_all_else(name: str) -> None:
    """Cut short, damaged, or of another size than a chunk."""
    pipeline, compress = pipeline_of(v2(name)), COMPRESS[name]
    good = compress(RAW)
    damaged = good[:-6] + bytes([good[-6] ^ 0x55]) + good[-5:]
    bad = [b"", b"\x1f", good[:-1], good[: len(good) // 2], damaged, *map(compress, OTHER_SIZES)]
    for data in bad:
        with pytest.raises(ChunkCorruptionError, match=f"{name}: "):
            pipeline.decode(data)


def test_gzip_may_be_padded_with_zeros_and_holds_no_time() -> None:
    """Its format says so; the same chunk always gives the same bytes."""
    pipeline = pipeline_of([LITTLE, codec("gzip", level=9)])
    encoded = bytes(pipeline.encode(numbers()))
    assert encoded[4:8] == bytes(4)
    assert gzip.decompress(encoded) == RAW
    assert np.array_equal(pipeline.decode(encoded + bytes(100)), numbers())


def test_lzma_that_wants_much_memory_is_refused() -> None:
    """A header of a few bytes could ask for gigabytes."""
    data = lzma.compress(RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 2**30}])
    with pytest.raises(ChunkCorruptionError, match=r"[Mm]emory"):
        pipeline_of(v2("lzma")).decode(data)


def test_lzma_that_cannot_be_written_is_an_error_of_ours() -> None:
    """Settings are checked by Python's module only when it writes."""
    pipeline = pipeline_of(v2("lzma", filters=[{"id": 5}]))
    with pytest.raises(CodecError, match="lzma: 384 bytes cannot be compressed"):
        pipeline.encode(numbers())


# --- Checksums -----------------------------------------------------------------------------


def test_crc32c_is_the_one_of_the_specification() -> None:
    """RFC 3720 gives the sum of 32 zeros, which follows them least significant byte first."""
    pipeline = pipeline_of(["bytes", CRC32C], (32,), "u1")
    assert pipeline.encode(np.zeros(32, "u1")) == bytes(32) + bytes.fromhex("aa36918a")


@pytest.mark.parametrize("name", ["crc32c", "crc32", "adler32"])
@pytest.mark.parametrize("location", ["start", "end", None])
def test_checksums_tell_damage(name: str, location: str | None) -> None:
    """A changed bit anywhere, at either end; one byte less or more."""
    pipeline = pipeline_of(v2(name, location=location))
    encoded = bytearray(pipeline.encode(numbers()))
    assert np.array_equal(pipeline.decode(encoded), numbers())
    for position in (0, 5, len(encoded) - 1):
        damaged = bytearray(encoded)
        damaged[position] ^= 16
        with pytest.raises(ChunkCorruptionError, match="damaged after they had been written"):
            pipeline.decode(damaged)
    for data in (encoded[:-1], encoded + b"\0", b""):
        with pytest.raises(ChunkCorruptionError, match=f"{name}: got"):
            pipeline.decode(data)


def test_less_than_a_checksum_is_refused() -> None:
    """Where it is behind a compressor, nobody knows how many bytes there should be."""
    with pytest.raises(ChunkCorruptionError, match="3 bytes are too few"):
        pipeline_of([LITTLE, codec("zstd"), CRC32C]).decode(b"abc")


# --- vlen-utf8, vlen-bytes -----------------------------------------------------------------


def vlen(*items: bytes, count: int | None = None) -> bytes:
    """Return elements in the layout of numcodecs."""
    parts = [struct.pack("<I", len(item)) + item for item in items]
    return struct.pack("<I", len(items) if count is None else count) + b"".join(parts)


def test_byte_strings_keep_their_zeros() -> None:
    """NumPy's own byte strings lose those at the end."""
    pipeline = pipeline_of(["vlen-bytes"], (2, 2), object, b"")
    chunk = np.empty((2, 2), object)
    chunk[0], chunk[1] = [b"a\0", b""], [bytearray(b"\0\0"), None]
    encoded = pipeline.encode(chunk)
    assert encoded == vlen(b"a\0", b"", b"\0\0", b"")
    assert pipeline.decode(encoded).tolist() == [[b"a\0", b""], [b"\0\0", b""]]


@pytest.mark.parametrize("item", ["text", 0, 1.5, [b"a"]])
def test_byte_strings_are_bytes_and_nothing_else(item: object) -> None:
    """The message shows the element."""
    chunk = np.empty((1,), object)
    chunk[0] = item
    with pytest.raises(CodecError, match="elements must be bytes"):
        pipeline_of(["vlen-bytes"], (1,), object, b"").encode(chunk)


def test_byte_strings_are_shorter_than_four_gibibytes() -> None:
    """Their length is a number of 32 bits."""
    chunk = np.empty((1,), object)
    chunk[0] = bytes(2**32)
    with pytest.raises(CodecError, match="one of its elements is too large"):
        pipeline_of(["vlen-bytes"], (1,), object, b"").encode(chunk)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\2\0\0",
        vlen(b"a"),
        vlen(b"a", b"b", b"c"),
        vlen(b"a", b"b", count=2**31),
        vlen(b"a", b"b")[:-1],
        vlen(b"a", b"b") + b"\0",
        vlen(b"", b"\xff"),
        vlen(b"", b"\xed\xa0\x80"),
        struct.pack("<III", 2, 2**32 - 1, 0),
    ],
)
def test_text_that_is_not_just_the_elements_of_a_chunk_is_refused(data: bytes) -> None:
    """Another count, a length that leads out, something behind it, or no UTF-8."""
    with pytest.raises(ChunkCorruptionError, match="vlen-utf8: "):
        pipeline_of(["vlen-utf8"], (2,), STRING, "").decode(data)


@pytest.mark.parametrize(("name", "dtype"), [("vlen-utf8", object), ("vlen-bytes", "f8")])
def test_elements_of_another_kind_are_refused(name: str, dtype: Any) -> None:
    """Text is no bytes, and numbers are neither."""
    with pytest.raises(CodecError, match=f"codec '{name}' cannot store elements of dtype"):
        pipeline_of([name], dtype=dtype)


# --- numcodecs -----------------------------------------------------------------------------


@pytest.mark.parametrize("codec_id", ["pickle", "json2", "msgpack2", "vlen-array", "vlen-utf8"])
@pytest.mark.parametrize("prefix", ["v2:", "numcodecs."])
def test_codecs_that_could_run_code_are_refused_by_name(codec_id: str, prefix: str) -> None:
    """Whatever numcodecs thinks of them."""
    with pytest.raises(CodecError, match=f"codec '{prefix}{codec_id}' is refused: "):
        pipeline_of([codec("v2:bytes"), codec(prefix + codec_id, id="zlib")])


def run(program: str) -> subprocess.CompletedProcess[bytes]:
    """Run Python in a process of its own, among these tests."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=HERE, capture_output=True, check=False)


def test_without_numcodecs_the_error_says_how_to_get_it() -> None:
    """The core's own codecs work without it."""
    program = (
        "import sys; sys.modules['numcodecs'] = None\n"
        "from codec_samples import pipeline_of, v2, LITTLE, codec\n"
        "for name in ('zlib', 'gzip', 'zstd', 'bz2', 'lzma', 'crc32', 'adler32', 'crc32c'):\n"
        "    pipeline_of(v2(name))\n"
        "pipeline_of([LITTLE, codec('blosc')])"
    )
    assert b"pip install zarr-backends[numcodecs]" in run(program).stderr


def test_nothing_is_imported_from_numcodecs_before_it_is_needed() -> None:
    """It takes longer to import than all else."""
    program = "import sys, codec_samples; print('numcodecs' in sys.modules)"
    assert run(program).stdout.strip() == b"False"


@pytest.mark.parametrize("typesize", [1, 3, 8, 255, 1000])
def test_blosc_takes_elements_of_any_size(typesize: int) -> None:
    """Those that it does not know it takes for bytes."""
    pipeline = pipeline_of([LITTLE, codec("blosc", typesize=typesize, shuffle="shuffle")])
    encoded = pipeline.encode(numbers())
    assert encoded[3] == (typesize if typesize in (3, 8) else 1)
    assert np.array_equal(pipeline.decode(encoded), numbers())


@pytest.mark.parametrize("position", [4, 8, 12])
@pytest.mark.parametrize("change", [1, -1, 2**31, 2**32 - 1])
def test_blosc_headers_that_lie_are_refused(position: int, change: int) -> None:
    """About the decoded size, the size of blocks and their own length."""
    pipeline = pipeline_of([LITTLE, codec("blosc", shuffle="shuffle")])
    encoded = bytearray(pipeline.encode(numbers()))
    number = int.from_bytes(encoded[position : position + 4], "little") + change
    encoded[position : position + 4] = (number % 2**32).to_bytes(4, "little")
    if position == 8 and change == -1:
        return  # smaller blocks can be
    with pytest.raises(ChunkCorruptionError, match="blosc"):
        pipeline.decode(encoded)


@pytest.mark.parametrize("size", [0, 383, 385, 2**31, 2**32 - 1])
def test_lz4_that_announces_another_size_is_refused(size: int) -> None:
    """Before anything is allocated."""
    pipeline = pipeline_of(v2("lz4"))
    encoded = bytearray(pipeline.encode(numbers()))
    encoded[:4] = size.to_bytes(4, "little")
    with pytest.raises(ChunkCorruptionError, match="lz4"):
        pipeline.decode(encoded)


@pytest.mark.parametrize("prefix", ["v2:", "numcodecs."])
def test_packed_bits_are_those_of_numcodecs(prefix: str) -> None:
    """A number of idle bits, then eight elements a byte."""
    packbits, number = codec(f"{prefix}packbits"), {"name": "bytes"}
    codecs = [packbits, number] if prefix == "numcodecs." else [codec("v2:bytes"), packbits]
    pipeline = pipeline_of(codecs, (3, 3), "?", fill_value=False)
    chunk = np.eye(3, dtype=bool)
    assert bytes(pipeline.encode(chunk)) == bytes([7, 0b10001000, 0b10000000])
    assert np.array_equal(pipeline.decode(pipeline.encode(chunk)), chunk)
    with pytest.raises(ChunkCorruptionError, match="packbits"):
        pipeline.decode(bytes([6, 0, 0]))


@pytest.mark.parametrize("dtype", ["<U3", "|O"])
def test_categories_become_numbers(dtype: str) -> None:
    """Text of fixed length, one byte for each."""
    categorize = v2("categorize", labels=["a", "bcd"], dtype=dtype, astype="|u1")
    pipeline = pipeline_of(categorize, (3,), "U3", fill_value="")
    chunk = np.array(["a", "bcd", "x"])
    assert bytes(pipeline.encode(chunk)) == bytes([1, 2, 0])
    assert pipeline.decode(bytes([2, 0, 1])).tolist() == ["bcd", "", "a"]


@pytest.mark.parametrize(
    ("codecs", "said"),
    [
        (v2("delta", dtype="<U0"), "cannot be converted"),
        (v2("delta", dtype="S7"), "not a whole number of elements"),
        ([codec("numcodecs.delta", dtype="<f8", astype="<f0"), LITTLE], "not with the options"),
        (v2("blosc", cname="lz4", nonsense=1), "not with the options"),
        ([LITTLE, codec("blosc", shuffle=1)], "one of 'noshuffle'"),
        ([LITTLE, codec("blosc", cname="lzma")], "one of 'lz4hc'"),
    ],
)
def test_options_that_cannot_be_are_refused(codecs: Any, said: str) -> None:
    """When the array is opened, not when it is read."""
    with pytest.raises(CodecError, match=said):
        pipeline_of(codecs)


@pytest.mark.parametrize("chain", [v2("bitround", keepbits=3), v2("quantize", digits=1)])
def test_filters_that_do_not_take_the_elements_say_so(chain: Any) -> None:
    """Integers cannot be rounded so."""
    with pytest.raises(CodecError, match="codec 'v2:"):
        pipeline_of(chain, dtype="i4").encode(numbers(dtype="i4"))


@pytest.mark.parametrize("name", ["numcodecs.delta", "numcodecs.pcodec", "numcodecs.zfpy"])
def test_filters_want_elements_of_fixed_size(name: str) -> None:
    """Text cannot be filtered."""
    with pytest.raises(CodecError, match="which differ in length"):
        pipeline_of([codec(name), "vlen-utf8"], dtype=STRING)


@pytest.mark.parametrize("name", ["v2:pcodec", "numcodecs.pcodec"])
def test_pcodec_takes_arrays(name: str) -> None:
    """It counts the elements of a chunk itself."""
    pytest.importorskip("pcodec", reason="an option of numcodecs")
    pipeline = pipeline_of([*(["v2:bytes"] if name[0] == "v" else []), codec(name, level=2)])
    encoded = bytes(pipeline.encode(numbers()))
    assert np.array_equal(pipeline.decode(encoded), numbers())
    for data in (b"", encoded[:-9], b"x" + encoded):
        with pytest.raises(ChunkCorruptionError, match="pcodec"):
            pipeline.decode(data)
    for size in [(6, 7), (6, 9)]:
        with pytest.raises(ChunkCorruptionError, match="pcodec"):
            pipeline.decode(pipeline_of([codec("numcodecs.pcodec")], size).encode(numbers(size)))


def test_zfpy_takes_arrays() -> None:
    """It rounds as it is told, and refuses data of another array."""
    pytest.importorskip("zfpy", reason="an option of numcodecs")
    chain = [codec("numcodecs.zfpy", mode=4, tolerance=0.01)]
    pipeline = pipeline_of(chain)
    encoded = bytes(pipeline.encode(numbers()))
    assert np.allclose(pipeline.decode(encoded), numbers(), atol=0.01)
    for size, dtype in [((8, 6), "f8"), (SHAPE, "f4"), ((48,), "f8")]:
        with pytest.raises(ChunkCorruptionError, match="zfpy"):
            pipeline.decode(pipeline_of(chain, size, dtype).encode(numbers(size, dtype)))
    with pytest.raises(CodecError, match="compresses 1 to 4 dimensions"):
        pipeline_of(chain, dtype="u1")
    with pytest.raises(CodecError, match="cannot encode dtype float64"):
        pipeline_of([codec("numcodecs.zfpy", mode=5)]).encode(numbers())


# --- Options -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        (codec("gzip", level=10), "must be an integer from -1 to 9, not 10"),
        (codec("gzip", level=True), "not True"),
        (codec("gzip", level="many"), "not 'many'"),
        (codec("zstd", level=23), "from -131072 to 22"),
        (codec("zstd", checksum=1), "true or false, not 1"),
        (codec("zstd", levle=1), "no option 'levle'"),
        (codec("crc32c", location="start"), "no option 'location'"),
        (codec("v2:crc32c", location="middle"), "'start' or 'end'"),
        (codec("v2:lzma", format=0), "from 1 to 3"),
    ],
)
def test_options_are_checked(chain: Any, said: str) -> None:
    """The message says what they must be."""
    with pytest.raises(CodecError, match=said):
        pipeline_of([LITTLE, chain])


def test_numbers_may_be_text() -> None:
    """As some writers of v2 give them; a number that is too long for Python is shown short."""
    assert Options("zlib", {"level": "5"}).integer("level", 1, 0, 9) == 5
    with pytest.raises(CodecError, match="not a int too large to show"):
        Options("zlib", {"level": 10**5000}).integer("level", 1, 0, 9)
