"""A backend that moves several chunks in one round trip is asked for several at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from bare_backend import BareBackend

import zarr_backends as zb


class BatchBackend(BareBackend):
    """Has batches, and updates that are atomic because one thread uses it."""

    max_concurrency = 1

    def read_chunks(self, indices: Sequence[zb.ChunkIndex]) -> list[zb.Buffer | None]:
        """Return several chunks."""
        self.calls["read_chunks"] += 1
        return [self.chunks.get(index) for index in indices]

    def write_chunks(self, chunks: Mapping[zb.ChunkIndex, zb.Buffer]) -> None:
        """Keep several chunks."""
        self.calls["write_chunks"] += 1
        self.chunks.update({index: bytes(data) for index, data in chunks.items()})

    def delete_chunks(self, indices: Sequence[zb.ChunkIndex]) -> None:
        """Forget several chunks."""
        self.calls["delete_chunks"] += 1
        for index in indices:
            self.chunks.pop(index, None)

    def update_chunk(self, index: zb.ChunkIndex, transform: zb.Transform) -> None:
        """Change a chunk."""
        self.calls["update_chunk"] += 1
        data = transform(self.chunks.get(index))
        if data is None:
            self.chunks.pop(index, None)
        else:
            self.chunks[index] = bytes(data)


@pytest.fixture
def array() -> zb.Array:
    """Return an array of 40 chunks on a backend with batches."""
    return zb.create(BatchBackend(), shape=(80,), chunks=(2,), dtype="int32")


def test_whole_chunks_are_read_and_written_in_batches(array: zb.Array) -> None:
    """Forty chunks are three round trips, and nothing goes one by one."""
    calls = array.backend.calls
    array[...] = np.arange(80)
    np.testing.assert_array_equal(array[...], np.arange(80))
    assert (calls["write_chunks"], calls["read_chunks"]) == (3, 3)
    assert calls["write_chunk"] == calls["read_chunk"] == 0


def test_partial_chunks_are_updated_and_missing_ones_read_as_fill(array: zb.Array) -> None:
    """The ends of a selection are changed in place; what is not stored comes as zeros."""
    array[1:6] = 7
    assert array.backend.calls["update_chunk"] == 1
    assert array[0:9].tolist() == [0, 7, 7, 7, 7, 7, 0, 0, 0]


def test_chunks_of_fill_values_are_deleted_in_batches(array: zb.Array) -> None:
    """Writing fill values deletes with one round trip a group."""
    array[...] = 1
    array[...] = 0
    assert array.backend.calls["delete_chunks"] == 3
    assert array.nchunks_initialized == 0
