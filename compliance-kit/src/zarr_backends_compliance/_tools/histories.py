"""Histories of chunks: several clients do things at random and note what they saw and when."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from itertools import islice
from typing import Any, TypeAlias

from zarr_backends import ChunkNotFoundError, ConflictError, SupportsAtomicUpdate
from zarr_backends_compliance._kernel.expect import content
from zarr_backends_compliance._kernel.racing import paced
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import violated
from zarr_backends_compliance._tools.linearizability import Operation, fault_in
from zarr_backends_compliance._tools.stamps import number_of, stamped

__all__ = ["Event", "explain", "live", "live_there"]

Event: TypeAlias = tuple[int, Operation]
"""Number of a chunk, and what was done to it."""

_CHUNKS = 2
_MOST = 250
"""Operations of one client."""

_SIZES = (64, 64, 64, 20_000)
"""Lengths of values in bytes; those of equal length are chosen more often."""


def live(t: Trial, backend: Any, client: int) -> list[Event]:
    """Read, write, delete and update two chunks at random.

    Args:
        t: The trial.
        backend: Who does it.
        client: Number of the client, which its values carry.

    Returns:
        What was done, in order.
    """
    chance = random.Random(f"{t.seed}/{client}")  # noqa: S311  # not for secrecy
    kinds = ["read"] * 5 + ["write"] * 4 + ["delete"]
    kinds += ["update"] * 2 * isinstance(backend, SupportsAtomicUpdate)
    events = []
    for n in islice(paced(t), _MOST):
        chunk, kind = chance.randrange(_CHUNKS), chance.choice(kinds)
        number = 1 + client * 10_000 + n
        data = stamped(number, chance.choice(_SIZES))
        start = time.monotonic()
        try:
            value, old = _act(backend, (chunk,), kind, data)
        except ConflictError:
            continue  # refused, so nothing was done
        event = "write" if kind == "delete" else kind
        events.append((chunk, Operation(event, start, time.monotonic(), value, old)))  # type: ignore[arg-type]
    return events


def live_there(t: Trial, client: int) -> list[Event]:
    """Do so in another process."""
    return live(t, t.open(), client)


def explain(histories: Iterable[list[Event]]) -> None:
    """Fail unless what all clients saw can have happened in some order, chunk by chunk."""
    chunks: defaultdict[int, list[Operation]] = defaultdict(list)
    for events in histories:
        for chunk, operation in events:
            chunks[chunk].append(operation)
    for chunk, history in sorted(chunks.items()):
        fault = fault_in(history)
        if fault:
            violated(f"{len(history)} calls on chunk {(chunk,)} cannot have happened: {fault}")


def _act(
    backend: Any, index: tuple[int, ...], kind: str, data: bytes
) -> tuple[int | None, int | None]:
    """Do one thing; return the number that it read or wrote, and the one that it replaced."""
    if kind == "read":
        try:
            return number_of(backend.read_chunk(index)), None
        except ChunkNotFoundError:
            return None, None
    if kind == "delete":
        backend.delete_chunk(index)
        return None, None
    seen: list[int | None] = []
    if kind == "write":
        backend.write_chunk(index, data)
    else:
        backend.update_chunk(index, partial(_replace, seen, data))
    return number_of(data), seen[-1] if seen else None


def _replace(seen: list[int | None], data: bytes, old: Any) -> bytes:
    """Note the number of what an update replaces; a transform."""
    seen.append(_number(old))
    return data


def _number(old: Any) -> int | None:
    """Return the number of what an update replaces."""
    return None if old is None else number_of(content(old))
