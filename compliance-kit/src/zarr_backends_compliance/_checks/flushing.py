"""Buffered writes: what flush promises, and what holds where there is none."""

from __future__ import annotations

import os
from typing import Any

from zarr_backends import ChunkNotFoundError, ConflictError, SupportsClose
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import (
    equal,
    indices,
    is_true,
    raises,
    same_bytes,
)
from zarr_backends_compliance._kernel.samples import payload, v3_metadata
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import skip
from zarr_backends_compliance._tools.instances import second, wait_for_end

__all__: list[str] = []


def write_all(backend: Any, sizes: tuple[int, ...]) -> None:
    """Write chunks ``(i,)`` of these sizes, delete ``(7,)``, change the metadata."""
    backend.write_chunk((7,), b"deleted")
    for i, nbytes in enumerate(sizes):
        backend.write_chunk((i,), b"older")
        backend.write_chunk((i,), payload(nbytes))
    backend.delete_chunk((7,))
    backend.write_metadata(v3_metadata(attributes={"unit": "m"}), 3)


def all_is_there(backend: Any, sizes: tuple[int, ...], who: str) -> None:
    """Fail unless a backend holds what `write_all` wrote."""
    equal(indices(backend.list_chunks()), [(i,) for i in range(len(sizes))], f"chunks for {who}")
    for i, nbytes in enumerate(sizes):
        same_bytes(backend.read_chunk((i,)), payload(nbytes), f"chunk {i} for {who}")
    raises(ChunkNotFoundError, backend.read_chunk, (7,))
    equal(backend.read_metadata().get("attributes"), {"unit": "m"}, f"attributes for {who}")


def child_finds_all(t: Trial, sizes: tuple[int, ...]) -> None:
    """Look for what `write_all` wrote, in another process."""
    all_is_there(t.open(), sizes, "another process")


@check(
    "ZB-FLUSH-01",
    "flush makes every write up to now visible to other instances.",
    hint="Chunks, deletions and metadata, all that is pending, before flush returns.",
    needs=("flush",),
)
def other_instances_see_what_was_flushed(t: Trial) -> None:
    """An instance opened before the flush and one after it."""
    sizes = t.profile.value_nbytes[:4]
    backend = t.array()
    before = second(t, backend)
    write_all(backend, sizes)
    backend.flush()
    all_is_there(t.open(), sizes, "an instance opened after the flush")
    all_is_there(before, sizes, "an instance opened before the flush")
    all_is_there(backend, sizes, "the instance that flushed")


@check(
    "ZB-FLUSH-02",
    "flush makes every write up to now durable and visible to other processes.",
    hint="Nothing may stay in the memory of the process when flush returns.",
    needs=("flush", "processes"),
    timeout_s=60.0,
)
def other_processes_see_what_was_flushed(t: Trial) -> None:
    """Twice, the second time with chunks replaced and deleted."""
    backend = t.array()
    for sizes in (t.profile.value_nbytes[:4], (5, 0), (300, 2, 70_000)):
        for index in list(backend.list_chunks()):
            backend.delete_chunk(index)
        write_all(backend, sizes)
        backend.flush()
        t.child(child_finds_all, sizes)


@check(
    "ZB-FLUSH-03",
    "A flush of nothing changes nothing.",
    hint="Skip the work where nothing is pending; make no empty array or archive.",
    needs=("flush",),
)
def flushing_nothing_changes_nothing(t: Trial) -> None:
    """At a place where nothing is, and twice where something is."""
    empty = t.create("empty")
    empty.flush()
    equal(empty.flush(), None, "what flush returns")
    is_true(not t.create("empty").exists(), "an array exists after a flush of nothing")
    backend = t.array()
    write_all(backend, (10, 20))
    for _ in range(3):
        backend.flush()
        all_is_there(t.open(), (10, 20), "a new instance")


@check(
    "ZB-FLUSH-04",
    "An instance sees its own writes at once, flushed or not.",
    hint="Reads and listings have to look at what is pending before they look at the store.",
    needs=("flush",),
)
def own_writes_are_seen_before_the_flush(t: Trial) -> None:
    """Written, replaced and deleted between flushes."""
    backend = t.array()
    for n in range(4):
        write_all(backend, (10 + n, 20_000, 0))
        all_is_there(backend, (10 + n, 20_000, 0), "the instance before the flush")
        if n % 2:
            backend.flush()
        backend.write_chunk((2,), b"pending")
        same_bytes(backend.read_chunk((2,)), b"pending", "a chunk written after a flush")
        backend.delete_chunk((0,))
        raises(ChunkNotFoundError, backend.read_chunk, (0,))
        equal(indices(backend.list_chunks()), [(1,), (2,)], "chunks after a deletion")


def write_flush_and_vanish(t: Trial) -> None:
    """Write and flush, and write more, and end without any goodbye."""
    backend = t.open()
    write_all(backend, (1_000, 50))
    backend.flush()
    t.log().add("flushed")
    os._exit(0)


@check(
    "ZB-FLUSH-05",
    "What was flushed outlives its process.",
    hint="Hand the bytes to the system before flush returns; nothing runs in a killed process.",
    needs=("flush", "processes"),
    timeout_s=60.0,
)
def what_was_flushed_outlives_its_process(t: Trial) -> None:
    """The writer's process ends without closing anything."""
    t.settle(t.array())
    child = t.start(write_flush_and_vanish)
    wait_for_end(child)
    equal(t.log().entries(), [["flushed"]], "what the writer acknowledged")
    t.child(child_finds_all, (1_000, 50))
    all_is_there(t.open(), (1_000, 50), "an instance of this process")


@check(
    "ZB-FLUSH-06",
    "Without flush among its methods, a backend's writes are there for other instances at once.",
    hint="Write through, or offer flush.",
)
def unbuffered_writes_are_seen_by_other_instances(t: Trial) -> None:
    """Every kind of write, after each call, by an instance that was opened before."""
    backend = unbuffered(t)
    other = second(t, backend)
    for reader in (other, t.open()):
        backend.write_chunk((0,), b"old")
        same_bytes(reader.read_chunk((0,)), b"old", "a chunk that another instance wrote")
        backend.write_chunk((0,), b"new, and longer")
        same_bytes(reader.read_chunk((0,)), b"new, and longer", "a chunk that another replaced")
        equal(indices(reader.list_chunks()), [(0,)], "the chunks that another instance wrote")
        backend.delete_chunk((0,))
        raises(ChunkNotFoundError, reader.read_chunk, (0,))
        write_all(backend, (10, 2**20))
        all_is_there(reader, (10, 2**20), "another instance")
        for index in ((0,), (1,)):
            backend.delete_chunk(index)


def unbuffered(t: Trial) -> Any:
    """Return an instance with metadata; skip the check where writes are buffered."""
    if t.has("flush"):
        skip("writes that need no flush: this backend buffers")
    return t.array()


@check(
    "ZB-FLUSH-07",
    "Without flush among its methods, a backend's writes are there for other processes at once.",
    hint="Write through, or offer flush; look at transactions that are left open, too.",
    needs=("processes",),
    timeout_s=60.0,
)
def unbuffered_writes_are_seen_by_other_processes(t: Trial) -> None:
    """While the instance that wrote them is open, and idle."""
    backend = unbuffered(t)
    for sizes in (t.profile.value_nbytes[:4], (5, 0)):
        for index in list(backend.list_chunks()):
            backend.delete_chunk(index)
        write_all(backend, sizes)
        t.child(child_finds_all, sizes)


def write_as_another(t: Trial) -> None:
    """Write a chunk of one's own, in another process."""
    backend = t.open()
    backend.write_chunk((1,), b"theirs")
    backend.flush()


@check(
    "ZB-FLUSH-08",
    "A flush loses nothing that others have flushed: it keeps it, or is refused.",
    hint="Write what changed here over what is stored now; refuse with ConflictError at the most.",
    needs=("flush", "processes"),
    timeout_s=60.0,
)
def a_flush_keeps_what_others_flushed(t: Trial) -> None:
    """Another process flushes its chunk between a write and its flush."""
    backend = t.array()
    backend.flush()
    backend.write_chunk((0,), b"ours")
    t.child(write_as_another)
    expected = [b"ours", b"theirs"]
    try:
        backend.flush()
    except ConflictError:
        expected = [b"theirs"]
    equal(t.child(stored_values), expected, "the chunks after two processes flushed")


def stored_values(t: Trial) -> list[bytes]:
    """Return the values of all chunks in the order of their indices, in another process."""
    backend = t.open()
    values = [bytes(backend.read_chunk(index)) for index in sorted(backend.list_chunks())]
    if isinstance(backend, SupportsClose):
        backend.close()
    return values
