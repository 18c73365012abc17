"""Shards: what lies where in them, and indices that point to where nothing can be."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import google_crc32c
import numpy as np
import pytest
from codec_samples import (
    CRC32C,
    LITTLE,
    SHAPE,
    STRING,
    codec,
    numbers,
    pipeline_of,
    sharding,
)

from zarr_backends._format.codecs.pipeline import CodecPipeline
from zarr_backends._format.codecs.sharding import MISSING, ShardingCodec
from zarr_backends.errors import ChunkCorruptionError, CodecError

INNER = (3, 4)
INNER_NBYTES = 96


def shards(*codecs: Any, at: str = "end", index: Any = (LITTLE, CRC32C), **words: Any) -> Any:
    """Return the pipeline and the sharding codec of shards of four inner chunks."""
    pipeline = pipeline_of([sharding(INNER, *(codecs or [LITTLE]), index=index, at=at)], **words)
    assert isinstance(pipeline.sharding, ShardingCodec)
    return pipeline, pipeline.sharding


def index_of(*entries: int) -> bytes:
    """Return the bytes of an index without a checksum."""
    return np.array(entries, "<u8").tobytes()


def inner_chunks(value: Any) -> list[bytes]:
    """Return the four inner chunks of a shard, uncompressed."""
    return [value[i : i + 3, j : j + 4].tobytes() for i, j in product((0, 3), (0, 4))]


def decoded(pipeline: CodecPipeline, data: bytes) -> Any:
    """Return a shard, decoded in both ways."""
    target = np.empty(pipeline.spec.shape, pipeline.spec.dtype)
    pipeline.decode_into(data, target)
    assert np.array_equal(pipeline.decode(data), target)
    return target


@pytest.mark.parametrize("at", ["start", "end"])
def test_a_shard_holds_inner_chunks_in_c_order_and_their_index(at: str) -> None:
    """Offsets count from the start of the shard, whatever stands there."""
    pipeline, codec_ = shards(at=at)
    value = numbers() + 100
    first = 68 if at == "start" else 0
    starts = [first + i * INNER_NBYTES for i in range(4)]
    index = index_of(*(n for start in starts for n in (start, INNER_NBYTES)))
    index += google_crc32c.value(index).to_bytes(4, "little")
    chunks = b"".join(inner_chunks(value))
    assert codec_.index_nbytes == len(index) == 68
    assert bytes(pipeline.encode(value)) == (index + chunks if at == "start" else chunks + index)


@pytest.mark.parametrize("at", ["start", "end"])
def test_inner_chunks_of_fill_values_are_left_out(at: str) -> None:
    """Bit for bit: -0.0 is kept."""
    pipeline, codec_ = shards(at=at, index=[LITTLE])
    value = np.zeros(SHAPE)
    value[5, 7], value[0, 4] = 1, -0.0
    encoded = bytes(pipeline.encode(value))
    table = codec_.decode_index(encoded[:64] if at == "start" else encoded[-64:], len(encoded))
    assert (table[..., 0] == MISSING).tolist() == [[True, False], [True, False]]
    assert len(encoded) == 64 + 2 * INNER_NBYTES
    assert np.signbit(decoded(pipeline, encoded)[0, 4])


def test_a_shard_of_fill_values_is_not_stored() -> None:
    """Where it has to be, it is an index that says so."""
    pipeline, codec_ = shards(index=[LITTLE], fill_value=7)
    assert codec_.assemble({}) is None
    encoded = pipeline.encode(np.full(SHAPE, 7.0))
    assert encoded == index_of(*[MISSING] * 8)
    assert (decoded(pipeline, encoded) == 7).all()


@pytest.mark.parametrize("at", ["start", "end"])
def test_shards_are_assembled_of_encoded_inner_chunks(at: str) -> None:
    """In whatever order they come; those that are not there are fill values."""
    pipeline, codec_ = shards(at=at)
    chunks = dict(zip(product(range(2), range(2)), inner_chunks(numbers()), strict=True))
    for keys in permutations(chunks, 3):
        shard = codec_.assemble({key: memoryview(chunks[key]) for key in keys})
        value = numbers()
        (row, column) = next(key for key in chunks if key not in keys)
        value[row * 3 : row * 3 + 3, column * 4 : column * 4 + 4] = 0
        assert np.array_equal(decoded(pipeline, shard), value)


def test_inner_chunks_are_read_in_any_order_and_with_gaps() -> None:
    """Other libraries write them along a curve, or append and leave the old ones behind."""
    pipeline, _ = shards(index=[LITTLE])
    chunks = inner_chunks(numbers())
    shard = b"gap" + chunks[3] + chunks[1] + b"old" + chunks[0]
    index = index_of(198, 96, 99, 96, MISSING, MISSING, 3, 96)
    value = numbers()
    value[3:, :4] = 0
    assert np.array_equal(decoded(pipeline, shard + b"x" + index), value)


@pytest.mark.parametrize("at", ["start", "end"])
@pytest.mark.parametrize(
    "entry",
    [
        (MISSING, 0),
        (MISSING, 96),
        (0, MISSING),
        (96, MISSING),
        (1, 384),
        (2**63, 0),
        (2**64 - 2, 96),
        (2**64 - 96, 96),
        (2**64 - 2, 3),
        (400, 96),
        (448, 1),
        (449, 0),
    ],
)
def test_an_index_that_points_out_of_its_shard_is_refused(at: str, entry: tuple[int, int]) -> None:
    """With and without overflow; the message names the inner chunk."""
    _, codec_ = shards(at=at, index=[LITTLE])
    raw = index_of(64, 96, 96, 96, *entry, MISSING, MISSING)
    with pytest.raises(ChunkCorruptionError, match=r"inner chunk \(1, 0\) cannot have"):
        codec_.decode_index(raw, 448)


@pytest.mark.parametrize(("at", "entry"), [("start", (63, 1)), ("end", (383, 2))])
def test_an_index_that_points_into_itself_is_refused(at: str, entry: tuple[int, int]) -> None:
    """At either end."""
    _, codec_ = shards(at=at, index=[LITTLE])
    with pytest.raises(ChunkCorruptionError, match=r"inner chunk \(0, 0\) cannot have"):
        codec_.decode_index(index_of(*entry, *[MISSING] * 6), 448)


def test_an_index_is_checked_as_far_as_can_be_where_the_shard_is_unknown() -> None:
    """Offsets beyond any file are wrong always."""
    _, codec_ = shards(index=[LITTLE])
    table = codec_.decode_index(index_of(2**40, 2**30, *[MISSING] * 6))
    assert table.shape == (2, 2, 2)
    assert table[0, 0].tolist() == [2**40, 2**30]
    with pytest.raises(ChunkCorruptionError, match="cannot have"):
        codec_.decode_index(index_of(2**63 - 8, 2**30, *[MISSING] * 6))


@pytest.mark.parametrize("at", ["start", "end"])
def test_damaged_indices_are_refused(at: str) -> None:
    """By their checksum, or because they are cut short."""
    pipeline, codec_ = shards(at=at)
    encoded = bytearray(pipeline.encode(numbers()))
    encoded[3 if at == "start" else -9] ^= 1
    with pytest.raises(ChunkCorruptionError, match="index of the shard: crc32c"):
        pipeline.decode(encoded)
    for data in (b"", b"x", bytes(67)):
        with pytest.raises(ChunkCorruptionError, match="where its index needs 68"):
            pipeline.decode(data)
        with pytest.raises(ChunkCorruptionError, match="where its index needs 68"):
            codec_.decode_index(data)


def test_damaged_inner_chunks_are_refused() -> None:
    """The message says where in the shard."""
    pipeline, _ = shards(LITTLE, CRC32C)
    encoded = bytearray(pipeline.encode(numbers()))
    encoded[101] ^= 1
    with pytest.raises(ChunkCorruptionError, match="inner chunk at byte 100 of the shard: crc32c"):
        pipeline.decode(encoded)


def test_shards_hold_text_too() -> None:
    """Inner chunks of variable length."""
    value = np.array([["a", "", "", ""], ["b", "ö", "", ""]] * 3, STRING)
    inner = sharding((3, 2), {"name": "vlen-utf8"}, codec("zstd"))
    pipeline = pipeline_of([inner], (6, 4), STRING, "")
    assert np.array_equal(decoded(pipeline, bytes(pipeline.encode(value))), value)


def test_a_shard_may_have_no_dimensions() -> None:
    """It has one inner chunk."""
    pipeline = pipeline_of([sharding((), LITTLE)], ())
    assert pipeline.decode(pipeline.encode(np.array(2.5))) == 2.5
    assert pipeline.sharding is not None
    assert pipeline.sharding.chunks_per_shard == ()
    assert pipeline.sharding.index_nbytes == 20


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"chunk_shape": [4, 4]}, "chunk_shape of codec 'sharding_indexed' must be a divisor"),
        ({"chunk_shape": [3]}, "must be a divisor"),
        ({"chunk_shape": [0, 4]}, "must be a divisor"),
        ({"chunk_shape": [3, 4.0]}, "must be a divisor"),
        ({"chunk_shape": None}, "must be a divisor"),
        ({"codecs": None}, "codecs of codec 'sharding_indexed' must be a list"),
        ({"codecs": []}, "lack one that makes bytes"),
        ({"index_codecs": "bytes"}, "index_codecs of codec 'sharding_indexed' must be a list"),
        ({"index_codecs": [LITTLE, codec("gzip", level=1)]}, "indices of one size"),
        ({"index_location": "middle"}, "one of 'start', 'end'"),
        ({"order": "C"}, "no option 'order'"),
    ],
)
def test_shards_that_cannot_be_are_refused(words: dict[str, Any], said: str) -> None:
    """When the array is opened."""
    configuration = {**sharding(INNER, LITTLE)["configuration"], **words}
    with pytest.raises(CodecError, match=said):
        pipeline_of([codec("sharding_indexed", **configuration)])


def test_a_shard_larger_than_any_array_is_an_error_of_ours() -> None:
    """NumPy does not even try to make it."""
    shape = (2**62,)
    pipeline = pipeline_of([sharding(shape, LITTLE, index=[LITTLE])], shape)
    with pytest.raises(CodecError, match="does not fit into memory"):
        pipeline.decode(index_of(MISSING, MISSING))


def test_the_index_is_at_the_end_and_has_a_checksum_unless_it_is_said() -> None:
    """As other readers have it."""
    pipeline = pipeline_of([codec("sharding_indexed", chunk_shape=INNER, codecs=[LITTLE])])
    assert pipeline.sharding is not None
    assert pipeline.sharding.index_location == "end"
    assert pipeline.sharding.index_nbytes == 68
