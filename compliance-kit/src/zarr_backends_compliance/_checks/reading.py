"""Chunks that are read: what was written, or an error that says that nothing was."""

from __future__ import annotations

from zarr_backends import ChunkNotFoundError
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import content, raises, same_bytes
from zarr_backends_compliance._kernel.samples import payload
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.buffers import AWKWARD_BYTES
from zarr_backends_compliance._tools.places import instances

__all__: list[str] = []


@check(
    "ZB-READ-01",
    "read_chunk returns the bytes last written, of any size.",
    hint="Look at what happens to empty values and to values beyond the part size of the store.",
)
def a_chunk_comes_back_as_it_was_written(t: Trial) -> None:
    """Sizes from nothing to far beyond every buffer, read by two instances."""
    backend = t.array(shape=(20,))
    sizes = {*t.profile.value_nbytes, 255, 256, 4095, 4096, 4097, 65_535, 65_536, 262_145}
    values = [payload(nbytes) for nbytes in sorted(sizes)]
    for i, data in enumerate(values):
        backend.write_chunk((i,), data)
    for instance in instances(t, backend):
        for i, data in enumerate(values):
            same_bytes(instance.read_chunk((i,)), data, f"a chunk of {len(data):,} bytes")


@check(
    "ZB-READ-02",
    "A chunk that is not stored raises ChunkNotFoundError: never None, never empty bytes.",
    hint="Raise zarr_backends.ChunkNotFoundError where the store says that the key is absent.",
)
def a_missing_chunk_is_an_error(t: Trial) -> None:
    """In an empty array, beside a chunk that is there, in both formats, and without dimensions."""
    for name, shape, zarr_format in (("v3", (20,), 3), ("v2", (20,), 2), ("0d", (), 3)):
        backend = t.array(name, shape, zarr_format)
        missing = (1,) * len(shape)
        raises(ChunkNotFoundError, backend.read_chunk, missing)
        if shape:
            backend.write_chunk((11,), b"x")
        for instance in instances(t, backend, name):
            raises(ChunkNotFoundError, instance.read_chunk, missing)
            raises(ChunkNotFoundError, instance.read_chunk, missing)


@check(
    "ZB-READ-03",
    "Chunk bytes are opaque: no value is taken for text, for a number or for packed data.",
    hint="Look for a text mode, a character type, strip(), or a decoder between you and the store.",
)
def bytes_are_not_looked_into(t: Trial) -> None:
    """Values that look like something."""
    backend = t.array(shape=(len(AWKWARD_BYTES),))
    for i, data in enumerate(AWKWARD_BYTES):
        backend.write_chunk((i,), data)
    for instance in instances(t, backend):
        for i, data in enumerate(AWKWARD_BYTES):
            same_bytes(instance.read_chunk((i,)), data, f"a chunk {data[:20]!r}")


@check(
    "ZB-READ-04",
    "Bytes that were read stay as they are, whatever is done to the chunk afterwards.",
    hint="Return bytes, or a view of memory that is never written again.",
)
def bytes_that_were_read_do_not_change(t: Trial) -> None:
    """The chunk is overwritten by the same length and deleted; others are read and written."""
    for nbytes in t.profile.value_nbytes[1:3]:
        backend = t.array(f"n{nbytes}")
        for i in range(2):
            backend.write_chunk((i,), payload(nbytes, i))
        kept = [backend.read_chunk((0,)), backend.read_chunk((1,)), backend.read_chunk((0,))]
        backend.write_chunk((0,), payload(nbytes, 3))
        backend.delete_chunk((1,))
        backend.write_chunk((1,), payload(nbytes, 4))
        content(backend.read_chunk((0,)))
        for value, seed in zip(kept, (0, 1, 0), strict=True):
            same_bytes(value, payload(nbytes, seed), "what was read before a later write")


@check(
    "ZB-READ-05",
    "What is returned is no handle on the store: a caller who changes it changes nothing stored.",
    hint="Return bytes or a copy, not the bytearray that you keep.",
)
def changing_what_was_read_changes_nothing(t: Trial) -> None:
    """Where it can be changed at all; and reading again gives the same again."""
    backend = t.array()
    for data in (bytearray(b"stored"), b"stored", memoryview(bytearray(b"stored"))):
        backend.write_chunk((0,), data)
        for _ in range(2):
            content(value := backend.read_chunk((0,)))
            view = memoryview(value)
            if not view.readonly:
                view[:] = b"?" * len(view)
        same_bytes(backend.read_chunk((0,)), b"stored", "a chunk whose reader changed his copy")
