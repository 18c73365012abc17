"""Chunks and metadata that several threads, instances and processes use at the same time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from zarr_backends import ChunkNotFoundError, SupportsBatches
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal, indices, is_true, raises
from zarr_backends_compliance._kernel.racing import (
    done,
    in_step,
    paced,
    processes,
    side_by_side,
)
from zarr_backends_compliance._kernel.samples import v2_metadata
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.instances import second
from zarr_backends_compliance._tools.replacing import (
    SIZES,
    document,
    document_number,
    keep_replacing,
    whole_while_replaced,
)
from zarr_backends_compliance._tools.stamps import number_of, stamped

__all__: list[str] = []

_ATOMIC = (
    "write_chunk replaces a chunk atomically: every reader sees the old bytes or the new, whole"
)


@check(
    "ZB-CONC-01",
    f"{_ATOMIC}, from any thread.",
    hint="Put every value in place in one step: no truncating, no deleting first.",
)
def a_chunk_is_whole_while_it_is_replaced(t: Trial) -> None:
    """One instance, one thread that writes, others that read in every way there is."""
    backend = t.array()
    for nbytes in SIZES:
        whole_while_replaced(t, nbytes, backend, partial(keep_replacing, t, backend, nbytes))


@check(
    "ZB-CONC-02",
    f"{_ATOMIC}, through any instance.",
    hint="A lock of one instance does not protect the readers of another one.",
)
def a_chunk_is_whole_while_another_instance_replaces_it(t: Trial) -> None:
    """Two instances in one process."""
    backend = t.array()
    other = second(t, backend)
    for nbytes in SIZES:
        whole_while_replaced(t, nbytes, backend, partial(keep_replacing, t, other, nbytes))


@check(
    "ZB-CONC-03",
    f"{_ATOMIC}, from any process.",
    hint="A lock of this process does not protect the readers of another one.",
    needs=("processes",),
)
def a_chunk_is_whole_while_another_process_replaces_it(t: Trial) -> None:
    """A process that writes, threads here that read."""
    backend = t.array()
    for nbytes in SIZES:
        replace = partial(t.child, keep_replacing, None, nbytes)
        whole_while_replaced(t, nbytes, backend, replace, watchers=2)


@check(
    "ZB-CONC-04",
    "Every method may be called from several threads at once; chunks do not disturb each other.",
    hint="Look for state that one call leaves on the instance and another one uses: a buffer, a "
    "key, a connection, a transaction.",
)
def neighbours_are_independent(t: Trial) -> None:
    """Each thread writes, reads and deletes its own chunk beside the others."""
    count = t.profile.threads
    backend = t.array(shape=(count, 2))
    side_by_side(t, [partial(_keep_house, t, backend, i) for i in range(count)])
    equal(indices(backend.list_chunks()), [(i, 1) for i in range(count)], "the listing")
    for i in range(count):
        number_of(backend.read_chunk((i, 1)), f"chunk {(i, 1)}")


def _keep_house(t: Trial, backend: Any, i: int) -> None:
    """Write, read and delete two chunks that are nobody else's."""
    for n in paced(t):
        number, nbytes = i * 10**6 + n, (50, 7_000, 90_000)[(i + n) % 3]
        backend.write_chunk((i, 0), stamped(number, nbytes))
        backend.write_chunk((i, 1), stamped(number))
        for j in (0, 1):
            seen = number_of(backend.read_chunk((i, j)), f"chunk {(i, j)}")
            equal(seen, number, f"the number in chunk {(i, j)}, which one thread alone writes,")
        backend.delete_chunk((i, 0))
        raises(ChunkNotFoundError, backend.read_chunk, (i, 0))


@check(
    "ZB-CONC-05",
    "list_chunks yields every stored index once, also while others write and delete.",
    hint="Go on after the last key of a page, not at an offset: deletions move what follows. Do "
    "not walk over a container that is being changed.",
)
def a_listing_has_what_was_there_throughout(t: Trial) -> None:
    """Chunks that stay are listed once each, whatever happens to others in between."""
    count = t.profile.listed[-1]
    backend = t.array(shape=(2 * count,))
    _fill(backend, count)
    kept: set[tuple[int, ...]] = {(i,) for i in range(0, count, 2)}
    found = []
    for n, index in enumerate(backend.list_chunks()):
        found.append(index)
        if n % 8 == 0 and n < count:
            _stir(backend, n, count)
    _listed(found, kept, count)
    side_by_side(
        t,
        [lambda: _keep_stirring(t, backend, count)],
        [lambda: _listed(backend.list_chunks(), kept, count)] * 2,
    )


def _fill(backend: Any, count: int) -> None:
    """Write many chunks."""
    if isinstance(backend, SupportsBatches):
        backend.write_chunks({(i,): b"x" for i in range(count)})
        return
    for i in range(count):
        backend.write_chunk((i,), b"x")


def _keep_stirring(t: Trial, backend: Any, count: int) -> None:
    """Stir again and again, somewhere else each time."""
    for n in paced(t):
        _stir(backend, 8 * n % count, count)


def _stir(backend: Any, n: int, count: int) -> None:
    """Delete some chunks that may go, write new ones, and rewrite one that stays."""
    for i in range(n + 1, n + 8, 2):
        backend.delete_chunk((i,))
    backend.write_chunk((count + n,), b"new")
    backend.write_chunk((n,), b"again")


def _listed(listing: Any, kept: set[tuple[int, ...]], count: int) -> None:
    """Look at a listing that others disturbed."""
    found = set(indices(listing))
    lost = sorted(kept - found)
    is_true(not lost, f"{len(lost)} chunks that were there throughout are not listed: {lost[:5]}")
    wrong = [index for index in found if len(index) != 1 or index[0] >= 2 * count]
    is_true(not wrong, f"indices that were never written are listed: {wrong[:5]}")


@check(
    "ZB-CONC-06",
    "delete_chunk is no error for a chunk that is not stored, also where another call was faster.",
    hint="Do not look first and delete then; and a folder that is empty may not be so for long.",
)
def deletions_and_writes_meet(t: Trial) -> None:
    """Several threads write, delete, read and list the same few chunks."""
    backend = t.array(shape=(2, 2))
    places = [(0, 0), (0, 1)]

    def write(i: int) -> None:
        for n in paced(t):
            backend.write_chunk(places[(n + i) % 2], stamped(n, 50 + n % 2 * 30_000))

    def delete(i: int) -> None:
        for n in paced(t):
            backend.delete_chunk(places[(n + i) % 2])

    works = [partial(work, i) for work in (write, delete) for i in range(2)]
    side_by_side(t, works, [lambda: _look(backend, places)] * 2)
    for index in places:
        backend.write_chunk(index, stamped(7))
        equal(number_of(backend.read_chunk(index)), 7, "the number of the last write")
        backend.delete_chunk(index)
        raises(ChunkNotFoundError, backend.read_chunk, index)
    equal(indices(backend.list_chunks()), [], "the listing after all was deleted")


def _look(backend: Any, places: list[tuple[int, int]]) -> None:
    """Read and list chunks that may be there or not."""
    for index in places:
        try:
            number_of(backend.read_chunk(index), "a chunk that was written again after a deletion")
        except ChunkNotFoundError:
            continue
    listed = indices(backend.list_chunks())
    is_true(set(listed) <= set(places), f"the listing has {listed}")


@check(
    "ZB-CONC-07",
    "write_metadata replaces the document atomically.",
    hint="One document is one value, written in one step; never delete the old one first.",
)
def metadata_is_whole_while_it_is_replaced(t: Trial) -> None:
    """One thread replaces it; others read it here and through a second instance."""
    backend = t.create()
    backend.write_metadata(document(0), 3)

    def replace() -> None:
        for n in paced(t):
            backend.write_metadata(document(n * 37 % 5000), 3)
            t.settle(backend)

    other = second(t, backend)
    watches: list[Callable[[], object]] = [
        partial(document_number, backend),
        partial(document_number, other),
    ]
    watches += [lambda: is_true(other.exists(), "exists() was false while metadata was replaced")]
    side_by_side(t, [replace], watches)
    with_attributes = [v2_metadata(attributes={"n": n, "f": "x" * 99 * n}) for n in range(50)]
    backend.write_metadata(with_attributes[0], 2)
    t.settle(backend)
    side_by_side(
        t,
        [lambda: [backend.write_metadata(with_attributes[n % 50], 2) for n in paced(t)]],
        [lambda: is_true(backend.read_metadata() in with_attributes, "a v2 document is a mixture")],
    )


@check(
    "ZB-CONC-08",
    "write_metadata replaces the document atomically for other processes, too.",
    hint="A lock of this process does not protect the readers of another one.",
    needs=("processes",),
)
def metadata_is_whole_while_another_process_replaces_it(t: Trial) -> None:
    """A process that writes, threads here that read."""
    backend = t.create()
    backend.write_metadata(document(0), 3)
    t.settle(backend)
    watches: list[Callable[[], object]] = [partial(document_number, backend)] * 2
    watches += [lambda: is_true(backend.exists(), "exists() was false while metadata was replaced")]
    side_by_side(t, [lambda: t.child(_replace_documents)], watches)


def _replace_documents(t: Trial) -> None:
    """Replace the metadata again and again."""
    backend = t.open()
    for n in paced(t):
        backend.write_metadata(document(n * 37 % 5000), 3)
        t.settle(backend)


@check(
    "ZB-CONC-09",
    "Writers in several processes do not disturb each other's chunks.",
    hint="Look at what two processes share: names of temporary files, an index of all chunks.",
    needs=("processes",),
)
def processes_write_their_own_chunks(t: Trial) -> None:
    """Each writes its chunks; every chunk and only these are there afterwards."""
    rounds, count = min(t.profile.rounds, 100), t.profile.processes
    backend = t.array(shape=(count, rounds))
    t.settle(backend)
    processes(t, count, _write_a_row, rounds)
    written = [(i, n) for i in range(count) for n in range(rounds)]
    equal(indices(backend.list_chunks()), written, "the listing")
    for i, n in written:
        seen = number_of(backend.read_chunk((i, n)), f"chunk {(i, n)}")
        equal(seen, i * 1000 + n, f"the number in chunk {(i, n)}")


def _write_a_row(t: Trial, i: int, rounds: int) -> None:
    """Write chunks that are nobody else's."""
    backend = t.open()
    for n in range(rounds):
        in_step()
        is_true(
            done(backend, backend.write_chunk, (i, n), stamped(i * 1000 + n, 5000)),
            "a write was refused by a ConflictError although nobody else wrote this chunk",
        )
