"""Lists of codecs, as a whole: what they make of chunks, and what other libraries make of that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from codec_samples import (
    BIG,
    CHAINS,
    LITTLE,
    NUMCODECS_CHAINS,
    SHAPE,
    STRING,
    V2_CHAINS,
    ZSTD,
    codec,
    numbers,
    pipeline_of,
    sharding,
    v2,
)

from zarr_backends._format.codecs.base import Extent
from zarr_backends.errors import ChunkCorruptionError, CodecError

zarr = pytest.importorskip("zarr", reason="zarr-python is installed by the extra zarr")

pytestmark = pytest.mark.filterwarnings(
    "ignore:Numcodecs codecs are not in the Zarr version 3 specification:UserWarning",
    "ignore:The data type:FutureWarning",
)

Peer = Literal["zarr", "zarrs", "tensorstore"]
ZARRS = {"codec_pipeline": {"path": "zarrs.ZarrsCodecPipeline", "strict": True}}


class OneChunk:
    """An array of one chunk in a folder, which other libraries open."""

    def __init__(self, folder: Path, document: dict[str, Any]) -> None:
        """Write the metadata."""
        is_v3 = document["zarr_format"] == 3
        self.folder = folder
        self.chunk = folder / ("c/0/0" if is_v3 else "0.0")
        self.chunk.parent.mkdir(parents=True, exist_ok=True)
        (folder / ("zarr.json" if is_v3 else ".zarray")).write_text(json.dumps(document), "utf-8")

    @classmethod
    def of_v3(
        cls, folder: Path, codecs: Any, data_type: str = "float64", fill_value: Any = 0
    ) -> OneChunk:
        """Write metadata of v3."""
        document = {
            "zarr_format": 3,
            "node_type": "array",
            "shape": SHAPE,
            "data_type": data_type,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": SHAPE}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": fill_value,
            "codecs": codecs,
        }
        return cls(folder, document)

    @classmethod
    def of_v2(cls, folder: Path, codecs: Any, dtype: Any = "<f8", order: str = "C") -> OneChunk:
        """Write metadata of v2, all codecs as filters."""
        filters = [
            {"id": each["name"].removeprefix("v2:"), **each["configuration"]} for each in codecs[1:]
        ]
        document = {
            "zarr_format": 2,
            "shape": SHAPE,
            "chunks": SHAPE,
            "dtype": dtype,
            "fill_value": None,
            "order": order,
            "filters": filters[:-1] or None,
            "compressor": filters[-1] if filters else None,
        }
        return cls(folder, document)

    def read(self, peer: Peer = "zarr") -> Any:
        """Return what another library reads."""
        if peer == "tensorstore":
            return self._tensorstore().read().result()
        with zarr.config.set(ZARRS if peer == "zarrs" else {}):
            return zarr.open_array(self.folder, mode="r")[...]

    def write(self, value: Any, peer: Peer = "zarr") -> bytes:
        """Return what another library writes."""
        if peer == "tensorstore":
            self._tensorstore().write(value).result()
        else:
            with zarr.config.set(ZARRS if peer == "zarrs" else {}):
                zarr.open_array(self.folder, mode="r+")[...] = value
        return self.chunk.read_bytes()

    def _tensorstore(self) -> Any:
        import tensorstore  # noqa: PLC0415  # one of three peers

        kvstore = {"driver": "file", "path": str(self.folder)}
        return tensorstore.open({"driver": "zarr3", "kvstore": kvstore}).result()


@pytest.mark.parametrize("peer", ["zarr", "zarrs", "tensorstore"])
@pytest.mark.parametrize("chain", CHAINS)
def test_chunks_are_exchanged_with_other_libraries(chain: str, peer: Peer, tmp_path: Path) -> None:
    """What we encode they read, and what they write we decode."""
    pytest.importorskip(peer, reason="the peers are installed by the environment interop")
    array = OneChunk.of_v3(tmp_path, CHAINS[chain])
    pipeline = pipeline_of(CHAINS[chain])
    array.chunk.write_bytes(pipeline.encode(numbers()))
    assert np.array_equal(array.read(peer), numbers())
    assert np.array_equal(pipeline.decode(array.write(-numbers(), peer)), -numbers())


@pytest.mark.parametrize("chain", NUMCODECS_CHAINS)
def test_codecs_that_zarr_python_adds_are_exchanged_with_it(chain: str, tmp_path: Path) -> None:
    """What we encode it reads as we do, and the other way round."""
    array = OneChunk.of_v3(tmp_path, NUMCODECS_CHAINS[chain])
    pipeline = pipeline_of(NUMCODECS_CHAINS[chain])
    encoded = pipeline.encode(numbers())
    array.chunk.write_bytes(encoded)
    assert np.array_equal(array.read(), pipeline.decode(encoded))
    assert np.allclose(array.read(), numbers(), atol=0.1)
    assert np.array_equal(pipeline.decode(array.write(-numbers())), array.read())


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("chain", V2_CHAINS)
def test_filters_and_compressors_of_v2_are_exchanged(
    chain: str, order: str, tmp_path: Path
) -> None:
    """What we encode zarr-python reads as we do, and the other way round, in both orders."""
    array = OneChunk.of_v2(tmp_path, V2_CHAINS[chain], order=order)
    transpose = [codec("transpose", order=[1, 0])] if order == "F" else []
    pipeline = pipeline_of([*transpose, *V2_CHAINS[chain]])
    encoded = pipeline.encode(numbers())
    array.chunk.write_bytes(encoded)
    assert np.array_equal(array.read(), pipeline.decode(encoded))
    assert np.array_equal(pipeline.decode(array.write(-numbers())), array.read())


@pytest.mark.parametrize("dtype", [">i2", "<u4", "|b1", ">c16", "|S3", "<U2", ">U2", ">M8[s]"])
def test_elements_of_v2_have_the_byte_order_of_their_dtype(dtype: str, tmp_path: Path) -> None:
    """The bytes are those that zarr-python writes."""
    array = OneChunk.of_v2(tmp_path, v2("zstd", level=0), dtype=dtype)
    value = numbers(dtype="i1").astype(dtype)
    pipeline = pipeline_of(v2("zstd", level=0), dtype=dtype)
    chunk = value.astype(pipeline.spec.dtype)
    encoded = array.write(value)
    assert pipeline.encode(chunk) == encoded
    assert pipeline.decode(encoded).dtype == pipeline.spec.dtype
    assert np.array_equal(pipeline.decode(encoded), chunk)


def test_structures_of_v2_mix_byte_orders() -> None:
    """Fields are stored as the dtype says and are all native in memory."""
    dtype = np.dtype([("x", "<i2"), ("y", ">f8"), ("z", [("a", ">u4"), ("b", "S2")])])
    pipeline = pipeline_of([codec("v2:bytes")], dtype=dtype, fill_value=np.zeros((), dtype)[()])
    chunk = np.zeros(SHAPE, pipeline.spec.dtype)
    chunk["x"], chunk["y"], chunk["z"]["a"] = 258, numbers(), 1
    encoded = bytes(pipeline.encode(chunk))
    assert encoded == chunk.astype(dtype).tobytes()
    assert encoded.startswith(b"\x02\x01" + bytes(8) + b"\0\0\0\x01")
    assert np.array_equal(pipeline.decode(encoded), chunk)


@pytest.mark.parametrize("chain", [[], [ZSTD]])
def test_text_is_exchanged_with_zarr_python(chain: Any, tmp_path: Path) -> None:
    """Empty, long, beyond the basic plane and with zeros in it."""
    codecs = [{"name": "vlen-utf8"}, *chain]
    array = OneChunk.of_v3(tmp_path, codecs, "string", "")
    value = np.array(["", "a", "äöü€", "😀", "x\0y\0", "long " * 99] * 8, STRING).reshape(SHAPE)
    pipeline = pipeline_of(codecs, dtype=STRING, fill_value="")
    assert pipeline.encode(value) == array.write(value)
    assert np.array_equal(pipeline.decode(array.chunk.read_bytes()), value)


@pytest.mark.parametrize("chain", [*CHAINS.values(), v2("shuffle"), v2("lz4"), v2("bz2")])
@pytest.mark.parametrize("shape", [SHAPE, (192, 256)])
def test_chunks_are_decoded_where_they_are_wanted(chain: Any, shape: Any) -> None:
    """Into memory of any strides, small chunks and large ones, and nowhere else."""
    pipeline = pipeline_of(chain, shape)
    encoded = pipeline.encode(numbers(shape))
    for target in (np.empty(shape), np.empty(shape[::-1]).T, np.empty(shape, ">f8")):
        pipeline.decode_into(encoded, target)
        assert np.array_equal(target, numbers(shape))
    for around in (np.zeros((3, shape[0] * 2, shape[1] + 2)), np.zeros((*shape[::-1], 3)).T):
        targets = (around[1, : shape[0], : shape[1]], around[2, -shape[0] :, -shape[1] :][::-1])
        for target in targets:
            pipeline.decode_into(encoded, target)
            assert np.array_equal(target, numbers(shape))
            target[...] = 0
        assert not around.any()


@pytest.mark.parametrize("chain", CHAINS)
def test_chunks_of_any_strides_are_encoded_alike(chain: str) -> None:
    """Contiguous, transposed, reversed and from a larger array."""
    pipeline = pipeline_of(CHAINS[chain])
    expected = bytes(pipeline.encode(numbers()))
    large = np.zeros((20, 40))
    large[1:13:2, 30:14:-2] = numbers()
    assert bytes(pipeline.encode(np.asfortranarray(numbers()))) == expected
    assert bytes(pipeline.encode(large[1:13:2, 30:14:-2])) == expected


@pytest.mark.parametrize("chain", CHAINS)
def test_bytes_may_come_in_any_buffer(chain: str) -> None:
    """As bytes, bytearray and views of them, of elements that are no bytes too."""
    pipeline = pipeline_of(CHAINS[chain])
    encoded = bytes(pipeline.encode(numbers()))
    view = memoryview(b"xx" + encoded + b"yy")[2:-2]
    buffers: list[Any] = [bytearray(encoded), memoryview(bytearray(encoded)), view]
    if len(encoded) % 4 == 0:
        buffers.append(np.frombuffer(encoded, "u4").data)
    for buffer in buffers:
        assert np.array_equal(pipeline.decode(buffer), numbers())


@pytest.mark.parametrize(("chain", "nbytes"), [("none", 384), ("crc32c", 388), ("zstd", None)])
def test_a_pipeline_knows_whether_its_bytes_have_a_fixed_number(
    chain: str, nbytes: int | None
) -> None:
    """Checksums keep it fixed, compression does not."""
    assert pipeline_of(CHAINS[chain]).fixed_nbytes == nbytes


def test_inner_chunks_can_be_read_alone_where_sharding_is_the_only_codec() -> None:
    """With another codec around it, shards are read as a whole."""
    assert pipeline_of(CHAINS["sharded"]).sharding is not None
    assert pipeline_of(CHAINS["zstd"]).sharding is None
    around = pipeline_of([*CHAINS["sharded"], ZSTD])
    assert around.sharding is None
    assert np.array_equal(around.decode(around.encode(numbers())), numbers())


def test_sharding_may_stand_between_other_codecs() -> None:
    """Inner chunks are then those of the transposed chunk."""
    codecs = [codec("transpose", order=[1, 0]), *CHAINS["sharded"], codec("gzip", level=1)]
    pipeline = pipeline_of(codecs, (8, 6))
    encoded = pipeline.encode(numbers((8, 6)))
    target = np.empty((8, 6))
    pipeline.decode_into(encoded, target)
    assert np.array_equal(target, numbers((8, 6)))


@pytest.mark.parametrize("shape", [(), (1,), (3, 1, 2)])
def test_chunks_may_have_any_number_of_dimensions(shape: tuple[int, ...]) -> None:
    """A single number too."""
    order = list(range(len(shape)))[::-1]
    pipeline = pipeline_of([codec("transpose", order=order), BIG, ZSTD], shape)
    encoded = pipeline.encode(numbers(shape))
    target = np.empty(shape)
    pipeline.decode_into(encoded, target)
    assert pipeline.decode(encoded).shape == shape
    assert np.array_equal(target, numbers(shape))


def test_names_alone_are_codecs_too() -> None:
    """As the specification allows them where there is no configuration."""
    pipeline = pipeline_of(["bytes", "crc32c"], dtype="u1")
    assert pipeline.fixed_nbytes == 52


@pytest.mark.parametrize(
    ("codecs", "said"),
    [
        ([], "lack one that makes bytes"),
        ([codec("transpose", order=[1, 0])], "lack one that makes bytes"),
        ([codec("gzip", level=1)], "put 'bytes' before it"),
        ([LITTLE, LITTLE], "cannot follow one that makes bytes"),
        ([LITTLE, codec("transpose", order=[1, 0])], "cannot follow one that makes bytes"),
        ([LITTLE, codec("zsdt")], "did you mean 'zstd'"),
        ([LITTLE, codec("v2:nonsense")], "not known to numcodecs"),
        ([3], "a codec is an object"),
        ([{"name": "bytes", "configuration": 3}], "a codec is an object"),
        ([{"name": "bytes", "configuration": {"order": "C"}}], "no option 'order'"),
    ],
)
def test_lists_of_codecs_that_cannot_be_are_refused(codecs: Any, said: str) -> None:
    """The message says which codec and why."""
    with pytest.raises(CodecError, match=said):
        pipeline_of(codecs)


@pytest.mark.parametrize("chunk", [np.zeros((8, 6)), np.zeros(SHAPE, "f4"), np.zeros(())])
def test_a_chunk_of_another_shape_or_dtype_is_refused(chunk: Any) -> None:
    """Nothing is broadcast or cast on the way."""
    with pytest.raises(CodecError, match=r"cannot be encoded as one of shape \(6, 8\)"):
        pipeline_of(CHAINS["zstd"]).encode(chunk)


def test_what_does_not_fit_into_memory_is_an_error_of_ours() -> None:
    """For chunks that a hostile document makes immense."""
    shape = (2**56,)
    immense = pipeline_of([sharding(shape, LITTLE, index=[LITTLE]), "crc32c"], shape)
    empty = b"\xff" * 16 + bytes.fromhex("104c2fef")
    for call in (
        lambda: immense.encode(np.broadcast_to(1.0, shape)),
        lambda: immense.decode(empty),
        lambda: immense.decode_into(empty, np.empty(1)),
    ):
        with pytest.raises(CodecError, match="does not fit into memory"):
            call()


def test_an_extent_says_what_it_expects() -> None:
    """Exact, or at most."""
    dtype = np.dtype("u1")
    Extent(3, dtype, is_exact=False).check(2, "gzip")
    with pytest.raises(ChunkCorruptionError, match="gzip: got 4 bytes where a chunk has at most 3"):
        Extent(3, dtype, is_exact=False).check(4, "gzip")
