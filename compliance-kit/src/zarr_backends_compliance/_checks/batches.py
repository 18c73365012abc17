"""Many chunks in one call: what the calls one by one would do."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from zarr_backends import ChunkNotFoundError
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import (
    content,
    equal,
    indices,
    is_true,
    raises,
    same_bytes,
    shown,
)
from zarr_backends_compliance._kernel.samples import payload
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.instances import another, is_missing

__all__: list[str] = []


def batch_holds(seen: Any, expected: list[bytes | None], what: str = "read_chunks") -> None:
    """Compare what `read_chunks` returned with what it should have."""
    is_true(isinstance(seen, list), f"{what} returned {shown(seen)}, not a list")
    equal(len(seen), len(expected), f"the number of values from {what}")
    for i, (value, wanted) in enumerate(zip(seen, expected, strict=True)):
        if wanted is None:
            is_true(value is None, f"{what} gave {shown(value)} for a missing chunk, not None")
        else:
            same_bytes(value, wanted, f"value {i} of {what}")


def values_of(count: int, seed: int = 0) -> dict[tuple[int, ...], bytes]:
    """Return small values of different lengths for chunks ``(0,)`` to ``(count - 1,)``."""
    return {(i,): b"%d:%d" % (seed, i) * (1 + i % 3) for i in range(count)}


@check(
    "ZB-BATCH-01",
    "read_chunks returns a list of the chunks in the order asked for.",
    hint="Stores answer in an order of their own; look the values up by key and build the list.",
    needs=("batches",),
)
def a_batch_keeps_the_order_of_the_request(t: Trial) -> None:
    """Backwards, shuffled, and one alone."""
    backend = t.array(shape=(40,))
    values = values_of(40)
    backend.write_chunks(values)
    order = list(values)
    for _ in range(3):
        batch_holds(backend.read_chunks(order), [values[index] for index in order])
        t.random.shuffle(order)
    batch_holds(backend.read_chunks(order[::-1]), [values[index] for index in order[::-1]])
    batch_holds(backend.read_chunks(order[:1]), [values[order[0]]])


@check(
    "ZB-BATCH-02",
    "In read_chunks None stands for a chunk that is not stored, and for no other.",
    hint="One missing chunk is no error of the batch; an empty chunk is b'' and not None.",
    needs=("batches",),
)
def none_stands_for_a_missing_chunk(t: Trial) -> None:
    """At the beginning, in the middle, at the end, everywhere; beside empty chunks."""
    backend = t.array()
    backend.write_chunks({(1,): b"one", (2,): b"", (4,): b"four", (6,): b"gone"})
    backend.delete_chunk((6,))
    request = [(i,) for i in range(8)]
    batch_holds(backend.read_chunks(request), [None, b"one", b"", None, b"four", None, None, None])
    batch_holds(backend.read_chunks([(0,), (3,)]), [None, None])
    batch_holds(backend.read_chunks([(7,)]), [None])
    batch_holds(backend.read_chunks([(2,)]), [b""])


@check(
    "ZB-BATCH-03",
    "A chunk that is asked for twice is returned twice.",
    hint="A dict of keys drops the second one, and with it the order of all that follow.",
    needs=("batches",),
)
def duplicates_are_returned_as_often_as_asked_for(t: Trial) -> None:
    """Stored and missing ones, side by side and apart."""
    backend = t.array()
    backend.write_chunks({(0,): b"zero", (1,): b"one"})
    request = [(1,), (0,), (1,), (1,), (5,), (0,), (5,)]
    expected = [b"one", b"zero", b"one", b"one", None, b"zero", None]
    batch_holds(backend.read_chunks(request), expected)
    backend.delete_chunks([(1,), (1,)])
    batch_holds(backend.read_chunks([(1,), (1,), (0,)]), [None, None, b"zero"])


@check(
    "ZB-BATCH-04",
    "A batch of nothing does nothing.",
    hint="Most stores refuse an empty request, or take it for a request for everything.",
    needs=("batches",),
)
def an_empty_batch_does_nothing(t: Trial) -> None:
    """Nothing read, written and deleted, while chunks are stored."""
    backend = t.array()
    backend.write_chunks(values_of(3))
    batch_holds(backend.read_chunks([]), [])
    backend.write_chunks({})
    backend.delete_chunks([])
    batch_holds(backend.read_chunks(()), [])
    batch_holds(backend.read_chunks(list(values_of(3))), list(values_of(3).values()))
    equal(indices(backend.list_chunks()), list(values_of(3)), "the chunks after empty batches")


@check(
    "ZB-BATCH-05",
    "A batch may be of any number of chunks.",
    hint="Split what is longer than the store takes in one request (often 1000, or 999).",
    needs=("batches",),
)
def a_batch_may_be_long(t: Trial) -> None:
    """More than any store takes at once: written, read, deleted."""
    count = t.profile.listed[-1]
    backend = t.array(shape=(count + 1,))
    values = values_of(count)
    backend.write_chunks(values | {(count,): b"stays"})
    equal(len(indices(backend.list_chunks())), count + 1, "the number of chunks that are stored")
    batch_holds(backend.read_chunks(list(values)), list(values.values()))
    backend.delete_chunks(list(values))
    equal(indices(backend.list_chunks()), [(count,)], "what is left after all but one are deleted")
    batch_holds(backend.read_chunks([*list(values)[-3:], (count,)]), [None] * 3 + [b"stays"])


@check(
    "ZB-BATCH-06",
    "The chunks of a batch may be of any size, each its own.",
    hint="Look at limits of a message, at values that are split, and at empty ones among them.",
    needs=("batches",),
)
def a_batch_may_be_of_mixed_sizes(t: Trial) -> None:
    """Empty, small and large ones in one call, twice, with the sizes turned around."""
    backend = t.array(shape=(30,))
    sizes = [0, 1, 100, 0, 70_000, 2, *t.profile.value_nbytes[:-1], 2**20, 3]
    for turn in (sizes, sizes[::-1]):
        values = {(i,): payload(nbytes, seed=i) for i, nbytes in enumerate(turn)}
        backend.write_chunks(values)
        batch_holds(backend.read_chunks(list(values)), list(values.values()))


@check(
    "ZB-BATCH-07",
    "Batches take any sequence of indices and any mapping, and leave them as they are.",
    hint="Ask for nothing but iteration, len() and items(); sort and pop only in a copy.",
    needs=("batches",),
)
def batches_take_any_sequence_and_mapping(t: Trial) -> None:
    """Tuples, lists and read-only mappings."""
    backend = t.array()
    values = {(2,): b"two", (0,): b"zero", (1,): b"one"}
    backend.write_chunks(MappingProxyType(values))
    batch_holds(backend.read_chunks(((0,), (2,))), [b"zero", b"two"])
    request = [(2,), (0,), (1,), (7,)]
    batch_holds(backend.read_chunks(request), [b"two", b"zero", b"one", None])
    equal(request, [(2,), (0,), (1,), (7,)], "the list of indices after read_chunks")
    backend.write_chunks(values)
    equal(list(values), [(2,), (0,), (1,)], "the mapping after write_chunks")
    backend.delete_chunks(((2,),))
    stored = [(1,), (0,)]
    backend.delete_chunks(stored)
    equal(stored, [(1,), (0,)], "the list of indices after delete_chunks")
    equal(indices(backend.list_chunks()), [], "the chunks after all were deleted")


@check(
    "ZB-BATCH-08",
    "write_chunks keeps no view of the caller's memory.",
    hint="Copy (bytes(data)) before the call returns, each value of the batch.",
    needs=("batches",),
)
def a_batch_copies_what_it_is_given(t: Trial) -> None:
    """Buffers of three kinds, which are overwritten after the call."""
    backend = t.array()
    first, second, third = bytearray(b"first"), bytearray(b"second"), bytearray(b"xxthird")
    backend.write_chunks({(0,): first, (1,): memoryview(second), (2,): memoryview(third)[2:]})
    for buffer in (first, second, third):
        buffer[:] = b"?" * len(buffer)
    request = [(0,), (1,), (2,)]
    batch_holds(backend.read_chunks(request), [b"first", b"second", b"third"])
    t.settle(backend)
    batch_holds(backend.read_chunks(request), [b"first", b"second", b"third"])


@check(
    "ZB-BATCH-09",
    "delete_chunks deletes exactly these chunks; those that are not stored are no error.",
    hint="Compare whole keys: the chunk (1,) is not the beginning of (10,) or (1, 0).",
    needs=("batches",),
)
def a_batch_deletes_exactly_its_chunks(t: Trial) -> None:
    """Stored and missing ones in one call, twice; neighbours stay."""
    backend = t.array(shape=(200,))
    values = values_of(120)
    backend.write_chunks(values)
    gone = [(1,), (150,), (10,), (199,), (2,)]
    backend.delete_chunks(list(gone))
    backend.delete_chunks(list(gone))
    left = {index: value for index, value in values.items() if index not in gone}
    equal(indices(backend.list_chunks()), list(left), "the chunks that are left")
    batch_holds(backend.read_chunks(list(left)), list(left.values()))
    backend.delete_chunks([(150,), (151,)])
    equal(indices(backend.list_chunks()), list(left), "the chunks after missing ones were deleted")


@check(
    "ZB-BATCH-10",
    "Batches and single calls see the same chunks, through every instance.",
    hint="Both need the same mapping from index to key, and neither a cache that the other skips.",
    needs=("batches",),
)
def batches_agree_with_single_calls(t: Trial) -> None:
    """Written by one, read by the other; deleted by one, missing for the other."""
    backend = t.array()
    backend.write_chunk((0,), b"old")
    batch_holds(backend.read_chunks([(0,), (1,)]), [b"old", None])
    backend.write_chunks({(0,): b"batch", (1,): b"batch 1"})
    other = another(t, backend)
    for reader in (backend, other):
        same_bytes(reader.read_chunk((0,)), b"batch")
        batch_holds(reader.read_chunks([(1,), (0,)]), [b"batch 1", b"batch"])
    backend.write_chunk((0,), b"single, and longer")
    backend.delete_chunk((1,))
    t.settle(backend)
    for reader in (backend, other):
        batch_holds(reader.read_chunks([(1,), (0,)]), [None, b"single, and longer"])
    other.delete_chunks([(0,)])
    t.settle(other)
    raises(ChunkNotFoundError, backend.read_chunk, (0,))


STRIDED = memoryview(b"strided!")[::2]
"""A buffer that is refused everywhere."""


def refusal(call: Any, *arguments: Any) -> type[Exception] | None:
    """Return the class of what a call raises, None where it raises nothing."""
    try:
        call(*arguments)
    except Exception as error:  # noqa: BLE001  # it is compared with what another call raises
        return type(error)
    return None


@check(
    "ZB-BATCH-11",
    "A batch with an index or a value that cannot be is refused as the single call is, and "
    "leaves every chunk whole.",
    hint="Check all indices and values before the first one is sent.",
    needs=("batches",),
)
def a_bad_member_is_refused_as_alone(t: Trial) -> None:
    """A negative index, one of too many dimensions, a text as a value, a strided buffer."""
    backend = t.array()
    for index, data in (((-1,), b"x"), ((0, 1, 2), b"x"), ((2,), "text"), ((2,), STRIDED)):
        backend.write_chunks({(0,): b"old", (1,): b"old"})
        alone = refusal(backend.write_chunk, index, data)
        batch = {(0,): b"new", index: data, (1,): b"new"}
        equal(refusal(backend.write_chunks, batch), alone, f"what {index}: {data!r} raises")
        for stored in backend.read_chunks([(0,), (1,)]):
            is_true(content(stored) in (b"old", b"new"), f"after it, a chunk is {shown(stored)}")
        alone = refusal(backend.read_chunk, index)
        if alone is not ChunkNotFoundError:
            equal(
                refusal(backend.read_chunks, [(0,), index]), alone, f"what reading {index} raises"
            )


@check(
    "ZB-BATCH-12",
    "write_chunks replaces what it is given and nothing else.",
    hint="Look at values that are kept in parts: the old parts of a longer value must go.",
    needs=("batches",),
)
def a_batch_replaces_chunks_whole(t: Trial) -> None:
    """By shorter and longer values, with neighbours and metadata as they were."""
    backend = t.array(shape=(9,))
    document = backend.read_metadata()
    backend.write_chunk((8,), b"neighbour")
    for nbytes in (100_000, 5, 0, 3_000):
        values = {(i,): payload(nbytes + i, seed=i) for i in range(4)}
        backend.write_chunks(values)
        batch_holds(backend.read_chunks(list(values)), list(values.values()))
    same_bytes(backend.read_chunk((8,)), b"neighbour", "a chunk that was in no batch")
    equal(indices(backend.list_chunks()), [(0,), (1,), (2,), (3,), (8,)], "the chunks stored")
    equal(backend.read_metadata(), document, "the metadata after batches")


def _work_in_batches(i: int, backend: Any, rounds: int) -> None:
    """Write, read and delete chunks that are this thread's own."""
    for n in range(rounds):
        values = {(8 * i + k,): b"%d %d %d" % (i, n, k) for k in range(8)}
        backend.write_chunks(values)
        batch_holds(backend.read_chunks(list(values)), list(values.values()))
        backend.delete_chunks(list(values)[:4])
        is_true(is_missing(backend, (8 * i,)), "a chunk that was deleted in a batch is there")
        batch_holds(backend.read_chunks(list(values)[3:5]), [None, values[(8 * i + 4,)]])


@check(
    "ZB-BATCH-13",
    "Batches may be made from several threads at once.",
    hint="A buffer, cursor or pipeline that all calls of an instance share mixes their answers.",
    needs=("batches",),
)
def threads_make_batches_of_their_own(t: Trial) -> None:
    """Each thread on chunks of its own, beside those of the others."""
    backend = t.array(shape=(8 * t.profile.threads,))
    t.threads(t.profile.threads, _work_in_batches, backend, max(3, t.profile.rounds // 5))


@check(
    "ZB-BATCH-14",
    "read_chunks alone, without batches of writes, gives what single reads give.",
    hint="Look each chunk up by itself, also one that is missing, empty or asked for twice.",
    needs=("batch reads",),
)
def reading_in_batches_agrees_with_single_reads(t: Trial) -> None:
    """Shuffled, with duplicates and missing chunks, after every change."""
    backend = t.array(shape=(60, 3))
    values = {(i, i % 3): value for i, value in enumerate(values_of(40).values())}
    for index, value in values.items():
        backend.write_chunk(index, value)
    request = [*values, (59, 0), (0, 0), (59, 0), (0, 0)]
    for _ in range(3):
        batch_holds(backend.read_chunks(request), [values.get(index) for index in request])
        t.random.shuffle(request)
        index = t.random.choice(list(values))
        backend.write_chunk(index, values.setdefault(index, b"") + b" and more")
        values[index] += b" and more"
        backend.delete_chunk((1, 1))
        values.pop((1, 1), None)
    batch_holds(backend.read_chunks([]), [])
    backend.write_chunk((2, 2), b"")
    batch_holds(backend.read_chunks([(2, 2), (1, 1)]), [b"", None])
