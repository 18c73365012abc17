"""Chunks that are written: any buffer, whole, over what was there, and nothing beside it."""

from __future__ import annotations

from zarr_backends import ChunkNotFoundError
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal, indices, raises, same_bytes
from zarr_backends_compliance._kernel.samples import payload
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.buffers import (
    NO_BUFFERS,
    changeable_buffers,
    good_buffers,
    strided_buffers,
)
from zarr_backends_compliance._tools.places import instances
from zarr_backends_compliance._tools.refusals import refused

__all__: list[str] = []


@check(
    "ZB-WRITE-01",
    "write_chunk takes bytes, bytearray, memoryview and every other contiguous buffer.",
    hint="Call zarr_backends.contiguous_view(data) first; len(data) counts items, not bytes.",
)
def every_contiguous_buffer_is_taken(t: Trial) -> None:
    """Of any item size and shape, short and long."""
    for nbytes in (240, 480_000):
        buffers = list(good_buffers(nbytes))
        backend = t.array(f"n{nbytes}", (len(buffers),))
        for i, (_, buffer, _) in enumerate(buffers):
            backend.write_chunk((i,), buffer)
        for instance in instances(t, backend, f"n{nbytes}"):
            for i, (kind, _, data) in enumerate(buffers):
                same_bytes(instance.read_chunk((i,)), data, f"a chunk written as {kind}")


@check(
    "ZB-WRITE-02",
    "A buffer that is not contiguous is refused, and nothing is written.",
    hint="Call zarr_backends.contiguous_view(data) before you open, lock or truncate anything.",
)
def strided_buffers_are_refused(t: Trial) -> None:
    """Over a chunk that is there, and where there is none."""
    backend = t.array()
    backend.write_chunk((0,), b"old")
    for kind, buffer in strided_buffers():
        refused(backend.write_chunk, (0,), buffer, what=kind)
        refused(backend.write_chunk, (1,), buffer, what=kind)
        same_bytes(backend.read_chunk((0,)), b"old", "a chunk after a refused write")
        raises(ChunkNotFoundError, backend.read_chunk, (1,))
    equal(indices(backend.list_chunks()), [(0,)], "the listing after refused writes")


@check(
    "ZB-WRITE-03",
    "What is no buffer is refused, and nothing is written: never encoded, never bytes(5).",
    hint="Call zarr_backends.contiguous_view(data); bytes(data) takes ints and lists as well.",
)
def what_is_no_buffer_is_refused(t: Trial) -> None:
    """Texts, numbers, lists, None."""
    backend = t.array()
    backend.write_chunk((0,), b"old")
    for kind, thing in NO_BUFFERS.items():
        refused(backend.write_chunk, (0,), thing, what=kind)
        refused(backend.write_chunk, (1,), thing, what=kind)
        same_bytes(backend.read_chunk((0,)), b"old", "a chunk after a refused write")
        raises(ChunkNotFoundError, backend.read_chunk, (1,))
    equal(indices(backend.list_chunks()), [(0,)], "the listing after refused writes")


@check(
    "ZB-WRITE-04",
    "No view of the data is kept: the caller may change it as soon as write_chunk returned.",
    hint="Copy what you do not hand to the store within the call.",
)
def changing_what_was_written_changes_nothing(t: Trial) -> None:
    """Short and long; before the first read and after it."""
    backend = t.array()
    for nbytes in (6, 81_920):
        for kind, buffer, under in changeable_buffers(payload(nbytes)):
            backend.write_chunk((0,), buffer)
            under[:] = b"\0" * nbytes
            for instance in instances(t, backend):
                same_bytes(instance.read_chunk((0,)), payload(nbytes), f"a chunk written as {kind}")
            under[:] = b"\1" * nbytes
            same_bytes(backend.read_chunk((0,)), payload(nbytes), f"a chunk written as {kind}")


@check(
    "ZB-WRITE-05",
    "A write replaces the whole chunk, by shorter, longer, equal and empty values.",
    hint="Look for a file that is not truncated, an insert that ignores conflicts, `if not data`.",
)
def a_write_replaces_the_whole_chunk(t: Trial) -> None:
    """A sequence of lengths, read after each step."""
    backend = t.array()
    lengths = (5, 5, 3, 9, 0, 4, 0, 0, 1, 100_000, 7, 100_000, 100_000, 99_999, 100_001, 0)
    for step, nbytes in enumerate(lengths):
        backend.write_chunk((0,), payload(nbytes, step))
        what = (
            f"a chunk of {nbytes:,} bytes written over {lengths[step - 1] if step else 'nothing'}"
        )
        for instance in instances(t, backend):
            same_bytes(instance.read_chunk((0,)), payload(nbytes, step), what)
    equal(indices(backend.list_chunks()), [(0,)], "the listing after all these writes")
