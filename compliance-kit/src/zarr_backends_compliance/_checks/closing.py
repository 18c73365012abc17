"""Closing: what was written stays, and nothing breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zarr_backends import SupportsFlush, ZarrBackendsError
from zarr_backends_compliance._kernel.check import check
from zarr_backends_compliance._kernel.expect import (
    content,
    equal,
    indices,
    is_true,
    same_bytes,
    shown,
)
from zarr_backends_compliance._kernel.samples import payload, v3_metadata
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.instances import another, open_files, second

__all__: list[str] = []


@check(
    "ZB-CLOSE-01",
    "A second call of close does nothing.",
    hint="Remember that the instance is closed, or let the library's own close be called twice.",
    needs=("close",),
)
def closing_twice_does_nothing(t: Trial) -> None:
    """Of an instance that was used, of one that was not, and after a with block."""
    used, unused = t.array("used"), t.create("unused")
    used.write_chunk((0,), b"x")
    with t.array("entered") as entered:
        entered.write_chunk((0,), b"x")
        entered.close()
    for backend in (used, unused, entered):
        backend.close()
        equal(backend.close(), None, "what close returns")
        backend.close()
    same_bytes(t.create("used").read_chunk((0,)), b"x", "a chunk after its backend was closed")


def uses(backend: Any) -> dict[str, Callable[[], Any]]:
    """Return calls of every required method, by their names."""
    return {
        "read_chunk": lambda: backend.read_chunk((0,)),
        "list_chunks": lambda: list(backend.list_chunks()),
        "read_metadata": backend.read_metadata,
        "exists": backend.exists,
        "write_chunk": lambda: backend.write_chunk((1,), b"late"),
        "delete_chunk": lambda: backend.delete_chunk((2,)),
        "write_metadata": lambda: backend.write_metadata(v3_metadata(attributes={"late": True}), 3),
    }


_EXPECTED = {"read_chunk": b"kept", "list_chunks": [(0,), (2,)], "exists": True}
"""What calls return that are made after the close, where they return."""


def works(call: Callable[[], Any], name: str) -> bool:
    """Call a closed backend; return whether it worked, fail on what is no error of ours."""
    try:
        result = call()
    except ZarrBackendsError as error:
        missing = isinstance(error, LookupError | FileNotFoundError)
        is_true(not missing, f"{name} after close says that something is missing: {error!r:.150}")
        return False
    except Exception as error:  # noqa: BLE001  # this is what must not come out
        is_true(False, f"{name} after close raised {type(error).__name__}: {error}")  # noqa: FBT003
    if name == "list_chunks":
        result = indices(result)
    if name == "read_chunk":
        result = content(result)
    expected = _EXPECTED.get(name, result)
    is_true(result == expected, f"{name} after close returned {shown(result)}")
    return True


@check(
    "ZB-CLOSE-02",
    "A backend that is used after close works, or raises an error of ours.",
    hint="Connect again, or raise BackendError; never the library's own error, never 'missing'.",
    needs=("close",),
)
def use_after_close_works_or_is_refused(t: Trial) -> None:
    """Every required method; what a write acknowledged is there."""
    backend = t.array()
    backend.write_chunk((0,), b"kept")
    backend.write_chunk((2,), b"kept")
    backend.close()
    worked = {name: works(call, name) for name, call in uses(backend).items()}
    if isinstance(backend, SupportsFlush):
        works(backend.flush, "flush")
    backend.close()
    reader = t.create()
    expected = [(0,), *[(1,)] * worked["write_chunk"], *[(2,)] * (not worked["delete_chunk"])]
    equal(indices(reader.list_chunks()), expected, "the chunks after calls that worked")
    if worked["write_chunk"]:
        same_bytes(reader.read_chunk((1,)), b"late", "a chunk that was written after close")
    attributes = reader.read_metadata().get("attributes")
    equal("late" in attributes, worked["write_metadata"], "whether late metadata is there")


@check(
    "ZB-CLOSE-03",
    "A with block gives the instance itself, and closes it at its end.",
    hint="__enter__ returns self; __exit__ does what close does.",
    needs=("close",),
)
def a_with_block_closes(t: Trial) -> None:
    """Afterwards the instance is as one that was closed by hand, and all is stored."""
    closed, before = t.array("closed"), t.array("before")
    closed.close()
    with before as entered:
        is_true(entered is before, f"the with block gave {shown(entered)}, not the instance")
        before.write_chunk((0,), b"inside")
    same_bytes(t.create("before").read_chunk((0,)), b"inside", "a chunk after the with block")
    for name in ("exists", "write_chunk"):
        after = works(uses(before)[name], name), works(uses(closed)[name], name)
        is_true(after[0] == after[1], f"{name} works after close or after with, not after both")
    reference, seen = open_files(), 0
    for _ in range(60):
        with t.create("before") as again:
            content(again.read_chunk((0,)))
    seen = open_files() - reference
    is_true(seen < 30, f"{seen} more files or connections are open after 60 with blocks")  # noqa: PLR2004


@check(
    "ZB-CLOSE-04",
    "An exception in a with block is passed on, and what was written before it is there.",
    hint="Return None or False from __exit__.",
    needs=("close",),
)
def a_with_block_passes_errors_on(t: Trial) -> None:
    """The very same error, an interruption too."""
    for name, kind in (("a", ValueError), ("b", ZarrBackendsError), ("c", KeyboardInterrupt)):
        error = kind("in the block")
        seen = raised_inside(t.array(name), error)
        is_true(seen is error, f"a {kind.__name__} in a with block came out as {seen!r:.80}")
        same_bytes(t.create(name).read_chunk((0,)), b"inside", "a chunk written before an error")


def raised_inside(backend: Any, error: BaseException) -> BaseException | None:
    """Write a chunk in a with block and fail in it; return what came out."""
    try:
        with backend:
            backend.write_chunk((0,), b"inside")
            raise error  # noqa: TRY301  # it has to leave the block
    except BaseException as seen:  # noqa: BLE001  # an interruption is passed on as well
        return seen
    return None


def found(t: Trial) -> list[Any]:
    """Return what another process finds."""
    backend = t.open()
    listed = sorted(backend.list_chunks())
    attributes = backend.read_metadata().get("attributes", {})
    return [listed, attributes, [bytes(backend.read_chunk(index)) for index in listed]]


@check(
    "ZB-CLOSE-05",
    "close flushes what is pending: everything that was written is there for a new instance.",
    hint="Send, flush or commit what is buffered before the connection is given up.",
    needs=("close",),
)
def closing_keeps_what_was_written(t: Trial) -> None:
    """Chunks of every size, replaced and deleted ones, and the metadata."""
    backend = t.array()
    for i in (*range(len(t.profile.value_nbytes[:4])), 7):
        backend.write_chunk((i,), b"older")
    second(t, backend)
    for i, nbytes in enumerate(t.profile.value_nbytes[:4]):
        backend.write_chunk((i,), payload(nbytes))
    backend.delete_chunk((7,))
    backend.write_metadata(v3_metadata(attributes={"unit": "m"}), 3)
    backend.write_chunk((6,), b"last")
    backend.close()
    reader = t.open()
    for i, nbytes in enumerate(t.profile.value_nbytes[:4]):
        same_bytes(reader.read_chunk((i,)), payload(nbytes), f"chunk {i} after close")
    equal(indices(reader.list_chunks()), [(0,), (1,), (2,), (3,), (6,)], "the chunks after close")
    equal(reader.read_metadata()["attributes"], {"unit": "m"}, "the attributes after close")


@check(
    "ZB-CLOSE-06",
    "What was written is there for another process once its backend is closed.",
    hint="Look at what close leaves in the memory of the process.",
    needs=("close", "processes"),
    timeout_s=60.0,
)
def another_process_finds_what_was_closed(t: Trial) -> None:
    """Closed by hand, and by a with block."""
    with t.array() as backend:
        backend.write_chunk((0,), b"first")
    expected = [[(0,)], {}, [b"first"]]
    equal(t.child(found), expected, "what another process finds after a with block")
    backend = t.open()
    backend.write_chunk((1,), b"second")
    backend.delete_chunk((0,))
    backend.close()
    equal(t.child(found), [[(1,)], {}, [b"second"]], "what another process finds after close")


@check(
    "ZB-CLOSE-07",
    "Closing one instance leaves all others as they are.",
    hint="Close a pool, client or file that instances share when the last of them is closed.",
    needs=("close",),
)
def closing_leaves_other_instances_alone(t: Trial) -> None:
    """At the same place and at others; in use before and after, open listings too."""
    backend, beside = t.array(), t.array("beside")
    backend.write_chunk((0,), b"x")
    beside.write_chunk((0,), b"y")
    other = another(t, backend)
    same_bytes(other.read_chunk((0,)), b"x", "a chunk for another instance")
    closed = t.create()
    closed.exists()
    for instance in (closed, backend) if other is not backend else (closed,):
        instance.close()
        same_bytes(other.read_chunk((0,)), b"x", "a chunk after another instance was closed")
        same_bytes(beside.read_chunk((0,)), b"y", "a chunk at another place after a close")
        other.write_chunk((1,), b"new")
        beside.write_chunk((1,), b"new")
        equal(indices(other.list_chunks()), [(0,), (1,)], "chunks after another was closed")
    t.settle(other)
    same_bytes(t.create().read_chunk((1,)), b"new", "a chunk written after another was closed")


@check(
    "ZB-CLOSE-08",
    "A backend may be closed by another thread than those that used it.",
    hint="Handles that belong to one thread are given back by that thread, or by nobody's.",
    needs=("close",),
)
def any_thread_may_close(t: Trial) -> None:
    """Used by several threads, closed by one more, closed by several at once."""
    backend = t.array(shape=(t.profile.threads,))
    t.threads(t.profile.threads, lambda i: backend.write_chunk((i,), b"%d" % i))
    t.threads(1, lambda _: backend.close())
    t.threads(3, lambda _: backend.close())
    reader = t.create()
    for i in range(t.profile.threads):
        same_bytes(reader.read_chunk((i,)), b"%d" % i, "a chunk after another thread closed")


@check(
    "ZB-CLOSE-09",
    "close gives back the resources of an instance.",
    hint="Close every connection and file, those of other threads too; stop threads of your own.",
    needs=("close",),
)
def closing_gives_everything_back(t: Trial) -> None:
    """Files and connections, after many instances were used and closed."""
    t.settle(t.array())
    use_and_close(t, 3)
    before = open_files()
    kept = use_and_close(t, 40)
    left = open_files() - before
    is_true(left < len(kept) // 2, f"{left} files or connections are open, {len(kept)} were closed")


def use_and_close(t: Trial, count: int) -> list[Any]:
    """Use and close new instances; return them, so that they are not just garbage."""
    instances = []
    for _ in range(count):
        backend = t.create()
        backend.write_chunk((0,), b"x")
        t.threads(2, lambda _: content(backend.read_chunk((0,))))  # noqa: B023  # they end here
        backend.close()
        instances.append(backend)
    return instances
