"""Several changes that are made together or not at all."""

from __future__ import annotations

from typing import Any

from zarr_backends import (
    ChunkNotFoundError,
    ConfigurationError,
    MetadataNotFoundError,
    SupportsAtomicUpdate,
    SupportsBatches,
    SupportsKeys,
)
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import equal, indices, is_true, raises, same_bytes
from zarr_backends_compliance._kernel.samples import payload, v3_metadata
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.instances import another, second

__all__: list[str] = []

OLD: dict[tuple[int, ...], bytes] = {(0,): b"old 0", (1,): b"old 1", (2,): b"old 2"}
NEW: dict[tuple[int, ...], bytes] = {(0,): b"new 0, and longer", (2,): b"", (3,): b"new 3"}
"""What `change` makes of `OLD`: one is replaced, one deleted, one emptied, one is new."""


def stored(t: Trial, name: str = "a") -> Any:
    """Return a backend that holds `OLD`."""
    backend = t.array(name)
    for index, data in OLD.items():
        backend.write_chunk(index, data)
    return backend


def change(backend: Any, unit: str = "new") -> None:
    """Change chunks and metadata: to `NEW`."""
    backend.write_chunk((0,), NEW[(0,)])
    backend.delete_chunk((1,))
    backend.write_metadata(v3_metadata(attributes={"unit": unit}), 3)
    backend.write_chunk((2,), b"")
    backend.write_chunk((3,), b"new 3")


def holds(backend: Any, chunks: dict[tuple[int, ...], bytes], unit: str | None, who: str) -> None:
    """Fail unless a backend holds exactly these chunks and this attribute."""
    equal(indices(backend.list_chunks()), sorted(chunks), f"the chunks that {who} lists")
    for index in {*OLD, *NEW}:
        if index in chunks:
            same_bytes(backend.read_chunk(index), chunks[index], f"chunk {index} for {who}")
        else:
            raises(ChunkNotFoundError, backend.read_chunk, index)
    attributes = backend.read_metadata().get("attributes", {})
    equal(attributes.get("unit"), unit, f"the attribute in the metadata for {who}")


class Stop(BaseException):
    """What a program is stopped by: no `Exception`."""


def changed_and_failed(backend: Any, error: BaseException) -> BaseException | None:
    """Fail in a transaction that has changed everything; return what came out of it."""
    try:
        with backend.transaction():
            change(backend)
            raise error  # noqa: TRY301  # it has to leave the block
    except BaseException as seen:  # noqa: BLE001  # an interruption rolls back as well
        return seen
    return None


@check(
    "ZB-TXN-01",
    "Leaving a transaction commits everything that was done in it.",
    hint="Chunks, deletions and metadata are committed together, when the with block ends.",
    needs=("transactions",),
)
def leaving_a_transaction_commits(t: Trial) -> None:
    """Replaced, deleted, emptied and new chunks and the metadata, for every instance."""
    backend = stored(t)
    with backend.transaction():
        change(backend)
    holds(backend, NEW, "new", "the instance itself")
    holds(another(t, backend), NEW, "new", "a new instance")
    with backend.transaction():
        pass
    holds(backend, NEW, "new", "the instance after a transaction of nothing")


@check(
    "ZB-TXN-02",
    "An exception in a transaction rolls everything back, and is passed on.",
    hint="Roll back on BaseException, raise the very same error, return nothing from __exit__.",
    needs=("transactions",),
)
def an_exception_rolls_back(t: Trial) -> None:
    """Errors of many kinds, interruptions too; nothing is changed for anyone."""
    backend = stored(t)
    other = another(t, backend)
    for kind in (ValueError, OSError, ChunkNotFoundError, ConfigurationError, StopIteration, Stop):
        error = kind("in the transaction")
        seen = changed_and_failed(backend, error)
        is_true(seen is error, f"a {kind.__name__} in a transaction came out as {seen!r:.80}")
        holds(backend, OLD, None, f"the instance after a {kind.__name__}")
        holds(other, OLD, None, f"another instance after a {kind.__name__}")
    holds(another(t, backend), OLD, None, "a new instance")


@check(
    "ZB-TXN-03",
    "Until it commits, a transaction is seen by its own instance alone.",
    hint="Other instances need connections of their own; uncommitted rows are not theirs to read.",
    needs=("transactions",),
    timeout_s=30.0,
)
def others_see_nothing_before_the_commit(t: Trial) -> None:
    """Instances opened before and in the transaction; afterwards they see all of it."""
    backend = stored(t)
    other = second(t, backend)
    holds(other, OLD, None, "another instance")
    with backend.transaction():
        change(backend)
        holds(other, OLD, None, "another instance during the transaction")
        holds(t.open(), OLD, None, "an instance opened during the transaction")
    holds(other, NEW, "new", "another instance after the commit")


@check(
    "ZB-TXN-04",
    "A transaction sees what was done in it.",
    hint="Reads and listings of the instance have to use the connection of its transaction.",
    needs=("transactions",),
)
def a_transaction_sees_its_own_changes(t: Trial) -> None:
    """Chunks, listings and metadata, changed again and again."""
    backend = stored(t)
    with backend.transaction():
        holds(backend, OLD, None, "the transaction at its beginning")
        change(backend, "first")
        holds(backend, NEW, "first", "the transaction")
        for index, data in OLD.items():
            backend.write_chunk(index, data)
        backend.delete_chunk((3,))
        holds(backend, OLD, "first", "the transaction")
        change(backend, "last")
        holds(backend, NEW, "last", "the transaction")
    holds(backend, NEW, "last", "the instance after the commit")


@check(
    "ZB-TXN-05",
    "There is one transaction at a time: a second one on the same instance is refused.",
    hint="Raise ConfigurationError, and leave the one that is open as it is.",
    needs=("transactions",),
    timeout_s=20.0,
)
def a_second_transaction_is_refused(t: Trial) -> None:
    """By this thread and by another; the first one goes on and commits."""
    backend = stored(t)
    with backend.transaction():
        change(backend)
        raises(ConfigurationError, begin, backend)
        t.threads(1, lambda _: raises(ConfigurationError, begin, backend))
        backend.write_chunk((3,), NEW[(3,)])
    holds(backend, NEW, "new", "the instance after the commit")
    holds(another(t, backend), NEW, "new", "a new instance")


def begin(backend: Any) -> None:
    """Begin a transaction and end it."""
    with backend.transaction():
        pass


@check(
    "ZB-TXN-06",
    "After a transaction has ended, either way, the next one can begin.",
    hint="Forget the transaction whatever happened in it, a refused second one included.",
    needs=("transactions",),
    timeout_s=20.0,
)
def a_transaction_can_follow_another(t: Trial) -> None:
    """After a commit, after a rollback, after a refusal that was passed on."""
    backend = stored(t)
    for n in range(3):
        changed_and_failed(backend, ValueError("roll back"))
        with backend.transaction():
            backend.write_chunk((0,), b"%d" % n)
        raises(ConfigurationError, begin_twice, backend)
        same_bytes(backend.read_chunk((0,)), b"%d" % n, "the chunk after three transactions")
    backend.write_chunk((0,), b"without")
    changed_and_failed(backend, ValueError("roll back"))
    same_bytes(another(t, backend).read_chunk((0,)), b"without", "a chunk written without one")


def begin_twice(backend: Any) -> None:
    """Begin a transaction in a transaction, and let the refusal roll the first one back."""
    with backend.transaction():
        backend.write_chunk((0,), b"never")
        begin(backend)


@check(
    "ZB-TXN-08",
    "Batches, updates and keys belong to a transaction as everything else does.",
    hint="Every method that writes has to use the transaction's connection, and not commit.",
    needs=("transactions",),
    timeout_s=20.0,
)
def every_way_to_write_belongs_to_the_transaction(t: Trial) -> None:
    """Whatever of them the backend has, rolled back and committed."""
    backend = stored(t)
    for error in (ValueError("roll back"), None):
        try:
            with backend.transaction():
                write_in_every_way(backend)
                if error:
                    raise error
        except ValueError:
            holds(another(t, backend), OLD, None, "a new instance after the rollback")
    for index in every_way(backend):
        same_bytes(another(t, backend).read_chunk(index), b"new", f"chunk {index}")


def every_way(backend: Any) -> dict[tuple[int, ...], Any]:
    """Return the ways of writing a chunk that a backend has, by the chunk each is tried on."""
    ways: dict[tuple[int, ...], Any] = {(0,): lambda: backend.write_chunk((0,), b"new")}
    if isinstance(backend, SupportsBatches):
        ways[(4,)] = lambda: backend.write_chunks({(4,): b"new", (0,): b"new"})
    if isinstance(backend, SupportsAtomicUpdate):
        ways[(5,)] = lambda: backend.update_chunk((5,), lambda _: b"new")
    if isinstance(backend, SupportsKeys):
        ways[(6,)] = lambda: backend.set("c/6", b"new")
    return ways


def write_in_every_way(backend: Any) -> None:
    """Write and delete chunks in every way that a backend has."""
    if isinstance(backend, SupportsBatches):
        backend.delete_chunks([(1,), (2,)])
    if isinstance(backend, SupportsKeys):
        backend.delete("c/2")
    for write in every_way(backend).values():
        write()


@check(
    "ZB-TXN-09",
    "An error that is caught inside a transaction does not end it.",
    hint="Servers that spoil a transaction at the first error need a savepoint, or no such error.",
    needs=("transactions",),
)
def a_caught_error_does_not_end_a_transaction(t: Trial) -> None:
    """A missing chunk, an impossible index, and a transform that raises."""
    backend = stored(t)
    with backend.transaction():
        backend.write_chunk((0,), NEW[(0,)])
        raises(ChunkNotFoundError, backend.read_chunk, (7,))
        if isinstance(backend, SupportsAtomicUpdate):
            raises(ZeroDivisionError, backend.update_chunk, (0,), lambda _: bytes(1 // 0))
        same_bytes(backend.read_chunk((0,)), NEW[(0,)], "a chunk after an error in it")
        change(backend)
    holds(another(t, backend), NEW, "new", "a new instance after the commit")


@check(
    "ZB-TXN-11",
    "A transaction may be of any size, and is one.",
    hint="A limit of the server on one transaction must be an error, and not a commit in parts.",
    needs=("transactions",),
)
def a_transaction_may_be_large(t: Trial) -> None:
    """Many chunks and large ones, rolled back and then committed; others see none or all."""
    count = 200
    backend = t.array(shape=(count + 1,))
    values = {(i,): payload(100 + i, seed=i) for i in range(count)}
    values[(count,)] = payload(max(t.profile.value_nbytes[:4]))
    for error in (ValueError("roll back"), None):
        try:
            with backend.transaction():
                for index, data in values.items():
                    backend.write_chunk(index, data)
                if error:
                    raise error
        except ValueError:
            equal(indices(another(t, backend).list_chunks()), [], "chunks after a rollback")
    other = another(t, backend)
    equal(indices(other.list_chunks()), sorted(values), "chunks after the commit")
    same_bytes(other.read_chunk((count,)), values[(count,)], "a large chunk of a transaction")


def begun_and_failed(backend: Any, document: dict[str, Any]) -> None:
    """Write metadata and a chunk in a transaction that fails."""
    with backend.transaction():
        backend.write_metadata(document, 3)
        backend.write_chunk((0,), b"never")
        raise ZeroDivisionError


@check(
    "ZB-TXN-13",
    "A rollback takes back metadata too, with all that the instance has learnt from it.",
    hint="Forget what was parsed in the transaction: how chunks are named, for example.",
    needs=("transactions",),
)
def a_rollback_takes_metadata_back(t: Trial) -> None:
    """Of an array that begins in the transaction, and of one whose chunks are named anew."""
    new = t.create("new")
    raises(ZeroDivisionError, begun_and_failed, new, v3_metadata())
    is_true(not new.exists(), "an array that was begun in a rolled back transaction exists")
    raises(MetadataNotFoundError, new.read_metadata)
    backend = stored(t)
    encoding = {"name": "v2", "configuration": {"separator": "."}}
    renamed = v3_metadata(chunk_key_encoding=encoding)
    raises(ZeroDivisionError, begun_and_failed, backend, renamed)
    holds(backend, OLD, None, "the instance after the rollback")
