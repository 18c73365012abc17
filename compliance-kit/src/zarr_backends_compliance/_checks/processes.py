"""Other processes: they find the same array, by its options and by a pickled instance."""

from __future__ import annotations

import pickle
from typing import Any

from zarr_backends import (
    ChunkNotFoundError,
    SupportsBatches,
    SupportsRangeReads,
    SupportsSizes,
)
from zarr_backends_compliance._elsewhere import elsewhere
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal, indices, is_true, raises, same_bytes
from zarr_backends_compliance._kernel.samples import payload, v2_metadata, v3_metadata
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.copies import (
    copies_of,
    moved_to_another_folder,
    pickled,
    sees,
)
from zarr_backends_compliance._tools.forks import forked_in_use
from zarr_backends_compliance._tools.held_options import holds, unusual_options
from zarr_backends_compliance._tools.instances import second

__all__: list[str] = []

_PICKLE_NBYTES = 100_000
"""Bytes that the options of an instance may take."""


@check(
    "ZB-PROC-01",
    "A write that returned (and was flushed, where it is buffered) is there for every process.",
    hint="Write through to the store before the call returns, whatever is kept in this process.",
    needs=("processes",),
)
def another_process_finds_what_was_written(t: Trial) -> None:
    """Data, metadata and listing, in both formats, by `open` and by `create`."""
    with elsewhere(t) as other:
        for zarr_format, name in ((3, "a"), (2, "b")):
            backend = t.array(name, shape=(4, 20), zarr_format=zarr_format)
            written = {(0, 0): b"", (3, 19): b"x", (1, 10): payload(2**20), (2, 2): b"two"}
            for index, data in written.items():
                backend.write_chunk(index, data)
            backend.write_chunk((2, 2), b"the second")
            t.settle(backend)
            for there in (other.open(name), other.create(name)):
                for index, data in (written | {(2, 2): b"the second"}).items():
                    same_bytes(there.read_chunk(index), data, f"chunk {index} there")
                equal(indices(there.list_chunks()), sorted(written), "the listing there")
                equal(there.read_metadata()["shape"], [4, 20], "the shape there")
                is_true(there.exists(), "exists() is false in another process")
                raises(ChunkNotFoundError, there.read_chunk, (3, 3))


@check(
    "ZB-PROC-02",
    "What another process writes and deletes is seen by an instance that was used before.",
    hint="A cache has to ask the store whether it is still right, also one for all instances.",
    needs=("processes",),
)
def what_another_process_writes_is_seen_here(t: Trial) -> None:
    """Chunks that this instance has read, written, missed and listed before."""
    backend = t.array(shape=(40,))
    backend.write_chunk((0,), b"ours")
    with elsewhere(t) as other:
        t.settle(backend)
        there = other.open()
        for data in (b"theirs", b"t", payload(81_920), b"THEIRS", b""):
            raises(ChunkNotFoundError, backend.read_chunk, (len(data) % 7 + 2,))
            backend.read_chunk((0,))
            backend.exists()
            before = indices(backend.list_chunks())
            new = (len(data) % 7 + 2,)
            there.write_chunk((0,), data)
            there.write_chunk(new, data)
            there.settle()
            _sees_all(backend, {(0,): data, new: data})
            equal(indices(backend.list_chunks()), sorted([*before, new]), "the listing here")
            there.delete_chunk(new)
            there.settle()
            raises(ChunkNotFoundError, backend.read_chunk, new)
            equal(indices(backend.list_chunks()), before, "the listing here after a deletion")
            backend.write_chunk((1,), data)
            t.settle(backend)
            same_bytes(there.read_chunk((1,)), data, "the chunk there")
            there.write_chunk((1,), b"the last")
            there.settle()
            same_bytes(backend.read_chunk((1,)), b"the last", "the chunk here")


def _sees_all(backend: Any, chunks: dict[tuple[int, ...], bytes]) -> None:
    """Look at chunks in every way that a backend has."""
    for index, data in chunks.items():
        same_bytes(backend.read_chunk(index), data, f"chunk {index} here")
        if isinstance(backend, SupportsSizes):
            equal(backend.chunk_nbytes(index), len(data), f"the size of chunk {index} here")
        if isinstance(backend, SupportsRangeReads):
            same_bytes(backend.read_chunk_range(index, -3), data[-3:], "its end here")
    if isinstance(backend, SupportsBatches):
        found = dict(zip(chunks, backend.read_chunks(list(chunks)), strict=True))
        for index, data in chunks.items():
            same_bytes(found[index], data, f"chunk {index} in a batch here")


@check(
    "ZB-PROC-03",
    "read_metadata returns the document last written, also where another process wrote it.",
    hint="Read the document at every call; what follows from it (chunk keys) changes with it.",
    needs=("processes",),
)
def metadata_of_another_process_is_seen_here(t: Trial) -> None:
    """The first document, new attributes, another shape, format and naming of chunks."""
    backend = t.create()
    is_true(not backend.exists(), "exists() is true at a fresh place")
    documents = [
        v3_metadata((9,)),
        v3_metadata((9,), attributes={"by": "them"}),
        v3_metadata((7,), attributes={"by": "them"}),
        v3_metadata((7,), chunk_key_encoding={"name": "v2", "configuration": {"separator": "."}}),
        v2_metadata((7,), attributes={"n": 1}),
        v2_metadata((7,), attributes={"n": 2}),
        v3_metadata((6,)),
    ]
    with elsewhere(t) as other:
        there = other.create()
        for n, document in enumerate(documents):
            there.write_metadata(document, document["zarr_format"])
            there.write_chunk((0,), b"chunk %d" % n)
            there.settle()
            is_true(backend.exists(), "exists() is false although another process made the array")
            equal(backend.read_metadata(), document, "the document here")
            same_bytes(backend.read_chunk((0,)), b"chunk %d" % n, "the chunk here")
            backend.write_chunk((1,), b"ours %d" % n)
            t.settle(backend)
            same_bytes(there.read_chunk((1,)), b"ours %d" % n, "the chunk there")


@check(
    "ZB-PROC-04",
    "A copy of an instance works at the same place, or is refused; it never has data of its own.",
    hint="Define __reduce__ so that a pickle carries the options; where that cannot work (data in "
    "the memory of the process), raise ConfigurationError.",
)
def a_copy_is_the_same_place(t: Trial) -> None:
    """Pickles and deep copies, of an instance that was used."""
    backend = t.array()
    backend.write_chunk((0,), payload(2**20))
    backend.read_chunk((0,))
    for what, copied in copies_of(backend):
        t.settle(backend)
        sees(copied, (0,), payload(2**20), what)
        nbytes = len(pickle.dumps(copied))
        is_true(nbytes < _PICKLE_NBYTES, f"a pickle has {nbytes:,} bytes: it carries data")
        nbytes = len(pickle.dumps(backend))
        is_true(nbytes < _PICKLE_NBYTES, f"a pickle has {nbytes:,} bytes: it carries data")
        copied.write_chunk((1,), what.encode())
        t.settle(copied)
        sees(backend, (1,), what.encode(), f"the instance beside {what}")
        backend.write_chunk((2,), what.encode())
        t.settle(backend)
        sees(copied, (2,), what.encode(), what)
        is_true(type(copied) is type(backend), f"{what} is a {type(copied).__name__}")


@check(
    "ZB-PROC-05",
    "A pickled instance works in another process, at the same place, for reading and writing.",
    hint="Pickle the options, not connections and locks; connect again when unpickled.",
    needs=("processes",),
)
def a_pickle_works_in_another_process(t: Trial) -> None:
    """Pickled fresh, in use and in the other process; it writes and reads there."""
    fresh = pickled(t.create())
    backend = t.array()
    backend.write_chunk((0,), b"here")
    list(backend.list_chunks())
    t.settle(backend)
    with elsewhere(t) as other:
        for n, data in enumerate((fresh, pickled(backend), pickled(t.open()))):
            there = other.unpickled(data)
            sees(there, (0,), b"here", "an unpickled instance in another process")
            there.write_chunk((1,), b"there %d" % n)
            there.write_metadata(v3_metadata((8,), attributes={"n": n}), 3)
            there.settle()
            sees(backend, (1,), b"there %d" % n, "the instance that was pickled")
            equal(backend.read_metadata()["attributes"], {"n": n}, "the attributes")
            back = pickle.loads(there.pickled())  # noqa: S301  # made by the kit itself
            sees(back, (1,), b"there %d" % n, "an instance that came back from there")
            there.delete_chunk((1,))
            there.settle()
            raises(ChunkNotFoundError, back.read_chunk, (1,))
            equal(indices(there.list_chunks()), [(0,)], "the listing there")


@check(
    "ZB-PROC-06",
    "A pickled instance keeps its options, time-outs among them.",
    hint="Put every option into what is pickled, also those that have a default.",
    needs=("processes",),
)
def a_pickle_keeps_every_option(t: Trial) -> None:
    """Every option that is a number, with an unusual value."""
    for name, value in unusual_options(t.target.backend):
        try:
            backend = t.create(**{name: value})
        except ValueError:
            continue  # it has bounds
        if holds(backend, value):
            copied = pickle.loads(pickled(backend))  # noqa: S301  # made by the kit itself
            is_true(holds(copied, value), f"option {name}={value} is lost by pickling")


@check(
    "ZB-PROC-07",
    "A pickled instance is at the same place in a process with another current folder.",
    hint="Make paths absolute in `connect`, and pickle the absolute one.",
    needs=("processes",),
)
def a_relative_path_is_pickled_as_absolute(t: Trial) -> None:
    """In a process that goes to another folder."""
    backend = t.array()
    backend.write_chunk((0,), b"found")
    t.settle(backend)
    same_bytes(t.child(moved_to_another_folder), b"found", "the chunk")


@check(
    "ZB-PROC-08",
    "close gives back what one instance holds; other instances, pickled ones too, go on.",
    hint="Instances that share a connection have to count who uses it.",
    needs=("close",),
)
def closing_one_instance_leaves_the_others(t: Trial) -> None:
    """A second one and unpickled ones, made before and after."""
    backend = t.array()
    backend.write_chunk((0,), b"x")
    others = {"a second instance": second(t, backend), **dict(copies_of(backend))}
    for what, other in others.items():
        sees(other, (0,), b"x", what)
    backend.close()
    for n, (what, other) in enumerate(others.items()):
        sees(other, (0,), b"x", f"{what}, after the first was closed,")
        other.write_chunk((1,), b"%d" % n)
        t.settle(other)
        sees(other, (1,), b"%d" % n, f"{what}, after the first was closed,")
    for what, copied in copies_of(backend):
        sees(copied, (0,), b"x", f"{what}, made after it was closed,")


@check(
    "ZB-PROC-09",
    "An instance can be used in a forked child while its parent goes on with it.",
    hint="Connections, threads and names of temporary files are not for two processes: notice the "
    "new process (os.getpid, os.register_at_fork) and make them anew.",
    needs=("processes",),
)
def a_forked_child_goes_on_with_the_instance(t: Trial) -> None:
    """Both write and read for a while, each its own chunk."""
    t.settle(t.array())
    rounds = 100
    last = rounds - 1
    equal(t.child(forked_in_use, rounds), [last, 1000 + last], "what parent and child wrote last")
    equal(indices(t.open().list_chunks()), [(0,), (1,)], "the listing afterwards")


@check(
    "ZB-PROC-10",
    "Many instances work at the same place at once.",
    hint="Look at what instances share, and at limits on connections.",
)
def many_instances_work_at_once(t: Trial) -> None:
    """Opened by threads at the same moment, and all kept open."""
    count = 3 * t.profile.threads
    first = t.array(shape=(count,))
    instances = [second(t, first), *t.threads(count - 1, lambda _: second(t, first))]
    for i, backend in enumerate(instances):
        backend.write_chunk((i,), b"by %d" % i)
        t.settle(backend)
    for i, backend in enumerate(instances):
        n = (i + 7) % count
        same_bytes(backend.read_chunk((n,)), b"by %d" % n, f"chunk {n}, read by instance {i},")
