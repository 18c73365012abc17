"""What faulty backends take for protection: locks that keep some out and not others."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import ClassVar

try:
    import fcntl
except ImportError:  # where there is no such lock, none is taken
    fcntl = None  # type: ignore[assignment]

from zarr_backends import BackendTimeoutError, Buffer
from zarr_backends_compliance._mutants.reference import Reference

__all__ = ["Guarded", "file_lock", "left_lock"]

_held = threading.local()

_WAIT_S = 2.0
"""Seconds that a lock file is waited for."""


class Guarded(Reference):
    """Reads and writes inside a guard, which a subclass chooses; right by itself."""

    _process: ClassVar[threading.RLock] = threading.RLock()

    def _guard(self) -> AbstractContextManager[object]:
        """Return the guard."""
        return nullcontext()

    def get(self, key: str) -> Buffer | None:
        """Read inside the guard."""
        with self._guard():
            return super().get(key)

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Read inside the guard."""
        with self._guard():
            return super().get_range(key, start, stop)

    def get_many(self, keys: object) -> list[Buffer | None]:
        """Read inside the guard."""
        with self._guard():
            return super().get_many(keys)  # type: ignore[arg-type]

    def size(self, key: str) -> int | None:
        """Look inside the guard."""
        with self._guard():
            return super().size(key)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """List inside the guard."""
        with self._guard():
            return iter(list(super().list_keys(prefix)))

    def set(self, key: str, value: Buffer) -> None:
        """Write inside the guard."""
        with self._guard():
            super().set(key, value)

    def delete(self, key: str) -> None:
        """Delete inside the guard."""
        with self._guard():
            super().delete(key)


@contextmanager
def file_lock(path: str) -> Iterator[None]:
    """Hold a lock between threads and processes; it ends with its process."""
    depths = _held.__dict__.setdefault("depths", {})
    if depths.get(path):
        depths[path] += 1
        try:
            yield
        finally:
            depths[path] -= 1
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        depths[path] = 1
        yield
    finally:
        depths[path] = 0
        os.close(descriptor)


@contextmanager
def left_lock(path: str) -> Iterator[None]:
    """Hold a lock that is a file; who is killed leaves it behind.

    Raises:
        BackendTimeoutError: It is there for too long.
    """
    deadline = time.monotonic() + _WAIT_S
    while True:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(f"{path}.held", os.O_CREAT | os.O_EXCL))
            break
        if time.monotonic() > deadline:
            message = f"{path} is locked"
            raise BackendTimeoutError(message)
        time.sleep(0.001)
    try:
        yield
    finally:
        Path(f"{path}.held").unlink()
