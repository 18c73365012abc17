"""Writers that are killed: everything that was acknowledged is there, and nothing in part."""

from __future__ import annotations

import itertools
import time
from functools import partial
from typing import Any

from zarr_backends import ChunkNotFoundError, SupportsKeys
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal, indices, is_true
from zarr_backends_compliance._kernel.racing import until_done
from zarr_backends_compliance._kernel.trial import Log, Trial
from zarr_backends_compliance._kernel.verdicts import violated
from zarr_backends_compliance._tools.killing import Ledger, killed, noted
from zarr_backends_compliance._tools.replacing import document, document_number
from zarr_backends_compliance._tools.stamps import number_of, stamped

__all__: list[str] = []

_CHUNKS = 3
_LARGE, _SMALL = 2**20, 200
_PATIENCE_S = 30.0
"""Seconds that a lock may outlive its owner."""


@check(
    "ZB-CRASH-01",
    "write_chunk replaces atomically: a writer that is killed leaves the old bytes or the new.",
    hint="Write beside the old value and switch over in one step.",
    needs=("processes",),
)
def a_killed_writer_leaves_whole_chunks(t: Trial) -> None:
    """Large chunks are overwritten again and again; each writer is killed in the middle."""
    backend = t.array()
    for i in range(_CHUNKS):
        backend.write_chunk((i,), stamped(0))
    t.settle(backend)
    ledger = Ledger(_CHUNKS, number=0)
    for notes in killed(t, _overwrite, _LARGE):
        ledger.read(notes)
        ledger.compare(t.child(_numbers, _CHUNKS))


def _overwrite(t: Trial, log: Log, first: int, nbytes: int) -> None:
    """Write the chunks in turn, for ever."""
    backend = t.open()
    for number in itertools.count(first):
        data = stamped(number, nbytes + number % 5 * 9999)
        with noted(log, number, number % _CHUNKS):
            backend.write_chunk((number % _CHUNKS,), data)
            t.settle(backend)


def _numbers(t: Trial, count: int) -> list[int | None]:
    """Return what a process that is new finds in the chunks; each must be whole."""
    backend = t.open()
    seen = [_number(backend, i) for i in range(count)]
    found = [(i,) for i, number in enumerate(seen) if number is not None]
    equal(indices(backend.list_chunks()), found, "the listing after a writer was killed")
    if isinstance(backend, SupportsKeys):
        keys = sorted(backend.list_keys(""))
        wanted = sorted(["zarr.json", *(f"c/{i}" for (i,) in found)])
        extra = [key for key in keys if key not in wanted]
        is_true(not extra, f"keys that nobody wrote are listed after a kill: {extra[:3]}")
    return seen


def _number(backend: Any, i: int) -> int | None:
    """Return the number in a chunk, None where it is absent."""
    try:
        return number_of(backend.read_chunk((i,)), f"chunk {i}, whose writer was killed,")
    except ChunkNotFoundError:
        return None


@check(
    "ZB-CRASH-02",
    "A chunk whose first writer is killed is stored and listed whole, or not at all.",
    hint="What is not finished needs a name that neither reading nor listing takes for a chunk.",
    needs=("processes",),
)
def a_killed_writer_leaves_no_new_chunk_in_part(t: Trial) -> None:
    """Each writer puts large chunks where there are none."""
    t.settle(t.array(shape=(9,)))
    for notes in killed(t, _write_new):
        ledger = Ledger(9)
        ledger.read(notes)
        ledger.compare(t.child(_numbers, 9))
        backend = t.open()
        for i in range(9):
            backend.delete_chunk((i,))
        t.settle(backend)


def _write_new(t: Trial, log: Log, first: int) -> None:
    """Write chunks that are absent, for ever."""
    backend = t.open()
    for n in itertools.count():
        if n and n % 9 == 0:
            with noted(log, None, *range(9)):
                for i in range(9):
                    backend.delete_chunk((i,))
                t.settle(backend)
        data = stamped(first + n, _LARGE)
        with noted(log, first + n, n % 9):
            backend.write_chunk((n % 9,), data)
            t.settle(backend)


@check(
    "ZB-CRASH-03",
    "write_metadata replaces atomically, also when the writer is killed.",
    hint="Write the document beside the old one and switch over in one step.",
    needs=("processes",),
)
def a_killed_writer_leaves_whole_metadata(t: Trial) -> None:
    """Documents of some length are replaced again and again."""
    backend = t.create()
    backend.write_metadata(document(0), 3)
    t.settle(backend)
    ledger = Ledger(1)
    for notes in killed(t, _replace_metadata):
        ledger.read([[word, number % 10**6, *rest] for word, number, *rest in notes])
        ledger.compare([t.child(_document_there)], "the metadata, document")


def _replace_metadata(t: Trial, log: Log, first: int) -> None:
    """Replace the metadata, for ever."""
    backend = t.open()
    for n in itertools.count(document_number(backend) + 1):
        with noted(log, first + n, 0):
            backend.write_metadata(document(n), 3)
            t.settle(backend)


def _document_there(t: Trial) -> int:
    """Return the number of the document that a process that is new finds."""
    return document_number(t.open())


@check(
    "ZB-CRASH-04",
    "A write or deletion that returned (and was flushed, where they are buffered) outlives its "
    "process.",
    hint="Return when the store has it, not when it is queued.",
    needs=("processes",),
)
def what_was_acknowledged_outlives_a_kill(t: Trial) -> None:
    """Small chunks are written and deleted as fast as it goes."""
    t.settle(t.array())
    ledger = Ledger(_CHUNKS)
    for notes in killed(t, _write_and_delete):
        ledger.read(notes)
        ledger.compare(t.child(_numbers, _CHUNKS))


def _write_and_delete(t: Trial, log: Log, first: int) -> None:
    """Write and delete the chunks in turn, for ever."""
    backend = t.open()
    for number in itertools.count(first):
        i = number % _CHUNKS
        with noted(log, number, i):
            backend.write_chunk((i,), stamped(number, _SMALL))
            t.settle(backend)
        if number % 5 == 0:
            with noted(log, None, i):
                backend.delete_chunk((i,))
                t.settle(backend)


@check(
    "ZB-CRASH-05",
    "An update whose process is killed is done whole or not at all.",
    hint="The new value takes the place of the old one in one step, in an update as well.",
    needs=("updates", "processes"),
)
def a_killed_update_is_done_or_not(t: Trial) -> None:
    """Each update replaces a large chunk by one of the next number."""
    t.settle(t.array())
    ledger = Ledger(1)
    for notes in killed(t, _update):
        ledger.read(notes)
        ledger.compare(t.child(_numbers, 1))


def _update(t: Trial, log: Log, first: int) -> None:
    """Update a chunk to the next number, for ever."""
    backend = t.open()
    for number in itertools.count(first):
        transform = partial(_given, stamped(number, _LARGE))
        with noted(log, number, 0):
            backend = until_done(t, backend, "update_chunk", (0,), transform)


def _given(data: bytes, _: Any) -> bytes:
    """Return what is given, whatever was there; a transform."""
    return data


@check(
    "ZB-CRASH-06",
    "A process that is killed in an update changes nothing and keeps nobody waiting.",
    hint="Use locks that end with their owner, or expire; a lock file would have to be deleted.",
    needs=("updates", "processes"),
    timeout_s=90.0,
)
def a_killed_update_leaves_no_lock(t: Trial) -> None:
    """It is killed between reading and writing, while another process waits for the chunk."""
    backend = t.array()
    backend.write_chunk((0,), stamped(1))
    t.settle(backend)
    log = t.log()
    stuck = t.start(_be_stuck_in_an_update)
    while not log.entries() and stuck.is_running():
        time.sleep(0.001)
    waiting = t.start(_update_once, 5)
    time.sleep(0.05)
    stuck.kill()
    equal(waiting.result(_PATIENCE_S), 1, "what the next update found")
    equal(t.child(_update_once, 6, timeout_s=_PATIENCE_S), 5, "what a later update found")
    equal(number_of(t.open().read_chunk((0,))), 6, "the number that was written last")


def _be_stuck_in_an_update(t: Trial) -> None:
    """Begin an update and never end it."""
    t.open().update_chunk((0,), lambda _: _never_return(t))


def _never_return(t: Trial) -> None:
    """Say that it has begun, and wait to be killed."""
    t.log().add("begin")
    time.sleep(600)


def _update_once(t: Trial, number: int) -> int:
    """Update a chunk; return the number that was there."""
    found: list[int] = []

    def transform(old: Any) -> bytes:
        found.append(number_of(old))
        return stamped(number)

    until_done(t, t.open(), "update_chunk", (0,), transform)
    return found[-1]


@check(
    "ZB-CRASH-07",
    "write_chunks writes each chunk atomically, also when the writer is killed.",
    hint="A batch may be done in part, a chunk may not.",
    needs=("batches", "processes"),
)
def a_killed_batch_leaves_whole_chunks(t: Trial) -> None:
    """Several large chunks at once."""
    t.settle(t.array())
    ledger = Ledger(_CHUNKS)
    for notes in killed(t, _write_batches):
        ledger.read(notes)
        ledger.compare(t.child(_numbers, _CHUNKS))


def _write_batches(t: Trial, log: Log, first: int) -> None:
    """Write all chunks at once, for ever."""
    backend = t.open()
    for number in itertools.count(first):
        data = stamped(number, _LARGE // 2)
        with noted(log, number, *range(_CHUNKS)):
            backend.write_chunks({(i,): data for i in range(_CHUNKS)})
            t.settle(backend)


@check(
    "ZB-CRASH-08",
    "A transaction commits together or not at all, also when its process is killed.",
    hint="Commit by one step of the store. Where a journal is used, finish or undo it on opening.",
    needs=("transactions", "processes"),
)
def a_killed_transaction_is_done_or_not(t: Trial) -> None:
    """Chunks and metadata of one transaction all have one number."""
    backend = t.create()
    backend.write_metadata(document(0), 3)
    t.settle(backend)
    ledger = Ledger(_CHUNKS)
    for notes in killed(t, _commit):
        ledger.read(notes)
        numbers, document_there = t.child(_committed)
        ledger.compare(numbers)
        is_true(len(set(numbers)) == 1, f"a part of a transaction was committed: writes {numbers}")
        equal(
            document_there, (numbers[0] or 0) % 10**5, "the document that was committed with them"
        )


def _commit(t: Trial, log: Log, first: int) -> None:
    """Write all chunks and the metadata in transactions, for ever."""
    backend = t.open()
    for number in itertools.count(first):
        data = stamped(number, _LARGE // 2)
        with noted(log, number, *range(_CHUNKS)), backend.transaction():
            for i in range(_CHUNKS):
                backend.write_chunk((i,), data)
            backend.write_metadata(document(number % 10**5), 3)


def _committed(t: Trial) -> tuple[list[int | None], int]:
    """Return what a process that is new finds in chunks and metadata."""
    return _numbers(t, _CHUNKS), document_number(t.open())


@check(
    "ZB-CRASH-09",
    "A process that is killed in a transaction leaves nothing of it and keeps nobody waiting.",
    hint="What is not committed belongs to the connection; the store drops it with the connection.",
    needs=("transactions", "processes"),
    timeout_s=90.0,
)
def a_killed_transaction_leaves_nothing(t: Trial) -> None:
    """It is killed before it commits; another process commits afterwards."""
    backend = t.create()
    backend.write_metadata(document(1), 3)
    backend.write_chunk((0,), stamped(1))
    t.settle(backend)
    stuck = t.start(_be_stuck_in_a_transaction)
    while not t.log().entries() and stuck.is_running():
        time.sleep(0.001)
    if not stuck.is_running():
        stuck.result()
        violated("a transaction ended by itself")
    stuck.kill()
    equal(t.child(_committed)[0], [1, None, None], "what is there after the kill")
    equal(t.child(_committed)[1], 1, "the document that is there after the kill")
    t.child(_commit_once, timeout_s=_PATIENCE_S)
    equal(t.child(_committed)[0], [3, 3, 3], "what a later transaction committed")


def _be_stuck_in_a_transaction(t: Trial) -> None:
    """Begin a transaction and never end it."""
    backend = t.open()
    with backend.transaction():
        for i in range(_CHUNKS):
            backend.write_chunk((i,), stamped(2, _LARGE // 2))
        backend.write_metadata(document(2), 3)
        _never_return(t)


def _commit_once(t: Trial) -> None:
    """Write all chunks in a transaction."""
    backend = t.open()
    with backend.transaction():
        for i in range(_CHUNKS):
            backend.write_chunk((i,), stamped(3))
