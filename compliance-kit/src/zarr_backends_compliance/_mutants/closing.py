"""Faults in closing and flushing."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any
from weakref import WeakSet

from zarr_backends import BackendError, Buffer, ConfigurationError
from zarr_backends._storage.zip.backend import ZipBackend
from zarr_backends_compliance._mutants.capable import Buffered
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__: list[str] = []


@mutant("ZB-CLOSE-01", "A second close of an instance that was never used raises.")
class ClosesNothing(Reference):
    """Closes a client that was never made."""

    _was_closed = False

    def close(self) -> None:
        """Fail where there is nothing to close, the second time."""
        if self._was_closed and not self._ever:
            message = "'NoneType' object has no attribute 'close'"
            raise AttributeError(message)
        self._was_closed = True
        super().close()

    _ever = False

    def _connection(self) -> Any:
        """Take note that there is one."""
        self._ever = True
        return super()._connection()


@mutant("ZB-CLOSE-02", "Listing a closed backend raises an error of Python's.")
class ForeignAfterClose(Reference):
    """Passes on what the library raises."""

    _closed = False

    def close(self) -> None:
        """Remember."""
        self._closed = True
        super().close()

    def list_chunks(self) -> Iterator[tuple[int, ...]]:
        """Refuse as the library does."""
        if self._closed:
            message = "Cannot operate on a closed database."
            raise RuntimeError(message)
        return super().list_chunks()


@mutant("ZB-CLOSE-02", "What is written after close is lost without a word.")
class LosesLateWrites(Reference):
    """Has no connection, and does not say so."""

    _closed = False

    def close(self) -> None:
        """Remember."""
        self._closed = True
        super().close()

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Write nowhere once closed."""
        if not self._closed:
            super().set_many(values)


@mutant("ZB-CLOSE-03", "A with block closes nothing.")
class LeavesOpen(Reference):
    """Forgets to close in __exit__."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        """Do nothing."""


@mutant("ZB-CLOSE-03", "A with block gives another instance.")
class EntersAnother(Reference):
    """Connects again in __enter__."""

    def __enter__(self) -> Reference:  # type: ignore[override]
        """Return a new instance."""
        return type(self).create(**self._options)


@mutant("ZB-CLOSE-04", "A with block swallows errors.")
class SwallowsInWith(Reference):
    """Returns what close returns, or so it seems."""

    def __exit__(  # type: ignore[override]
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> bool:
        """Swallow errors, interruptions excepted."""
        self.close()
        return isinstance(error, Exception)


@mutant("ZB-CLOSE-05", "close stores new values, and forgets those that replace others.")
class CloseKeepsOld(Buffered):
    """Appends, and does not compare."""

    def close(self) -> None:
        """Drop what replaces a stored chunk."""
        for key in list(self._pending):
            if key.startswith("c/") and self._pending[key] and self._stored.size(key) is not None:
                del self._pending[key]
        super().close()


@mutant("ZB-CLOSE-05", "close drops what is pending.")
class CloseDrops(Buffered):
    """Leaves flushing to the caller."""

    def close(self) -> None:
        """Forget what is pending."""
        self._pending.clear()
        self._stored.close()


@mutant("ZB-CLOSE-06", "After close what was pending stays in the memory of the process.")
class StaysInMemory(ZipBackend):
    """Hands the archive over to the next instance, and does not flush it."""

    def close(self) -> None:
        """Give up the archive without a flush."""
        self._closed = True


_instances: WeakSet[Any] = WeakSet()


@mutant("ZB-CLOSE-07", "Closing one instance closes all that are open at the same file.")
class ClosesOthers(Reference):
    """Shares a client, and closes it."""

    _dead = False

    def connect(self, *, path: str, array_id: str = "a", timeout_s: float = 30.0) -> None:
        """Join the others.

        Args:
            path: The database.
            array_id: Which array in it.
            timeout_s: Seconds to wait for other writers.
        """
        super().connect(path=path, array_id=array_id, timeout_s=timeout_s)
        _instances.add(self)

    def close(self) -> None:
        """Close the client of all instances of the array."""
        super().close()
        for other in list(_instances):
            if other is not self and other._place == self._place:  # noqa: SLF001  # of this class
                other._dead = True  # noqa: SLF001

    def get(self, key: str) -> Buffer | None:
        """Use the client.

        Returns:
            The value.

        Raises:
            BackendError: It was closed.
        """
        if self._dead:
            message = "client is closed"
            raise BackendError(message, backend=self.backend_id)
        return super().get(key)


@mutant("ZB-CLOSE-08", "A backend may be closed by the thread alone that made it.")
class ThreadBound(Reference):
    """Has the library check the thread."""

    def __init__(self) -> None:
        """Remember the thread."""
        super().__init__()
        self._thread = threading.get_ident()

    def close(self) -> None:
        """Refuse other threads.

        Raises:
            ConfigurationError: It is another thread.
        """
        if threading.get_ident() != self._thread:
            message = "SQLite objects created in a thread can only be used in that same thread"
            raise ConfigurationError(message, backend=self.backend_id)
        super().close()


_left: list[Any] = []


@mutant("ZB-CLOSE-09", "close leaves the connections of other threads open.")
class ClosesItsOwn(Reference):
    """Closes the connection of the calling thread."""

    def close(self) -> None:
        """Keep the others."""
        for user, connection in self._connections.items():
            if user[1] != threading.get_ident():
                _left.append(connection)
        self._connections = {
            user: connection
            for user, connection in self._connections.items()
            if user[1] == threading.get_ident()
        }
        super().close()
