"""Probing for limits: whatever a backend raises is an answer here, not a finding."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

from zarr_backends_compliance._kernel.samples import payload, v3_metadata
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._tools.filling import fill

__all__ = ["largest", "listing_costs", "operation_costs", "stores_apart", "works_at"]


def largest(works: Callable[[int], bool], sizes: Iterable[int]) -> str:
    """Return the largest of growing sizes that works, and how the next one does not.

    Args:
        works: Tries a size.
        sizes: What to try, in order; nothing is tried after the first that does not work.
    """
    known = 0
    for size in sizes:
        try:
            if not works(size):
                return f"{known} ({size} is not read back)"
        except Exception as error:
            return f"{known} ({size}: {type(error).__name__})"
        known = size
    return f"{known} or more"


def works_at(t: Trial, name: str) -> bool:
    """Whether an array can be kept at a place of that name."""
    try:
        backend = t.array(name)
        backend.write_chunk((0,), b"x")
        return bytes(backend.read_chunk((0,))) == b"x"
    except Exception:
        t.forget(name)
        return False


def stores_apart(t: Trial, one: str, other: str) -> str:
    """Return whether what is written at one place stays out of another: yes, no, or neither."""
    if not works_at(t, one):
        return "such names are refused"
    try:
        return "no" if t.create(other).exists() else "yes"
    except Exception as error:
        return f"such names are refused ({type(error).__name__})"


def listing_costs(t: Trial, counts: Iterable[int]) -> dict[str, Any]:
    """Return the milliseconds that listings take.

    Args:
        t: The trial.
        counts: Numbers of chunks, growing.
    """
    backend, written, notes = t.array(shape=(10**6,)), 0, {}
    for n in counts:
        fill(t, backend, range(written, n))
        written, start = n, time.perf_counter()
        listing = iter(backend.list_chunks())
        next(listing, None)
        first = time.perf_counter() - start
        listed = 1 + sum(1 for _ in listing)
        last = time.perf_counter() - start
        notes[f"listing {n} chunks, ms"] = (
            f"{first * 1e3:.2f} to the first, {last * 1e3:.2f} to the last of {listed}"
        )
    return notes


def operation_costs(t: Trial, rounds: int) -> dict[str, Any]:
    """Return the median milliseconds of operations.

    Args:
        t: The trial.
        rounds: How often each is measured.
    """
    backend, data = t.array(), payload(1024)
    operations: dict[str, Callable[[], object]] = {
        "write_chunk": lambda: backend.write_chunk((0,), data),
        "read_chunk": lambda: backend.read_chunk((0,)),
        "write_metadata": lambda: backend.write_metadata(v3_metadata(), 3),
        "read_metadata": backend.read_metadata,
        "exists": backend.exists,
        "delete_chunk": lambda: backend.delete_chunk((0,)),
        "create": t.create,
    }
    return {f"{name}, ms": round(_median_ms(call, rounds), 3) for name, call in operations.items()}


def _median_ms(call: Callable[[], object], rounds: int) -> float:
    """Return the median of how long a call takes, in milliseconds."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return median(seconds) * 1e3
