"""Whatever bytes a store holds, reading them ends in data or in an error of ours."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import zarr_backends as zb

BOUND = 64 * 2**20
"""Bytes that reading a damaged array of some kilobytes may take at most."""

CHAINS: dict[str, dict[str, Any]] = {
    "none": {"compressor": None},
    "zstd": {"compressor": {"name": "zstd", "configuration": {"level": 3, "checksum": True}}},
    "gzip": {"compressor": "gzip"},
    "blosc": {"compressor": "blosc"},
    "lz4": {"compressor": {"id": "lz4"}, "zarr_format": 2},
    "bz2": {"compressor": {"id": "bz2"}, "zarr_format": 2},
    "crc32c": {"codecs": ["bytes", "crc32c"]},
    "sharded": {"shards": (16, 16), "compressor": "zstd"},
    "sharded raw": {"shards": (16, 16), "compressor": None},
}

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([2**31, 2**63 - 1, 10**18, "NaN", "zstd", "bytes", "int32", "|O", "<i4"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def filled(**words: Any) -> zb.Array:
    """Return a small array of noise in memory."""
    words = {"dtype": "<i4", "chunks": (8, 8), **words}
    array = zb.create("memory:", shape=(30, 20), **words)
    array[...] = np.random.default_rng(1).integers(0, 9, (30, 20))
    return array


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@pytest.mark.parametrize("chain", CHAINS)
@given(data=st.data())
def test_damaged_chunks_end_in_an_error_or_data(chain: str, data: st.DataObject) -> None:
    """Flipped, cut, lengthened and foreign chunk bytes never crash or take much memory."""
    array = filled(**CHAINS[chain])
    index = data.draw(st.sampled_from(sorted(array.backend.list_chunks())))
    array.backend.write_chunk(index, data.draw(damaged(bytes(array.backend.read_chunk(index)))))
    survives(lambda: array[...])
    survives(lambda: array[3, 5])
    survives(lambda: array.__setitem__((3, slice(2, 7)), 4))


@settings(deadline=None, max_examples=1500, suppress_health_check=list(HealthCheck))
@given(data=st.data(), zarr_format=st.sampled_from([2, 3]), sharded=st.booleans())
def test_damaged_metadata_ends_in_an_error_or_an_array(
    data: st.DataObject, zarr_format: Any, sharded: bool
) -> None:
    """Members that are dropped or replaced by anything are answered by an error of ours."""
    shards = (16, 16) if sharded and zarr_format == 3 else None
    array = filled(zarr_format=zarr_format, shards=shards)
    document = json.loads(json.dumps(array.metadata))
    key = "zarr.json" if zarr_format == 3 else ".zarray"
    array.backend.set(key, json.dumps(data.draw(mutated(document))).encode())
    survives(lambda: zb.open(array.backend)[0:2, 0:2])


@settings(deadline=None, max_examples=300)
@given(raw=st.binary(max_size=60) | st.text(alphabet='{}[]",:0eE-nul', max_size=40).map(str.encode))
def test_documents_that_are_no_json_end_in_an_error(raw: bytes) -> None:
    """Any bytes may stand where metadata is expected."""
    array = filled()
    array.backend.set("zarr.json", raw)
    survives(lambda: zb.open(array.backend)[0, 0])


def test_deep_json_is_refused() -> None:
    """A hundred thousand brackets are an error, not a crash."""
    array = filled()
    array.backend.set("zarr.json", b'{"attributes":' + b"[" * 100_000)
    with pytest.raises(zb.MetadataError):
        zb.open(array.backend)


def survives(call: Any) -> None:
    """Call, accept data or an error of ours, and check that memory stayed bounded."""
    tracemalloc.start()
    try:
        call()
    except (zb.ZarrBackendsError, IndexError):
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < BOUND


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """Return bytes near `good`: cut, lengthened, some changed, or foreign altogether."""
    bad = bytearray(good)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, len(bad) - 1)))
        bad[at : at + 1] = draw(st.binary(max_size=3))
    cut = draw(st.none() | st.integers(0, len(bad)))
    tail = draw(st.just(b"") | st.binary(max_size=20))
    foreign = draw(st.sampled_from([False, False, False, True]))
    return draw(st.binary(max_size=64)) if foreign else bytes(bad[:cut]) + tail


@st.composite
def mutated(draw: st.DrawFn, document: dict[str, Any]) -> Any:
    """Return a document with one member, at any depth, dropped, added or replaced."""
    node: Any = document
    while True:
        key = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        child = node[key]
        if not isinstance(child, dict | list) or not child or draw(st.booleans()):
            break
        node = child
    action = draw(st.sampled_from(["drop", "replace", "replace", "add"]))
    if action == "drop":
        del node[key]
    elif action == "add" and isinstance(node, dict):
        node[draw(st.text(max_size=6))] = draw(JSON)
    else:
        node[key] = draw(JSON)
    return document
