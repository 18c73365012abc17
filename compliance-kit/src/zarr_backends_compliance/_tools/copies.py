"""Copies of an instance: by pickling, in this process and from another folder, and by `copy`."""

from __future__ import annotations

import copy
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from zarr_backends import ChunkNotFoundError, ConfigurationError
from zarr_backends_compliance._kernel.expect import same_bytes
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import skip, violated

__all__ = ["copies_of", "moved_to_another_folder", "pickled", "sees"]

_PATHS = ("path", "root", "directory")
"""Options that are paths of this machine, as the core's backends name them."""


def pickled(backend: Any) -> bytes:
    """Return an instance's pickle; fail where it cannot be pickled."""
    try:
        return pickle.dumps(backend)
    except Exception as error:
        violated(
            f"an instance cannot be pickled ({type(error).__name__}: {error!s:.200}) although "
            "other processes can reach its place"
        )


def copies_of(backend: Any) -> Iterator[tuple[str, Any]]:
    """Yield how a copy was made and the copy; ways that the backend refuses are left out."""
    ways: dict[str, Callable[[], Any]] = {
        "its pickle": lambda: pickle.loads(pickle.dumps(backend)),  # noqa: S301  # our own
        "its pickle of the oldest kind": lambda: pickle.loads(pickle.dumps(backend, 2)),  # noqa: S301
        "its deep copy": lambda: copy.deepcopy(backend),
    }
    for what, way in ways.items():
        try:
            made = way()
            made.exists()
        except (ConfigurationError, TypeError, pickle.PicklingError, NotImplementedError):
            continue
        yield what, made


def sees(backend: Any, index: tuple[int, ...], expected: bytes, what: str) -> None:
    """Fail unless an instance finds a chunk that another one wrote.

    Args:
        backend: Who looks.
        index: Chunk index.
        expected: What it has to find.
        what: Who looks, in words.
    """
    try:
        same_bytes(backend.read_chunk(index), expected, f"the chunk that {what} sees")
    except ChunkNotFoundError:
        violated(f"{what} does not see what was written: it is not at the same place")


def moved_to_another_folder(t: Trial) -> bytes:
    """Return what an instance with a relative path finds after it was pickled and moved.

    It is for a process of its own, since it changes the current folder.
    """
    options = t.options("a")
    name = next((n for n in _PATHS if Path(str(options.get(n, ""))).is_absolute()), None)
    if name is None:
        skip("an option that is a path")
    os.chdir(t.folder)
    options[name] = os.path.relpath(options[name])
    backend = t.target.backend.create(**options)
    t.settle(backend)
    data = pickled(backend)
    os.chdir(os.sep)
    return bytes(pickle.loads(data).read_chunk((0,)))  # noqa: S301  # made by the kit itself
