"""Transactions among threads, instances and processes that go on meanwhile."""

from __future__ import annotations

import threading
from typing import Any

from zarr_backends_compliance._checks.transactions import (
    NEW,
    OLD,
    change,
    changed_and_failed,
    stored,
)
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal, indices, is_true, same_bytes
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.instances import another, second

__all__: list[str] = []


@check(
    "ZB-TXN-07",
    "What any thread does through the instance meanwhile belongs to its transaction.",
    hint="A connection for each thread needs one for the transaction, which all of them share.",
    needs=("transactions",),
    timeout_s=30.0,
)
def threads_belong_to_the_transaction(t: Trial) -> None:
    """Threads write and read in it; rolled back all is gone, committed all is there."""
    backend = t.array(shape=(t.profile.threads,))
    changes = {(i,): b"thread %d" % i for i in range(t.profile.threads)}
    for error in (ValueError("roll back"), None):
        seen = threads_in_transaction(t, backend, error)
        is_true(seen is error, f"the transaction ended with {seen!r}, not with {error!r}")
        kept = {} if error else changes
        for reader in (backend, another(t, backend)):
            equal(indices(reader.list_chunks()), sorted(kept), "chunks written by threads in it")
        for index in kept:
            same_bytes(backend.read_chunk(index), changes[index], "a chunk written by a thread")


def threads_in_transaction(t: Trial, backend: Any, error: Exception | None) -> Exception | None:
    """Write from threads in a transaction, and end it, with an error where there is one."""
    try:
        with backend.transaction():
            t.threads(t.profile.threads, write_and_read, backend)
            if error:
                raise error
    except ValueError as seen:
        return seen
    return None


def write_and_read(i: int, backend: Any) -> None:
    """Write a chunk of this thread's own, and read it back."""
    backend.write_chunk((i,), b"thread %d" % i)
    same_bytes(backend.read_chunk((i,)), b"thread %d" % i, "a chunk just written in it")


def look(t: Trial) -> list[Any]:
    """Return what another process finds: the chunks, and the attribute."""
    backend = t.open()
    chunks = {index: bytes(backend.read_chunk(index)) for index in backend.list_chunks()}
    return [sorted(chunks.items()), backend.read_metadata().get("attributes", {}).get("unit")]


@check(
    "ZB-TXN-10",
    "Other processes see a transaction when it has committed, and nothing of it before.",
    hint="The commit has to reach the store before the with block is left.",
    needs=("transactions", "processes"),
    timeout_s=60.0,
)
def other_processes_see_commits_alone(t: Trial) -> None:
    """Before, during, after a rollback, after the commit."""
    backend = stored(t)
    old, new = [sorted(OLD.items()), None], [sorted(NEW.items()), "new"]
    with backend.transaction():
        change(backend)
        equal(t.child(look), old, "what another process finds during the transaction")
    t.settle(backend)
    equal(t.child(look), new, "what another process finds after the commit")
    changed_and_failed(backend, ValueError("roll back"))
    equal(t.child(look), new, "what another process finds after a rollback")


def write_beside(other: Any, done: threading.Event) -> None:
    """Write through another instance."""
    other.write_chunk((5,), b"beside")
    done.set()


@check(
    "ZB-TXN-12",
    "A rollback takes back what was done through its own instance, and nothing else.",
    hint="Undo by the database, not by writing copies of what was there at the beginning.",
    needs=("transactions",),
    timeout_s=60.0,
)
def a_rollback_leaves_what_others_wrote(t: Trial) -> None:
    """Another instance writes meanwhile; it may have to wait for the end."""
    backend = stored(t)
    other, done = second(t, backend), threading.Event()
    writer = threading.Thread(target=write_beside, args=(other, done), daemon=True)
    try:
        with backend.transaction():
            backend.write_chunk((0,), b"never")
            writer.start()
            done.wait(0.2)
            raise ZeroDivisionError  # noqa: TRY301  # it has to leave the block
    except ZeroDivisionError:
        is_true(done.wait(30), "another instance could not write after the rollback")
    same_bytes(other.read_chunk((5,)), b"beside", "a chunk that another instance wrote meanwhile")
    same_bytes(backend.read_chunk((0,)), b"old 0", "a chunk after the rollback")
