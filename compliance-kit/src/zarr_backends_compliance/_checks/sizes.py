"""Lengths of chunks without their bytes."""

from __future__ import annotations

from array import array

from zarr_backends import ChunkNotFoundError
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal, raises
from zarr_backends_compliance._kernel.samples import payload
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.instances import another

__all__: list[str] = []


@check(
    "ZB-SIZE-01",
    "chunk_nbytes returns the length of a stored chunk in bytes, as an int.",
    hint="Empty chunks have 0 bytes; large ones are the sum of all their parts.",
    needs=("sizes",),
)
def the_size_is_that_of_the_chunk(t: Trial) -> None:
    """Of every size, the smallest and the largest."""
    backend = t.array()
    for nbytes in (*t.profile.value_nbytes, 2, 255, 256, 65_535, 65_536, 300_001):
        backend.write_chunk((0,), payload(nbytes))
        equal(backend.chunk_nbytes((0,)), nbytes, f"the size of a chunk of {nbytes:,} bytes")


@check(
    "ZB-SIZE-02",
    "chunk_nbytes of a chunk that is not stored raises ChunkNotFoundError: never 0, never None.",
    hint="A store's 'no such key' is a ChunkNotFoundError, also where only the size is asked for.",
    needs=("sizes",),
)
def a_missing_chunk_has_no_size(t: Trial) -> None:
    """A chunk that never was, and those that were deleted, here and by another instance."""
    backend = t.array()
    backend.write_chunk((1,), b"")
    equal(backend.chunk_nbytes((1,)), 0, "the size of an empty chunk")
    raises(ChunkNotFoundError, backend.chunk_nbytes, (0,))
    backend.delete_chunk((1,))
    raises(ChunkNotFoundError, backend.chunk_nbytes, (1,))
    backend.write_chunk((2,), b"x")
    second = another(t, backend)
    equal(backend.chunk_nbytes((2,)), 1, "the size of a chunk of a byte")
    second.delete_chunk((2,))
    t.settle(second)
    raises(ChunkNotFoundError, backend.chunk_nbytes, (2,))


@check(
    "ZB-SIZE-03",
    "chunk_nbytes is that of the chunk as it is now.",
    hint="A size that is kept between calls is stale after a write, of another instance above all.",
    needs=("sizes",),
)
def the_size_follows_every_write(t: Trial) -> None:
    """Shorter and longer, by this instance and by another."""
    backend = t.array()
    backend.write_chunk((0,), payload(100))
    second = another(t, backend)
    for nbytes in (5, 5_000, 0, 70_000, 1):
        for writer in (backend, second):
            writer.write_chunk((0,), payload(nbytes))
            t.settle(writer)
            for reader in (backend, second):
                equal(reader.chunk_nbytes((0,)), nbytes, f"the size after {nbytes:,} bytes")


@check(
    "ZB-SIZE-04",
    "The size is that of the bytes that were written, however the store keeps them.",
    hint="Neither compression nor headers count; of a memoryview it is nbytes, not len().",
    needs=("sizes",),
)
def the_size_is_of_bytes_not_of_items(t: Trial) -> None:
    """Bytes that compress, text that is not ASCII, and items of several bytes."""
    backend = t.array()
    backend.write_chunk((0,), bytes(100_000))
    equal(backend.chunk_nbytes((0,)), 100_000, "the size of 100,000 zeros")
    backend.write_chunk((0,), "größer".encode() * 50)
    equal(backend.chunk_nbytes((0,)), 400, "the size of 400 bytes that are UTF-8")
    backend.write_chunk((0,), memoryview(array("d", [1.0] * 30)))
    equal(backend.chunk_nbytes((0,)), 240, "the size of a memoryview of 30 items of 8 bytes")
