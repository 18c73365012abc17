"""Versions of values: what tells that a value changed without reading it.

A backend may have a method ``version(key)``, which returns something that changes whenever
the value does (an entity tag, a digest) and None for an absent key. For the core's own
backends it is found out here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from zarr_backends import Backend, KeyValueBackend, get_backend

__all__ = ["version_of"]

_FRESH_NS = 50_000_000
"""A file that was changed so shortly ago (50 ms) may change again without its times showing it:
clocks of file systems tick every few milliseconds."""


def version_of(backend: Backend) -> Callable[[str], object] | None:
    """Return the function that tells the version of a key, None where there is none."""
    own = getattr(backend, "version", None)
    if callable(own):
        return own  # type: ignore[no-any-return]  # it is called like that
    if isinstance(backend, get_backend("filesystem")):
        path = os.fspath(backend._options["path"])  # type: ignore[attr-defined]  # noqa: SLF001  # the core's class
        return lambda key: _version_of_file(os.path.join(path, key))  # noqa: PTH118  # as the key says
    if isinstance(backend, get_backend("memory")) and isinstance(backend, KeyValueBackend):
        return lambda key: _Identity(backend.get(key))
    return None


class _Identity:
    """A value that is never changed, only replaced, stands for its own version."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other._value is self._value

    __hash__ = None  # type: ignore[assignment]  # nobody puts it in a set


def _version_of_file(path: str) -> object:
    """Return what changes when a file is replaced; nothing equal while it is fresh."""
    try:
        found = os.stat(path)  # noqa: PTH116  # for every read
    except OSError:
        return None
    latest = max(found.st_mtime_ns, found.st_ctime_ns)
    if time.time_ns() < latest + _FRESH_NS:
        return object()
    return f"{found.st_dev}-{found.st_ino}-{found.st_size}-{latest}"
