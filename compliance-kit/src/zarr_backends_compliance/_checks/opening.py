"""Places of arrays: created, opened, asked whether there is one, reached a second time."""

from __future__ import annotations

from zarr_backends import (
    ArrayNotFoundError,
    ChunkNotFoundError,
    MetadataNotFoundError,
    ZarrBackendsError,
)
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal, indices, raises, same_bytes
from zarr_backends_compliance._kernel.samples import V2, V3, v2_metadata, v3_metadata
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import skip
from zarr_backends_compliance._tools.documents import LAYOUTS, same_document
from zarr_backends_compliance._tools.existence import is_absent, is_there
from zarr_backends_compliance._tools.places import empty_place, instances, second

__all__: list[str] = []


@check(
    "ZB-OPEN-01",
    "`create` connects and allocates; it writes no metadata and no chunk.",
    hint="Leave the metadata to write_metadata: the core asks exists() after create().",
)
def create_writes_nothing(t: Trial) -> None:
    """Neither this instance nor another finds anything afterwards."""
    backend = empty_place(t)
    t.settle(backend)
    for instance in (backend, t.create("empty")):
        is_absent(instance, "exists() after create()")
        equal(indices(instance.list_chunks()), [], "the listing after create()")
        raises(MetadataNotFoundError, instance.read_metadata)
        raises(ChunkNotFoundError, instance.read_chunk, (0,))


@check(
    "ZB-OPEN-02",
    "`open` raises ArrayNotFoundError where no array is stored, and changes nothing.",
    hint="Look whether there is metadata before you return; raise ArrayNotFoundError.",
)
def opening_nothing_is_an_error(t: Trial) -> None:
    """Before and after `create`, twice."""
    t.options("nothing")
    raises(ArrayNotFoundError, t.open, "nothing")
    raises(ArrayNotFoundError, t.open, "nothing")
    backend = empty_place(t, "nothing")
    is_absent(backend, "exists() after open() failed")
    t.settle(backend)
    raises(ArrayNotFoundError, t.open, "nothing")


@check(
    "ZB-OPEN-03",
    "An array exists where its metadata is; chunks alone are none.",
    hint="Ask for the metadata document in exists() and open(), not for just any entry.",
)
def chunks_alone_are_no_array(t: Trial) -> None:
    """A chunk that was written before the metadata."""
    backend = empty_place(t)
    try:
        backend.write_chunk((0,), b"x")
    except ZarrBackendsError as error:
        skip(f"chunks before metadata: {error}")
    is_absent(backend, "exists() with a chunk and no metadata")
    t.settle(backend)
    raises(ArrayNotFoundError, t.open, "empty")


@check(
    "ZB-OPEN-04",
    "`exists` is True from the moment metadata is written, for this instance and all others.",
    hint="Do not remember an earlier answer; look for the documents of both formats.",
)
def an_array_exists_once_it_has_metadata(t: Trial) -> None:
    """Both formats, every way to name chunks; also when the only chunk is deleted again."""
    for place, (name, members) in enumerate(LAYOUTS.items()):
        backend = empty_place(t, f"p{place}")
        is_absent(backend, "exists() of an empty place")
        document = v3_metadata() if members["zarr_format"] == V3 else v2_metadata()
        document = {**document, **members}
        if place % 2 and members["zarr_format"] == V2:
            del document["attributes"]
        backend.write_metadata(document, members["zarr_format"])
        for instance in instances(t, backend, f"p{place}"):
            is_there(instance, f"exists() of an array of {name}")
        backend.write_chunk((0,), b"x")
        backend.delete_chunk((0,))
        is_there(backend, f"exists() of {name} after its only chunk was deleted")


@check(
    "ZB-OPEN-05",
    "A second instance finds everything that was written: metadata, chunks, deletions.",
    hint="Nothing may live in the instance alone; without flush() a write that returned is done.",
)
def a_second_instance_finds_everything(t: Trial) -> None:
    """Every way to name chunks; the second instance reads chunks before anything else."""
    for place, (name, members) in enumerate(LAYOUTS.items()):
        backend = t.array(f"p{place}", (20, 20), **members, attributes={"of": name})
        for i in range(12):
            backend.write_chunk((i, 1), b"%d" % i)
            if i == 4:  # noqa: PLR2004  # in the middle
                backend.delete_chunk((3, 1))
        same_bytes(second(t, backend, f"p{place}").read_chunk((11, 1)), b"11", f"a chunk of {name}")
        other = second(t, backend, f"p{place}")
        raises(ChunkNotFoundError, other.read_chunk, (3, 1))
        equal(indices(other.list_chunks()), [(i, 1) for i in range(12) if i != 3], "the listing")  # noqa: PLR2004  # the deleted one
        same_document(other.read_metadata(), backend.read_metadata())


@check(
    "ZB-OPEN-06",
    "An instance that was opened before sees what another one writes and deletes later.",
    hint="Cache nothing that others can change: neither values nor absences nor listings.",
)
def an_older_instance_sees_later_changes(t: Trial) -> None:
    """It has read, missed, listed everything before it changes."""
    writer = t.array()
    writer.write_chunk((0,), b"old")
    writer.write_chunk((1,), b"goes")
    reader = second(t, writer)
    same_bytes(reader.read_chunk((0,)), b"old")
    raises(ChunkNotFoundError, reader.read_chunk, (2,))
    equal(indices(reader.list_chunks()), [(0,), (1,)], "the listing before")
    writer.write_chunk((0,), b"new")
    writer.delete_chunk((1,))
    writer.write_chunk((2,), b"comes")
    t.settle(writer)
    same_bytes(reader.read_chunk((0,)), b"new", "a chunk that another instance overwrote")
    raises(ChunkNotFoundError, reader.read_chunk, (1,))
    same_bytes(reader.read_chunk((2,)), b"comes", "a chunk that another instance wrote")
    equal(indices(reader.list_chunks()), [(0,), (2,)], "the listing after another's changes")


@check(
    "ZB-OPEN-07",
    "`create` on a place that holds an array changes nothing: overwriting is the core's decision.",
    hint="Open what is there; do not truncate, clear or re-create it in create().",
)
def creating_again_changes_nothing(t: Trial) -> None:
    """Metadata and chunks stay, for the older instance and the newer."""
    backend = t.array(attributes={"kept": True})
    backend.write_chunk((0,), b"kept")
    second(t, backend)
    again = t.create()
    for instance in (backend, again, t.open()):
        is_there(instance, "exists() after a second create()")
        same_document(instance.read_metadata(), v3_metadata(attributes={"kept": True}))
        same_bytes(instance.read_chunk((0,)), b"kept", "the chunk after a second create()")
        equal(indices(instance.list_chunks()), [(0,)], "the listing after a second create()")


@check(
    "ZB-OPEN-08",
    "An older instance sees metadata that another one writes later.",
    hint="Read the document anew in read_metadata() and exists(); others may have replaced it.",
)
def an_older_instance_sees_later_metadata(t: Trial) -> None:
    """It was there before the array was, and before the document was replaced."""
    early = empty_place(t)
    is_absent(early, "exists() before the array was made")
    raises(MetadataNotFoundError, early.read_metadata)
    writer = t.create("empty")
    writer.write_metadata(v3_metadata(), V3)
    second(t, writer, "empty")
    is_there(early, "exists() after another instance made the array")
    same_document(early.read_metadata(), v3_metadata())
    writer.write_metadata(v3_metadata(attributes={"n": 1}), V3)
    t.settle(writer)
    same_document(early.read_metadata(), v3_metadata(attributes={"n": 1}))
