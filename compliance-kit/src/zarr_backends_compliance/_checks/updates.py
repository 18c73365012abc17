"""Read, modify, write in one step: `update_chunk` and what it promises."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
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
from zarr_backends_compliance._tools.instances import another

__all__: list[str] = []


class Interruption(BaseException):
    """What a program is stopped by: no `Exception`."""


def plus_one(old: Any) -> bytes:
    """Count: a transform."""
    return b"%d" % (int(bytes(old or b"0")) + 1)


def seen_by_update(backend: Any, index: tuple[int, ...], new: Any) -> Any:
    """Update a chunk to a value and return what the last transform was given."""
    given: list[Any] = []

    def transform(old: Any) -> Any:
        given.append(old if old is None else content(old, "what the transform was given"))
        return new

    backend.update_chunk(index, transform)
    is_true(given, "update_chunk returned without calling the transform")
    return given[-1]


@check(
    "ZB-UPD-01",
    "update_chunk replaces a chunk by transform(old); old is None where none is stored.",
    hint="An absent chunk is None for the transform, an empty one is b''.",
    needs=("updates",),
)
def an_update_replaces_the_chunk(t: Trial) -> None:
    """From nothing, from an empty chunk, to an empty chunk, again and again."""
    backend = t.array()
    equal(seen_by_update(backend, (0,), b"first"), None, "what stands for an absent chunk")
    same_bytes(backend.read_chunk((0,)), b"first", "the updated chunk")
    equal(seen_by_update(backend, (0,), b""), b"first", "what the transform was given")
    same_bytes(backend.read_chunk((0,)), b"", "the chunk that was updated to nothing")
    equal(seen_by_update(backend, (0,), b"third"), b"", "what stands for an empty chunk")
    backend.delete_chunk((0,))
    equal(seen_by_update(backend, (0,), b"again"), None, "what stands for a deleted chunk")
    equal(indices(backend.list_chunks()), [(0,)], "the chunks stored")
    same_bytes(backend.read_chunk((0,)), b"again", "the updated chunk")


@check(
    "ZB-UPD-02",
    "A transform that returns None deletes the chunk.",
    hint="Delete the key; writing nothing leaves the old bytes, or an empty chunk.",
    needs=("updates",),
)
def none_from_the_transform_deletes(t: Trial) -> None:
    """A chunk that is stored, and one that is not."""
    backend = t.array()
    backend.write_chunk((0,), b"old")
    backend.write_chunk((1,), b"neighbour")
    for old in (b"old", None):
        equal(seen_by_update(backend, (0,), None), old, "what the transform was given")
        raises(ChunkNotFoundError, backend.read_chunk, (0,))
        equal(indices(backend.list_chunks()), [(1,)], "the chunks stored")
    raises(ChunkNotFoundError, another(t, backend).read_chunk, (0,))


def failing(error: BaseException) -> Callable[[Any], Any]:
    """Return a transform that raises."""

    def transform(_: Any) -> Any:
        raise error

    return transform


@check(
    "ZB-UPD-03",
    "When the transform raises, nothing is changed and the error is passed on.",
    hint="Keep the call of the transform outside of what translates, retries or swallows errors.",
    needs=("updates",),
    timeout_s=20.0,
)
def an_error_of_the_transform_passes_through(t: Trial) -> None:
    """The very same error, of many kinds; the chunk, absent ones too, can be updated after it."""
    backend = t.array()
    backend.write_chunk((0,), b"old")
    for kind in (ValueError, KeyError, OSError, TimeoutError, ChunkNotFoundError, Interruption):
        for index in ((0,), (1,)):
            error = kind("of the transform")
            seen = raised_by(backend.update_chunk, index, failing(error))
            is_true(seen is error, f"a {kind.__name__} of the transform came out as {seen!r:.80}")
        same_bytes(backend.read_chunk((0,)), b"old", "the chunk after a failed update")
        raises(ChunkNotFoundError, backend.read_chunk, (1,))
    t.threads(1, lambda _: backend.update_chunk((0,), lambda old: bytes(old) + b"!"))
    same_bytes(backend.read_chunk((0,)), b"old!", "a chunk updated after a failed update")


def raised_by(call: Any, *arguments: Any) -> BaseException | None:
    """Return what a call raised, None where it returned."""
    try:
        call(*arguments)
    except BaseException as error:  # noqa: BLE001  # an interruption is one of those passed on
        return error
    return None


@check(
    "ZB-UPD-04",
    "update_chunk takes chunks of any size, and hands the transform all of it.",
    hint="Look at limits of what a script, a transaction or a compare-and-swap may carry.",
    needs=("updates",),
)
def an_update_takes_any_size(t: Trial) -> None:
    """From every size to every other."""
    backend = t.array()
    old = None
    for nbytes in (*t.profile.value_nbytes[1:], 3, 70_001, 1):
        new = payload(nbytes, seed=3)
        given = seen_by_update(backend, (0,), new)
        is_true(given == old, f"the transform was given {shown(given)}, stored is {shown(old)}")
        same_bytes(backend.read_chunk((0,)), new, f"a chunk updated to {nbytes:,} bytes")
        old = new


def kept_in(given: list[Any], new: Any) -> Callable[[Any], Any]:
    """Return a transform that keeps what it is given, and returns the same always."""

    def transform(old: Any) -> Any:
        given.append(old)
        return new

    return transform


@check(
    "ZB-UPD-05",
    "What the transform is given and what it returns is the caller's memory, not the store's.",
    hint="Copy what the transform returned before the call ends; give it bytes that stay the same.",
    needs=("updates",),
)
def an_update_keeps_no_view(t: Trial) -> None:
    """Returned buffers that change afterwards, and old bytes that are looked at later."""
    backend = t.array()
    for kind in (bytearray, lambda data: memoryview(bytearray(data)), memoryview):
        backend.write_chunk((0,), b"old bytes")
        given: list[Any] = []
        buffer = bytearray(b"new bytes")
        new = memoryview(buffer) if kind is memoryview else kind(b"new bytes")
        backend.update_chunk((0,), kept_in(given, new))
        buffer[:] = b"?" * 9
        same_bytes(backend.read_chunk((0,)), b"new bytes", "the updated chunk")
        backend.write_chunk((0,), b"and later")
        same_bytes(given[-1], b"old bytes", "what the transform was given, looked at later")
    backend.update_chunk((0,), lambda old: memoryview(old)[4:])
    same_bytes(backend.read_chunk((0,)), b"later", "a chunk updated to a part of itself")


@check(
    "ZB-UPD-06",
    "No update is lost, however many are made at once on one chunk.",
    hint="Hold a lock from the read to the write, or swap only if nothing changed and try again.",
    needs=("updates",),
)
def threads_lose_no_update_of_one_chunk(t: Trial) -> None:
    """Threads count on one chunk, through one instance and through two."""
    backend = t.array()
    other = another(t, backend)
    pair = (backend, other)
    rounds = max(4, t.profile.rounds // 5)
    for work in (lambda _: backend, lambda i: pair[i % 2]):
        t.threads(t.profile.threads, count_up, work, rounds)
    t.settle(*pair)
    total = b"%d" % (2 * t.profile.threads * rounds)
    same_bytes(backend.read_chunk((0,)), total, f"the count after {total.decode()} updates")


def count_up(i: int, instance_of: Callable[[int], Any], rounds: int) -> None:
    """Count on one chunk, with a pause between reading and writing."""

    def slowly(old: Any) -> bytes:
        threading.Event().wait(0.0005)
        return plus_one(old)

    for _ in range(rounds):
        instance_of(i).update_chunk((0,), slowly)


@check(
    "ZB-UPD-07",
    "Updates of different chunks do not disturb each other.",
    hint="A value that is kept on the instance between the read and the write gets mixed up.",
    needs=("updates",),
)
def threads_update_many_chunks(t: Trial) -> None:
    """Each thread counts on every chunk."""
    count = 6
    backend = t.array(shape=(count + 1,))
    backend.write_chunk((count,), b"neighbour")
    t.threads(count, count_everywhere, backend, count)
    for i in range(count):
        same_bytes(backend.read_chunk((i,)), b"%d" % (2 * count), f"the count on chunk {i}")
    same_bytes(backend.read_chunk((count,)), b"neighbour", "a chunk that nobody updated")


def count_everywhere(first: int, backend: Any, count: int) -> None:
    """Count on every chunk twice, each thread beginning with another one."""
    for i in range(2 * count):
        backend.update_chunk(((first + i) % count,), plus_one)


def disturbed_update(backend: Any, disturb: Callable[[], None]) -> None:
    """Append to chunk ``(0,)`` while another thread changes it, begun between read and write."""
    others: list[threading.Thread] = []

    def transform(old: Any) -> bytes:
        value = bytes(old or b"") + b"+"
        if not others:
            others.append(threading.Thread(target=disturb, daemon=True))
            others[0].start()
            others[0].join(0.1)  # where the backend locks, it waits for this update
        return value

    backend.update_chunk((0,), transform)
    others[0].join(30)


@check(
    "ZB-UPD-08",
    "update_chunk replaces a chunk as if nothing else happened meanwhile.",
    hint="write_chunk and delete_chunk have to respect the same lock or version as update_chunk.",
    needs=("updates",),
    timeout_s=40.0,
)
def a_write_during_an_update_is_not_lost(t: Trial) -> None:
    """A write and a deletion by another thread, between the update's read and its write."""
    backend = t.array()
    other = another(t, backend)
    for instance in (backend, other):
        backend.write_chunk((0,), b"old")
        disturbed_update(backend, lambda: instance.write_chunk((0,), b"new"))  # noqa: B023
        seen = content(backend.read_chunk((0,)))
        is_true(seen in (b"new", b"new+"), f"b'new' was written, the chunk is {seen!r}")
        backend.write_chunk((0,), b"old")
        disturbed_update(backend, lambda: instance.delete_chunk((0,)))  # noqa: B023
        seen = seen_by_update(backend, (0,), b"end")
        is_true(seen in (None, b"+"), f"the chunk was deleted, and is {seen!r}")


@check(
    "ZB-UPD-09",
    "An update is of the chunk as it is now, whoever wrote it, and others see it.",
    hint="The transform must never be given bytes from a cache.",
    needs=("updates",),
)
def an_update_sees_what_others_wrote(t: Trial) -> None:
    """Two instances take turns; writes, batches of updates and deletions in between."""
    backend = t.array()
    other = another(t, backend)
    for n in range(6):
        (backend, other)[n % 2].update_chunk((0,), plus_one)
        t.settle((backend, other)[n % 2])
    for reader in (backend, other):
        same_bytes(reader.read_chunk((0,)), b"6", "the count of two instances")
    other.write_chunk((0,), b"99")
    t.settle(other)
    backend.update_chunk((0,), plus_one)
    t.settle(backend)
    same_bytes(other.read_chunk((0,)), b"100", "a chunk written by one, updated by the other")


def numbering(results: list[bytes]) -> Callable[[Any], bytes]:
    """Return a transform that returns how often it was called."""

    def transform(_: Any) -> bytes:
        results.append(b"%d" % len(results))
        return results[-1]

    return transform


@check(
    "ZB-UPD-10",
    "What is stored is what the transform returned when it was called last.",
    hint="It may be called again; only its last result, of the bytes that were replaced, counts.",
    needs=("updates",),
)
def the_last_result_of_the_transform_is_stored(t: Trial) -> None:
    """A transform that returns something else each time."""
    backend = t.array()
    for old in (None, b"stored"):
        if old is not None:
            backend.write_chunk((0,), old)
        results: list[bytes] = []
        backend.update_chunk((0,), numbering(results))
        is_true(results, "update_chunk returned without calling the transform")
        same_bytes(backend.read_chunk((0,)), results[-1], "the chunk, beside the last result,")


@check(
    "ZB-UPD-11",
    "What the transform returns is taken or refused as write_chunk takes or refuses it.",
    hint="Check what it returned (contiguous_view does) before the old bytes are touched.",
    needs=("updates",),
    timeout_s=20.0,
)
def a_bad_result_of_the_transform_changes_nothing(t: Trial) -> None:
    """A text, a number, a strided buffer, an array of items of eight bytes."""
    backend = t.array()
    items = memoryview(array("d", [1.0, 2.0]))
    returned: list[Any] = ["text", 7, memoryview(b"strided!")[::2], items, bytearray(b"fine")]
    for new in returned:
        alone = raised_by(backend.write_chunk, (1,), new)
        backend.write_chunk((0,), b"old")
        seen = raised_by(backend.update_chunk, (0,), kept_in([], new))
        equal(type(seen), type(alone), f"what came of a transform that returned {new!r:.40}")
        expected = b"old" if alone else bytes(new)
        same_bytes(backend.read_chunk((0,)), expected, f"the chunk after {new!r:.40} was returned")
