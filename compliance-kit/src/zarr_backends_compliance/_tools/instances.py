"""Second instances at the place of a first one, and values that change hands.

A backend may keep its data inside the instance: then nothing is found by opening it again,
neither by `open` nor by `create`, and there is no second instance to look through.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from zarr_backends import ArrayNotFoundError, ChunkNotFoundError
from zarr_backends_compliance._kernel.children import Child
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import skip, violated

__all__ = ["another", "entered", "is_missing", "open_files", "second", "wait_for_end"]


def another(t: Trial, backend: Any, name: str = "a") -> Any:
    """Return a second instance at a place, opened after what the first one wrote has settled.

    Args:
        t: The trial.
        backend: The first instance, with its metadata written.
        name: Name of the place.

    Returns:
        The second instance; the first where every instance has its data to itself.

    Raises:
        ArrayNotFoundError: `open` finds nothing where there is something.
    """
    try:
        return t.reopened(backend, name)
    except ArrayNotFoundError:
        if t.create(name).exists() or not backend.exists():
            raise
    return backend


def second(t: Trial, backend: Any, name: str = "a") -> Any:
    """Do what `another` does; skip the check where instances have their data to themselves."""
    found = another(t, backend, name)
    if found is backend:
        skip("data that a second instance finds: each instance has its own")
    return found


def is_missing(backend: Any, index: tuple[int, ...]) -> bool:
    """Whether reading a chunk says that it is not stored."""
    try:
        backend.read_chunk(index)
    except ChunkNotFoundError:
        return True
    return False


@contextmanager
def entered(backend: Any, index: tuple[int, ...]) -> Iterator[Any]:
    """Give the snapshot that `open_chunk` gives; a function that can be expected to raise.

    Args:
        backend: A backend with snapshots.
        index: Chunk index.

    Yields:
        The snapshot.
    """
    with backend.open_chunk(index) as snapshot:
        yield snapshot


def open_files() -> int:
    """Return how many files and connections this process has open, 0 where it cannot be told."""
    gc.collect()
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0  # noqa: PTH112, PTH208  # a Path would open one


def wait_for_end(child: Child, timeout_s: float = 30.0) -> None:
    """Wait until another process has ended by itself; fail where it hangs."""
    deadline = time.monotonic() + timeout_s
    while child.is_running():
        if time.monotonic() > deadline:
            child.kill()
            violated(f"another process did not end within {timeout_s:g} s")
        time.sleep(0.005)
