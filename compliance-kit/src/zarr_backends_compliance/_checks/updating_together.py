"""Read-modify-write, creation and transactions of several at once; and histories as a whole."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import zarr_backends
from zarr_backends import (
    ArrayExistsError,
    ArrayNotFoundError,
    ChunkNotFoundError,
    ConflictError,
    KeyValueBackend,
)
from zarr_backends_compliance._elsewhere import elsewhere
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import content, equal, is_true
from zarr_backends_compliance._kernel.racing import (
    done,
    eager_threads,
    in_step,
    paced,
    processes,
    side_by_side,
)
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import skip
from zarr_backends_compliance._tools.counting import count_there, count_up, counted, meeting
from zarr_backends_compliance._tools.histories import explain, live, live_there
from zarr_backends_compliance._tools.instances import second
from zarr_backends_compliance._tools.replacing import document, document_number, retried
from zarr_backends_compliance._tools.stamps import number_of, stamped

__all__: list[str] = []

_NO_LOSS = "update_chunk is read-modify-write that loses no update"
_IN_ORDER = "What is seen of a chunk is explained by calls that took effect one after another"


@check(
    "ZB-CONC-10",
    f"{_NO_LOSS}, between threads.",
    hint="Hold a lock from before the read until after the write, or compare and swap.",
    needs=("updates",),
)
def threads_lose_no_update(t: Trial) -> None:
    """Each increments a counter of its own in one chunk, which does not exist at first."""
    backend, times = t.array(), min(t.profile.rounds, 50)
    t.threads(t.profile.threads, lambda i: count_up(t, backend, i, times))
    expected = [times] * t.profile.threads
    seen = list(counted(backend.read_chunk((0,))))[: len(expected)]
    equal(seen, expected, "what each thread counted")


@check(
    "ZB-CONC-11",
    f"{_NO_LOSS}, between instances.",
    hint="A lock of the instance does not keep other instances out.",
    needs=("updates",),
)
def instances_lose_no_update(t: Trial) -> None:
    """Each thread has an instance of its own."""
    first, times = t.array(), min(t.profile.rounds, 50)
    instances = [first, *(second(t, first) for _ in range(t.profile.threads - 1))]
    t.threads(len(instances), lambda i: count_up(t, instances[i], i, times))
    seen = list(counted(t.reopened(first).read_chunk((0,))))[: len(instances)]
    equal(seen, [times] * len(instances), "what each instance counted")


@check(
    "ZB-CONC-12",
    f"{_NO_LOSS}, between processes.",
    hint="A lock of the process does not keep others out: lock in the store, or compare and swap.",
    needs=("updates", "processes"),
)
def processes_lose_no_update(t: Trial) -> None:
    """Each process has a counter of its own in one chunk; what is acknowledged counts."""
    times, count = min(t.profile.rounds, 50), t.profile.processes
    t.settle(t.array())
    processes(t, count, count_there, times)
    seen = list(counted(t.open().read_chunk((0,))))[:count]
    equal(seen, [times] * count, "what each process counted")


@check(
    "ZB-CONC-13",
    "update_chunk works as if nothing else happened meanwhile, writes and deletions included.",
    hint="Plain writes have to respect the lock of updates, or updates to notice plain writes.",
    needs=("updates",),
)
def a_write_during_an_update_is_not_lost(t: Trial) -> None:
    """Somebody writes, deletes or updates the chunk between the read and the write of an update."""
    backend = t.array()
    for other in (backend, *_others(t, backend)):
        for name, arguments, possible in (_WRITTEN, _DELETED, _UPDATED):
            backend.write_chunk((0,), b"old")
            t.settle(backend)
            call = partial(done, other, getattr(other, name), (0,), *arguments)
            happened = meeting(t, backend, call)
            _kept(_value(backend), name, possible, happened)


_Meeting: TypeAlias = tuple[str, tuple[Any, ...], set[bytes | None]]

_WRITTEN: _Meeting = ("write_chunk", (b"new",), {b"new", b"new+1"})
_DELETED: _Meeting = ("delete_chunk", (), {None, b"+1"})
_UPDATED: _Meeting = (
    "update_chunk",
    (lambda old: content(old or b"") + b"+2",),
    {b"old+1+2", b"old+2+1"},
)
"""A change that meets an update, and what both can come to, one after the other."""


def _others(t: Trial, backend: Any) -> list[Any]:
    """Return a second instance, if there can be one."""
    t.settle(backend)
    with contextlib.suppress(ArrayNotFoundError):
        return [t.open()]
    return []


def _value(backend: Any) -> bytes | None:
    """Return chunk (0,), None where it is absent."""
    with contextlib.suppress(ChunkNotFoundError):
        return content(backend.read_chunk((0,)))
    return None


def _kept(
    seen: bytes | None, name: str, possible: set[bytes | None], happened: tuple[bool, bool]
) -> None:
    """Look at what is left of an update from "old" to "old+1" and a change that met it."""
    alone: dict[str, set[Any]] = {
        "write_chunk": {b"new"}, "delete_chunk": {None}, "update_chunk": {b"old+2"},
    }  # fmt: skip
    possibilities: dict[tuple[bool, bool], set[Any]] = {
        (True, True): possible,
        (True, False): {b"old+1"},
        (False, True): alone[name],
        (False, False): {b"old"},
    }
    is_true(
        seen in possibilities[happened],
        f"an update of b'old' to b'old+1' met a {name}: the chunk is {seen!r}, so one is lost",
    )


@check(
    "ZB-CONC-14",
    "An update of one process and a write of another are both kept, in one order or the other.",
    hint="Plain writes of other processes have to respect the lock of updates as well.",
    needs=("updates", "processes"),
)
def a_write_of_another_process_during_an_update_is_not_lost(t: Trial) -> None:
    """Another process writes or deletes between the read and the write of an update."""
    backend = t.array()
    t.settle(backend)
    with elsewhere(t) as other:
        there = other.open()
        for name, arguments, possible in (_WRITTEN, _DELETED):
            backend.write_chunk((0,), b"old")
            t.settle(backend)
            happened = meeting(t, backend, partial(there.done, name, (0,), *arguments))
            _kept(_value(t.open()), name, possible, happened)


@check(
    "ZB-CONC-15",
    "create may be called by several at once; those that return an array agree about it.",
    hint="Let what `create` sets up (tables, folders, buckets) be there already.",
)
def many_create_one_array(t: Trial) -> None:
    """Each of several threads creates an array at the same place, some of another shape."""
    cls, count = t.target.backend, t.profile.threads
    second(t, t.array("probe"), "probe")

    def make(i: int, name: str) -> int:
        with contextlib.suppress(ArrayExistsError, ConflictError):
            options = t.options(name)
            with zarr_backends.create(storage=cls, shape=i + 1, dtype="u1", **options) as array:
                return array.shape[0]
        return 0

    for name in "bcdefg":
        with eager_threads():
            made = t.threads(count, make, name)
        is_true(any(made), f"none of {count} threads that create one array succeeded")
        found = t.open(name).read_metadata()["shape"]
        is_true(found[0] in made, f"the array has shape {found}; those created have {made}")
        equal(t.threads(2, make, name), [0, 0], "the arrays created where one is")


@check(
    "ZB-CONC-16",
    "Where a backend overrides set_if_absent, exactly one of all who try at once sets the key.",
    hint="Let the store decide (O_EXCL, If-None-Match, INSERT OR IGNORE ...): not a look and then "
    "a write.",
    needs=("keys",),
)
def one_of_many_sets_a_key(t: Trial) -> None:
    """Threads, each with its own instance, and processes."""
    first = t.array()
    mine = getattr(type(first), "set_if_absent", KeyValueBackend.set_if_absent)
    if mine is KeyValueBackend.set_if_absent:
        skip("an atomic set_if_absent")
    instances = [first, *(second(t, first) for _ in range(t.profile.threads - 1))]
    for n in range(min(t.profile.rounds, 50)):
        key = f"c/{n}"
        with eager_threads():
            won = t.threads(len(instances), _set_first, instances, key)
        equal(sum(won), 1, f"the number of threads that set {key!r} first")
        equal(number_of(first.get(key)), won.index(True), f"the value of {key!r}")
    if "processes" in t.surroundings:
        t.settle(first)
        tried = processes(t, t.profile.processes, _set_many_first, 50)
        for moment in set(tried[0]).intersection(*tried[1:]):
            won = sum(each[moment] for each in tried)
            equal(won, 1, f"the number of processes that set a key first, of {len(tried)}")


def _set_first(i: int, instances: list[Any], key: str) -> bool:
    """Try to set a key; return whether it was done."""
    return bool(instances[i].set_if_absent(key, stamped(i)))


def _ask_first(backend: Any, key: str, i: int, answers: list[bool]) -> None:
    """Try to set a key and keep the answer."""
    answers.append(backend.set_if_absent(key, stamped(i)))


def _set_many_first(t: Trial, i: int, count: int) -> dict[int, bool]:
    """Try to set a key at every moment of a clock, in another process; say what was done."""
    backend, won = t.open(), {}
    for _ in range(count):
        moment = in_step()
        answers: list[bool] = []
        kept = done(backend, partial(_ask_first, backend, f"c/{moment}", i, answers))
        won[moment] = kept and answers == [True]
    return won


@check(
    "ZB-CONC-17",
    f"{_IN_ORDER}, between threads.",
    hint="A cache that is filled by a slow reader after a writer has passed is the usual reason.",
)
def threads_see_one_history(t: Trial) -> None:
    """Random reads, writes, deletions and updates of two chunks, on one instance."""
    backend = t.array()
    with eager_threads():
        explain(t.threads(4, lambda i: live(t, backend, i)))


@check(
    "ZB-CONC-18",
    f"{_IN_ORDER}, between instances and processes.",
    hint="What one client was told is done, every other one sees from then on.",
    needs=("processes",),
)
def processes_see_one_history(t: Trial) -> None:
    """The same through instances in threads, then in processes, each with its own."""
    first = t.array()
    if t.has("flush"):
        skip("writes that others see at once, without a flush")
    instances = [first, t.open(), t.open()]
    with eager_threads():
        explain(t.threads(3, lambda i: live(t, instances[i], i)))
    for i in (0, 1):
        first.delete_chunk((i,))
    explain(processes(t, max(3, t.profile.processes), live_there))


@check(
    "ZB-CONC-19",
    "write_chunks writes several chunks, each atomically, also beside other batches.",
    hint="Batches that lock chunk by chunk have to do it in one order, else they wait for ever.",
    needs=("batches",),
    timeout_s=30.0,
)
def batches_meet(t: Trial) -> None:
    """Threads write the same chunks in opposite orders, delete others, and read all."""
    backend = t.array(shape=(32,))
    places = [(i,) for i in range(16)]
    backend.write_chunks({index: stamped(0) for index in places})

    def write(order: int) -> None:
        for n in paced(t):
            chunks = {index: stamped(n, 40 + n % 2 * 9000) for index in places[::order]}
            retried(backend, backend.write_chunks, chunks)
            retried(backend, backend.delete_chunks, [(i,) for i in range(31, 15, -order)])

    def read() -> None:
        for i, value in enumerate(backend.read_chunks(places)):
            is_true(value is not None, f"chunk {(i,)} was missing while batches replaced it")
            number_of(value, f"chunk {(i,)}")

    side_by_side(t, [partial(write, 1), partial(write, -1)], [read] * 2)


@check(
    "ZB-CONC-20",
    "What a transaction did is seen by its instance alone until it commits, then all of it.",
    hint="Commit in one step of the store; not one write after the other at the end.",
    needs=("transactions",),
)
def a_transaction_is_seen_as_a_whole(t: Trial) -> None:
    """One instance commits and rolls back; another one, and later another process, looks on."""
    backend = t.create()
    backend.write_metadata(document(0), 3)
    for i in (0, 1, 2):
        backend.write_chunk((i,), stamped(0))
    other = second(t, backend)
    side_by_side(t, [lambda: _commit_and_roll_back(t, backend)], [_beholder(other)] * 2)
    if "processes" in t.surroundings:
        side_by_side(t, [lambda: t.child(_commit_there)], [_beholder(other)])


def _commit_and_roll_back(t: Trial, backend: Any) -> None:
    """Write two chunks and the metadata together with even numbers; odd ones are rolled back."""
    before = number_of(backend.read_chunk((0,)))
    for n in paced(t):
        number = before + n + 1
        with contextlib.suppress(_RolledBack), backend.transaction():
            for index in ((0,), (1,)):
                backend.write_chunk(index, stamped(number, 40 + n % 5 * 8000))
            backend.write_metadata(document(number), 3)
            if number % 2:
                raise _RolledBack


class _RolledBack(Exception):  # noqa: N818  # it is no error
    """Ends a transaction."""


def _commit_there(t: Trial) -> None:
    """Do so in another process."""
    _commit_and_roll_back(t, t.open())


def _beholder(other: Any) -> Any:
    """Return a function that looks at chunk 0, chunk 1 and the metadata, in turning order."""
    turns = itertools.cycle((1, -1))
    looks: list[Callable[[], int]] = [
        lambda: number_of(other.read_chunk((0,))),
        lambda: number_of(other.read_chunk((1,))),
        lambda: document_number(other),
    ]

    def look() -> None:
        seen = [one() for one in looks[:: next(turns)]]
        is_true(seen == sorted(seen), f"parts of a transaction were seen: writes {seen}, in order")
        odd = [number for number in seen if number % 2]
        is_true(not odd, f"what was rolled back, or not yet committed, was seen: writes {odd}")

    return look


@check(
    "ZB-CONC-21",
    "Updates in transactions of several instances lose nothing.",
    hint="Hold the lock of an update until its transaction ends; where two cannot both be kept, "
    "refuse one with ConflictError.",
    needs=("transactions", "updates"),
)
def transactions_transfer_and_lose_nothing(t: Trial) -> None:
    """Each moves one from the first account to the second, again and again."""
    backend = t.array()
    times = min(t.profile.rounds, 25)
    backend.write_chunk((0,), b"1000")
    backend.write_chunk((1,), b"0")
    instances = [backend, *(second(t, backend) for _ in range(3))]
    t.threads(4, lambda i: _transfer_often(instances[i], times))
    balances = [int(content(backend.read_chunk((i,)))) for i in (0, 1)]
    equal(balances, [1000 - 4 * times, 4 * times], "the balances")


def _transfer_often(backend: Any, times: int) -> None:
    """Transfer several times; what was refused for a conflict is done again."""
    for _ in range(times):
        retried(backend, _transfer, backend)


def _transfer(backend: Any) -> None:
    """Move one from the first account to the second."""
    with backend.transaction():
        backend.update_chunk((0,), lambda old: b"%d" % (int(content(old)) - 1))
        time.sleep(0.0005)
        backend.update_chunk((1,), lambda old: b"%d" % (int(content(old)) + 1))
