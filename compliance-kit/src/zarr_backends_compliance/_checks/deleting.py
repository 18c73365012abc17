"""Chunks that are deleted: gone, alone, and as if they had never been."""

from __future__ import annotations

from zarr_backends import ChunkNotFoundError
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal, indices, raises, same_bytes
from zarr_backends_compliance._kernel.samples import v3_metadata
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.documents import LAYOUTS, same_document
from zarr_backends_compliance._tools.existence import is_there
from zarr_backends_compliance._tools.places import instances

__all__: list[str] = []


@check(
    "ZB-DEL-01",
    "A chunk that was deleted is not stored: reading it raises ChunkNotFoundError.",
    hint="Delete in the store, not only in a cache; an empty value is a value.",
)
def a_deleted_chunk_is_gone(t: Trial) -> None:
    """Full and empty ones, in every way to name chunks, for two instances."""
    for place, (name, members) in enumerate(LAYOUTS.items()):
        backend = t.array(f"p{place}", **members)
        for i, data in enumerate((b"full", b"", b"kept")):
            backend.write_chunk((i,), data)
        for i in range(2):
            backend.read_chunk((i,))
            backend.delete_chunk((i,))
        for instance in instances(t, backend, f"p{place}"):
            for i in range(2):
                raises(ChunkNotFoundError, instance.read_chunk, (i,))
            equal(indices(instance.list_chunks()), [(2,)], f"the listing of {name}")


@check(
    "ZB-DEL-02",
    "Deleting a chunk that is not stored is no error.",
    hint="Ignore the store's answer that there was nothing to delete.",
)
def deleting_nothing_is_no_error(t: Trial) -> None:
    """Never written, deleted before, in an empty array, without dimensions, by others."""
    for name, shape in (("d1", (20,)), ("d2", (20, 20)), ("d0", ())):
        backend = t.array(name, shape)
        index = (1,) * len(shape)
        backend.delete_chunk(index)
        raises(ChunkNotFoundError, backend.read_chunk, index)
        backend.write_chunk(index, b"x")
        for instance in instances(t, backend, name):
            instance.delete_chunk(index)
            instance.delete_chunk(index)
            raises(ChunkNotFoundError, instance.read_chunk, index)
        equal(indices(backend.list_chunks()), [], "the listing after deletions")


@check(
    "ZB-DEL-03",
    "A chunk that was deleted can be written again.",
    hint="Look for marks of deletion that outlive the next write.",
)
def a_deleted_chunk_can_be_written_again(t: Trial) -> None:
    """Twice over, with other lengths."""
    backend = t.array()
    for data in (b"first value", b"second", b"third value, longer"):
        backend.write_chunk((0,), data)
        for instance in instances(t, backend):
            same_bytes(instance.read_chunk((0,)), data, "a chunk written after its deletion")
            equal(indices(instance.list_chunks()), [(0,)], "the listing after a new write")
        backend.delete_chunk((0,))


@check(
    "ZB-DEL-04",
    "Deleting a chunk deletes that chunk alone: no neighbour, and not the array with the last one.",
    hint="Delete by the whole key, not by a prefix or pattern; keep the metadata out of it.",
)
def only_that_chunk_is_deleted(t: Trial) -> None:
    """Neighbours in number and in name, then all of them."""
    backend = t.array(shape=(200, 200), attributes={"kept": 1})
    left = [(1, 1), (1, 11), (11, 1), (1, 0), (0, 1), (10, 1), (1, 10), (101, 1), (1, 100), (2, 1)]
    for index in left:
        backend.write_chunk(index, b"%d/%d" % index)
    while left:
        backend.delete_chunk(left.pop(0))
        equal(indices(backend.list_chunks()), sorted(left), "the listing after a deletion")
        for index in left:
            same_bytes(backend.read_chunk(index), b"%d/%d" % index, f"neighbour {index}")
    for instance in instances(t, backend):
        is_there(instance, "exists() after the last chunk was deleted")
        same_document(instance.read_metadata(), v3_metadata((200, 200), attributes={"kept": 1}))
