"""Places of arrays: empty ones, ones that a second instance reaches, and ones with odd names.

Most backends have an option that names the place of an array, so that there are as many
places as one likes. Two kinds have not: those with one place for all, and those whose every
instance has a place of its own that no other instance reaches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zarr_backends import ZarrBackendsError
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import skip

__all__ = ["empty_place", "instances", "placed", "second", "state_of"]


def empty_place(t: Trial, name: str = "empty") -> Any:
    """Return an instance at a place where nothing was ever written; skip where none is left."""
    backend = t.create(name)
    if not t.target.has_places and backend.exists():
        skip("a place that was not written to")
    return backend


def second(t: Trial, backend: Any, name: str = "a") -> Any:
    """Return another instance at the same place; skip where each instance has its own.

    Args:
        t: The trial.
        backend: The first instance, which has written metadata.
        name: Name of the place.
    """
    if _is_private(t, backend, name):
        skip("a place that a second instance can reach")
    return t.reopened(backend, name)


def instances(t: Trial, backend: Any, name: str = "a") -> list[Any]:
    """Return an instance and, where one can be had, a second one at the same place."""
    if _is_private(t, backend, name):
        return [backend]
    return [backend, t.reopened(backend, name)]


def placed(t: Trial, name: str, **members: Any) -> Any | None:
    """Return a new array at a place of an odd name; None where the name is refused."""
    try:
        return t.array(name, **members)
    except ZarrBackendsError:
        t.forget(name)
        return None


def state_of(backend: Any) -> dict[str, str]:
    """Return what an instance shows of its array, right or wrong: that is judged elsewhere."""
    calls = {
        "chunk (0,)": lambda: repr(bytes(backend.read_chunk((0,)))),
        "metadata": lambda: repr(backend.read_metadata()),
        "listing": lambda: repr(sorted(map(repr, backend.list_chunks()))),
        "exists": lambda: repr(backend.exists()),
    }
    return {name: _outcome(call) for name, call in calls.items()}


def _outcome(call: Callable[[], str]) -> str:
    """Return what a call returns, or the name of the error that it raises."""
    try:
        return call()
    except Exception as error:
        return type(error).__name__


def _is_private(t: Trial, backend: Any, name: str) -> bool:
    """Whether the backend says consistently that no other instance has this place."""
    if t.target.has_places:
        return False
    t.settle(backend)
    return bool(backend.exists()) and not t.create(name).exists()
