"""Every operation of a backend, with what is right to come of it while its server fails.

They work at three places, each an array with small chunks and a large one:

* ``r`` is only read, so that whatever is read there has one right answer,
* ``w`` has chunks that are replaced, made, deleted and updated,
* ``m`` has metadata that is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from zarr_backends import ChunkNotFoundError
from zarr_backends_compliance._kernel.expect import shown
from zarr_backends_compliance._kernel.samples import payload, v3_metadata

__all__ = [
    "LARGE",
    "NEW_METADATA",
    "OLD",
    "PLACES",
    "SMALL",
    "Operation",
    "arrange",
    "chunk_at",
    "operations",
]

Act: TypeAlias = Callable[[Any], object]
"""Something that is done with a backend."""

LARGE = payload(300_000, 1)
"""A chunk whose reply can be broken in its middle."""

SMALL = payload(100, 2)
"""Chunk (1,) everywhere; nothing ever changes it."""

OLD = payload(200_000, 3)
"""What stands where chunks are replaced, deleted or updated."""

NEW = payload(250_000, 4)
"""What they are replaced by."""

NEW_METADATA = v3_metadata((8,), attributes={"version": "new", "text": "x" * 50_000})

PLACES = ("r", "w", "m")

_UPDATED = OLD + b"+"


class Operation(NamedTuple):
    """Something to do with a backend."""

    name: str
    """How it would be written."""
    needs: str
    """Capability that it belongs to, "" for one of the ten members."""
    place: str
    """Name of the place where it is done."""
    act: Act
    """Does it."""
    wrong: Callable[[Any], str]
    """Says what is wrong with what it returned, "" where that is right."""
    leaves: tuple[tuple[int, ...], tuple[bytes | None, ...]] | None = None
    """For one that changes a chunk: which, and what may stand there afterwards: what stood
    there before, and what it asked for."""


def arrange(backend: Any, place: str) -> None:
    """Put what the operations expect at a place; metadata is there."""
    backend.write_chunk((1,), SMALL)
    if place == "r":
        backend.write_chunk((0,), LARGE)
    if place == "w":
        for i in (0, 3, 4, 5, 6):
            backend.write_chunk((i,), OLD)
        backend.delete_chunk((2,))
    if place == "m":
        backend.write_metadata(v3_metadata(), 3)


def operations() -> Iterator[Operation]:
    """Yield all of them; whoever asks leaves out those of capabilities that are not there."""
    yield from _reading()
    yield from _writing()
    yield from _reading_more()
    yield from _writing_more()


def _reading() -> Iterator[Operation]:
    """Yield those members of the contract that read."""
    yield Operation("read_chunk((0,))", "", "r", lambda b: b.read_chunk((0,)), _not(LARGE))
    yield Operation("read_chunk((1,))", "", "r", lambda b: b.read_chunk((1,)), _not(SMALL))
    yield Operation("read_metadata()", "", "r", lambda b: b.read_metadata(), _not(v3_metadata()))
    yield Operation("exists()", "", "r", lambda b: b.exists(), _not(True))  # noqa: FBT003  # the answer
    yield Operation(
        "list(list_chunks())", "", "r", lambda b: sorted(b.list_chunks()), _not([(0,), (1,)])
    )


def _writing() -> Iterator[Operation]:
    """Yield those members of the contract that write."""
    yield _changing("write_chunk((0,), ...)", lambda b: b.write_chunk((0,), NEW), 0, NEW)
    yield _changing("write_chunk((2,), ...)", lambda b: b.write_chunk((2,), NEW), 2, NEW, None)
    yield _changing("delete_chunk((3,))", lambda b: b.delete_chunk((3,)), 3, None)
    yield Operation(
        "write_metadata(...)", "", "m", lambda b: b.write_metadata(NEW_METADATA, 3), _anything
    )


def _reading_more() -> Iterator[Operation]:
    """Yield those that read and belong to a capability."""
    yield Operation(
        "read_chunk_range((0,), 9, 299_999)",
        *("ranges", "r", lambda b: b.read_chunk_range((0,), 9, 299_999), _not(LARGE[9:299_999])),
    )
    yield Operation(
        "chunk_nbytes((0,))", "sizes", "r", lambda b: b.chunk_nbytes((0,)), _not(300_000)
    )
    yield Operation("open_chunk((0,))", "snapshots", "r", _read_snapshot, _not(LARGE))
    yield Operation(
        "read_chunks([(0,), (7,), (1,)])",
        *("batches", "r", lambda b: b.read_chunks([(0,), (7,), (1,)])),
        lambda seen: _unlike(list(seen), [LARGE, None, SMALL]),
    )
    yield Operation('get("c/1")', "keys", "r", lambda b: b.get("c/1"), _not(SMALL))
    yield Operation(
        "list(list_keys())",
        *("keys", "r", lambda b: sorted(b.list_keys("")), _not(["c/0", "c/1", "zarr.json"])),
    )


def _writing_more() -> Iterator[Operation]:
    """Yield those that write and belong to a capability."""
    for needs, one in (
        ("batches", _changing("write_chunks(...)", lambda b: b.write_chunks({(4,): NEW}), 4, NEW)),
        ("batches", _changing("delete_chunks(...)", lambda b: b.delete_chunks([(5,)]), 5, None)),
        ("updates", _changing("update_chunk((6,), ...)", _update, 6, _UPDATED)),
    ):
        yield one._replace(needs=needs)
    yield Operation('set("c/7", ...)', "keys", "m", lambda b: b.set("c/7", NEW), _anything)


def _changing(name: str, act: Act, i: int, new: bytes | None, old: bytes | None = OLD) -> Operation:
    """Return an operation that changes chunk ``(i,)``."""
    return Operation(name, "", "w", act, _anything, ((i,), (old, new)))


def _update(backend: Any) -> None:
    """Append to a chunk."""
    backend.update_chunk((6,), lambda old: bytes(old or b"") + b"+")


def _read_snapshot(backend: Any) -> bytes:
    """Read a chunk in two parts."""
    with backend.open_chunk((0,)) as snapshot:
        return bytes(snapshot.read(0, 9)) + bytes(snapshot.read(9, snapshot.nbytes))


def chunk_at(backend: Any, index: tuple[int, ...]) -> bytes | None:
    """Return what stands in a chunk, None for one that is not stored."""
    try:
        return bytes(backend.read_chunk(index))
    except ChunkNotFoundError:
        return None


def _not(right: Any) -> Callable[[Any], str]:
    """Return a function that says where something else than the right value was returned."""
    return lambda seen: _unlike(seen, right)


def _unlike(seen: Any, right: Any) -> str:
    """Say what is wrong with a value, "" where it is right."""
    plain = bytes(seen) if isinstance(seen, bytearray | memoryview) else seen
    if isinstance(plain, list):
        plain = [bytes(one) if isinstance(one, memoryview | bytearray) else one for one in plain]
    return "" if plain == right else f"returned {shown(plain)}, not {shown(right)}"


def _anything(_: Any) -> str:
    """Find nothing wrong: what a write returns says nothing."""
    return ""
