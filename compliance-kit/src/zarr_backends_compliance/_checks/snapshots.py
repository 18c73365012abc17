"""Snapshots: one version of a chunk, readable in parts while others replace it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from zarr_backends import ChunkNotFoundError
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal, is_true, raises, same_bytes
from zarr_backends_compliance._kernel.samples import payload
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.instances import another, entered, open_files

__all__: list[str] = []


def snapshot_holds(snapshot: Any, data: bytes) -> None:
    """Read a snapshot in parts, each and in any order, and compare it with a value."""
    n = len(data)
    equal(snapshot.nbytes, n, f"nbytes of a snapshot of {n:,} bytes")
    for start, stop in ((0, n), (n, n), (0, 0), (n // 2, n), (0, n // 2), (n // 3, n // 2)):
        what = f"read({start}, {stop}) of a snapshot of {n:,} bytes"
        same_bytes(snapshot.read(start, stop), data[start:stop], what)


def touch(backend: Any, index: tuple[int, ...]) -> None:
    """Open a chunk and read a byte of it."""
    with entered(backend, index) as snapshot:
        snapshot.read(0, 1)


@check(
    "ZB-SNAP-01",
    "open_chunk gives nbytes, and read(start, stop) for 0 <= start <= stop <= nbytes.",
    hint="read returns exactly stop - start bytes; nbytes is that of the value, an int.",
    needs=("snapshots",),
)
def a_snapshot_reads_any_part(t: Trial) -> None:
    """Of chunks of every size, in any order, the same part twice."""
    backend = t.array()
    for nbytes in (*t.profile.value_nbytes[:4], 7, 4_097):
        backend.write_chunk((0,), payload(nbytes))
        with backend.open_chunk((0,)) as snapshot:
            snapshot_holds(snapshot, payload(nbytes))
            snapshot_holds(snapshot, payload(nbytes))


@check(
    "ZB-SNAP-02",
    "A snapshot stays readable, as it was, while the chunk is replaced.",
    hint="Hold what the version is stored in (a file, a version id, the bytes), not its name.",
    needs=("snapshots",),
    timeout_s=30.0,
)
def a_snapshot_outlives_being_replaced(t: Trial) -> None:
    """By this instance and by another, by shorter and longer values, before a byte was read."""
    backend = t.array()
    old = payload(50_000)
    backend.write_chunk((0,), old)
    second = another(t, backend)
    for writer in (backend, second):
        for new in (payload(50_000, seed=1), b"", payload(9, seed=2), payload(200_000, seed=3)):
            backend.write_chunk((0,), old)
            t.settle(backend)
            with backend.open_chunk((0,)) as snapshot:
                writer.write_chunk((0,), new)
                t.settle(writer)
                snapshot_holds(snapshot, old)
            same_bytes(backend.read_chunk((0,)), new, "the chunk after its snapshot was closed")


@check(
    "ZB-SNAP-03",
    "A snapshot stays readable, as it was, while the chunk is deleted.",
    hint="Hold what the version is stored in (a file, a version id, the bytes), not its name.",
    needs=("snapshots",),
    timeout_s=30.0,
)
def a_snapshot_outlives_being_deleted(t: Trial) -> None:
    """By this instance and by another; and the deletion is one."""
    backend = t.array()
    second = another(t, backend)
    for deleter in (backend, second):
        backend.write_chunk((0,), payload(50_000))
        t.settle(backend)
        with backend.open_chunk((0,)) as snapshot:
            deleter.delete_chunk((0,))
            t.settle(deleter)
            snapshot_holds(snapshot, payload(50_000))
        raises(ChunkNotFoundError, backend.read_chunk, (0,))


@check(
    "ZB-SNAP-04",
    "open_chunk of a chunk that is not stored raises ChunkNotFoundError.",
    hint="Find out when the chunk is opened, not when it is first read.",
    needs=("snapshots",),
)
def a_missing_chunk_cannot_be_opened(t: Trial) -> None:
    """A chunk that never was, and one that was deleted."""
    backend = t.array()
    backend.write_chunk((1,), b"beside")
    backend.write_chunk((2,), b"deleted")
    backend.delete_chunk((2,))
    for index in ((0,), (2,)):
        raises(ChunkNotFoundError, ExitStack().enter_context, entered(backend, index))


@check(
    "ZB-SNAP-05",
    "A snapshot is of the version that is current when it is opened.",
    hint="Nothing of an earlier snapshot may be used again, its length least of all.",
    needs=("snapshots",),
)
def a_snapshot_is_of_the_current_version(t: Trial) -> None:
    """After writes of this instance and of another, through chunks opened before."""
    backend = t.array()
    backend.write_chunk((0,), payload(100))
    second = another(t, backend)
    for seed, nbytes in enumerate((30_000, 3, 0, 100_000)):
        for writer in (backend, second):
            writer.write_chunk((0,), payload(nbytes, seed))
            t.settle(writer)
            for reader in (backend, second):
                with reader.open_chunk((0,)) as snapshot:
                    snapshot_holds(snapshot, payload(nbytes, seed))


@check(
    "ZB-SNAP-06",
    "Several snapshots may be open at once, each of its own chunk and version.",
    hint="The snapshot, not the backend, has to hold what is open.",
    needs=("snapshots",),
)
def many_snapshots_are_open_at_once(t: Trial) -> None:
    """Of many chunks, and of many versions of one."""
    backend = t.array(shape=(8,))
    with ExitStack() as stack:
        versions = []
        for i in range(6):
            backend.write_chunk((0,), payload(100 + i, seed=i))
            backend.write_chunk((i + 1,), payload(i, seed=i))
            versions.append(stack.enter_context(backend.open_chunk((0,))))
            versions.append(stack.enter_context(backend.open_chunk((i + 1,))))
        for i in range(6):
            snapshot_holds(versions[2 * i], payload(100 + i, seed=i))
            snapshot_holds(versions[2 * i + 1], payload(i, seed=i))


@check(
    "ZB-SNAP-07",
    "The context of a snapshot gives back what it holds when it ends, also after an error.",
    hint="Close the file, cursor or connection in the context's __exit__, and return None from it.",
    needs=("snapshots",),
)
def a_closed_snapshot_holds_nothing(t: Trial) -> None:
    """No file stays open, no lock taken, and an error in it is passed on."""
    backend = t.array()
    backend.write_chunk((0,), payload(100))
    touch(backend, (0,))
    before = open_files()
    kept: list[Any] = []
    for _ in range(100):
        with kept_in(kept, backend.open_chunk((0,))) as snapshot:
            snapshot.read(0, 10)
    left = open_files() - before
    is_true(
        left < len(kept) // 2,
        f"{left} files or connections are open after 100 snapshots were closed",
    )
    raises(ZeroDivisionError, divide_inside, backend)
    backend.write_chunk((0,), b"new")
    same_bytes(backend.read_chunk((0,)), b"new")


def kept_in(contexts: list[Any], context: Any) -> Any:
    """Return a context, kept so that it is not closed just because nobody has it any more."""
    contexts.append(context)
    return context


def divide_inside(backend: Any) -> None:
    """Fail inside the context of a snapshot."""
    with backend.open_chunk((0,)) as snapshot:
        snapshot.read(0, 1 // (snapshot.nbytes - snapshot.nbytes))


def replace(backend: Any, ended: list[int]) -> None:
    """Write versions of another length each, all of whose bytes are its number."""
    i = 0
    while len(ended) < _READERS:
        i += 1
        backend.write_chunk((0,), bytes([i % 5]) * (1_000 + 997 * (i % 5)))


def look(backend: Any, rounds: int, ended: list[int]) -> None:
    """Read snapshots in parts and fail where two parts are of two versions."""
    try:
        for _ in range(rounds):
            with backend.open_chunk((0,)) as snapshot:
                n = snapshot.nbytes
                first = bytes(snapshot.read(0, 1))
                equal(n, 1_000 + 997 * first[0], "nbytes of a version that begins with its number")
                same_bytes(snapshot.read(n - 900, n), first * 900, "the end of a snapshot")
                same_bytes(snapshot.read(0, n), first * n, "the whole of a snapshot")
    finally:
        ended.append(1)


_READERS = 3


@check(
    "ZB-SNAP-08",
    "All parts of a snapshot are of one version, however fast others replace the chunk.",
    hint="Length and bytes have to come from one version; fix it when the chunk is opened.",
    needs=("snapshots",),
)
def snapshots_hold_while_threads_replace_the_chunk(t: Trial) -> None:
    """One thread replaces it again and again, others read all the while."""
    backend = t.array()
    backend.write_chunk((0,), bytes(1_000))
    rounds, ended = 4 * t.profile.rounds, list[int]()
    t.threads(
        1 + _READERS,
        lambda i: look(backend, rounds, ended) if i else replace(backend, ended),
    )
