"""Chunks and documents that are replaced again and again, and what readers see meanwhile."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from zarr_backends import (
    ChunkNotFoundError,
    ConflictError,
    MetadataNotFoundError,
    SupportsBatches,
    SupportsRangeReads,
)
from zarr_backends_compliance._kernel.expect import equal, is_true
from zarr_backends_compliance._kernel.racing import done, paced, side_by_side, until_done
from zarr_backends_compliance._kernel.samples import v3_metadata
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import violated
from zarr_backends_compliance._tools.stamps import number_of, stamped

__all__ = [
    "SIZES",
    "document",
    "document_number",
    "keep_replacing",
    "retried",
    "watcher",
    "whole_while_replaced",
]

SIZES = (40, 81_920, 2**20)
"""Lengths of chunks, in bytes."""

_RETRIES = 50

_PAUSE_S = 0.005
"""Seconds by which the longest pause grows with each refusal, up to 20 of them."""


def keep_replacing(t: Trial, backend: Any, nbytes: int) -> int:
    """Write chunk (0,) again and again with rising numbers; return the last.

    Args:
        t: The trial.
        backend: Who writes; None opens an instance, as another process has to.
        nbytes: Length of the values; some are longer.

    Returns:
        The number of the last write.
    """
    backend = t.open() if backend is None else backend
    last = 0
    for n in paced(t):
        last = n + 1
        data = stamped(last, nbytes + last % 3 * (nbytes // 4))
        backend = until_done(t, backend, "write_chunk", (0,), data)
    return last


def whole_while_replaced(
    t: Trial, nbytes: int, reader: Any, work: Callable[[], Any], watchers: int = 3
) -> None:
    """Let somebody replace chunk (0,), which is there already, and look at it meanwhile.

    Args:
        t: The trial.
        nbytes: Length of the values.
        reader: Who looks, from several threads.
        work: Replaces the chunk and returns the number of the last write.
        watchers: Number of threads that look.
    """
    reader.write_chunk((0,), stamped(0, nbytes))
    t.settle(reader)
    last: list[int] = []
    side_by_side(t, [lambda: last.append(work())], [watcher(reader) for _ in range(watchers)])
    equal(number_of(reader.read_chunk((0,))), last[0], "the number of the last write")


def watcher(reader: Any) -> Callable[[], None]:
    """Return a function that looks once and fails on what is torn, missing or older than before."""
    latest = 0

    def look() -> None:
        nonlocal latest
        for how, value in _readings(reader):
            number = number_of(value, f"the chunk, {how} while it was replaced,")
            is_true(number >= latest, f"{how} gave write {number} after write {latest} was seen")
            latest = number

    return look


def _readings(reader: Any) -> Iterator[tuple[str, Any]]:
    """Yield what each way of reading gives for chunk (0,)."""
    try:
        yield "read", reader.read_chunk((0,))
        if isinstance(reader, SupportsRangeReads):
            yield "read as a range", reader.read_chunk_range((0,), 0)
        if isinstance(reader, SupportsBatches):
            (value,) = reader.read_chunks([(0,)])
            if value is None:
                violated("read_chunks gave None for a chunk while it was replaced")
            yield "read in a batch", value
    except ChunkNotFoundError:
        violated("the chunk was missing while it was replaced")


def document(n: int) -> dict[str, Any]:
    """Return a document of some length that says its number in several places."""
    attributes = {"n": n, "filling": f"{n}," * (n % 2000), "again": n}
    return v3_metadata((n + 1,), attributes=attributes)


def document_number(backend: Any) -> int:
    """Read the metadata, which is one of `document`, and return its number.

    Args:
        backend: Who reads.

    Returns:
        The number of the document.
    """
    try:
        found = backend.read_metadata()
    except MetadataNotFoundError:
        violated("the metadata was missing while it was replaced")
    n = found.get("attributes", {}).get("n")
    is_true(
        found == document(n or 0), f"the metadata is a mixture: parts of document {n} and others"
    )
    return int(n)


def retried(backend: Any, call: Callable[..., object], *arguments: Any) -> None:
    """Make a call again where a conflict refuses it for the moment, as callers do.

    After ever longer pauses of random length: those who were refused together would meet again.

    Raises:
        ConflictError: It was refused every time.
    """
    for attempt in range(_RETRIES):
        if done(backend, call, *arguments):
            return
        time.sleep(random.uniform(0, _PAUSE_S * min(attempt, 20)))  # noqa: S311  # no secret
    raise ConflictError(f"refused {_RETRIES} times in a row")  # noqa: TRY003, EM102
