"""Faults that show when a process is killed. Locks hide them from everyone who lives."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

from zarr_backends import Buffer, ConfigurationError, Transform, contiguous_view
from zarr_backends_compliance._mutants.guards import Guarded, file_lock, left_lock
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__ = [
    "AcknowledgesWhatIsQueued",
    "BatchesInSteps",
    "ChunksInSteps",
    "CommitsInSteps",
    "LeavesItsLock",
    "LeavesItsTransactionLock",
    "ListsWhatIsUnfinished",
    "MetadataInSteps",
    "NewChunksInSteps",
    "UpdatesInSteps",
]

_STEPS = 8


class _Locked(Guarded):
    """Locks out all other threads and processes, as long as it lives."""

    def _guard(self) -> AbstractContextManager[object]:
        """Return a lock between processes."""
        return file_lock(self._path)

    def _in_steps(self, key: str, value: Buffer) -> None:
        """Write a value that grows until it is whole."""
        view = contiguous_view(value)
        with self._guard():
            for step in range(1, _STEPS + 1):
                Reference.set_many(self, {key: view[: len(view) * step // _STEPS]})


@mutant("ZB-CRASH-01", "A chunk is overwritten in steps, under a lock.")
class ChunksInSteps(_Locked):
    """Relies on the lock."""

    def set(self, key: str, value: Buffer) -> None:
        """Write a chunk that is there in steps."""
        with self._guard():
            if key.startswith("c/") and self.size(key) is not None:
                self._in_steps(key, value)
            else:
                super().set(key, value)


@mutant("ZB-CRASH-02", "A new chunk is written in steps, under a lock.")
class NewChunksInSteps(_Locked):
    """Takes care only of what is there already."""

    def set(self, key: str, value: Buffer) -> None:
        """Write a chunk that is absent in steps."""
        with self._guard():
            if key.startswith("c/") and self.size(key) is None:
                self._in_steps(key, value)
            else:
                super().set(key, value)


@mutant("ZB-CRASH-02", "What a killed writer did not finish is listed.")
class ListsWhatIsUnfinished(Reference):
    """Writes under another name first, and knows that name in no listing."""

    def set(self, key: str, value: Buffer) -> None:
        """Write beside, then in place."""
        super().set(f"{key}.part", value)
        with self._writing() as database:
            place = self._place
            database.execute("DELETE FROM entries WHERE place = ? AND key = ?", (place, key))
            database.execute(
                "UPDATE entries SET key = ? WHERE place = ? AND key = ?",
                (key, place, f"{key}.part"),
            )


@mutant("ZB-CRASH-03", "Metadata is written in steps, under a lock.")
class MetadataInSteps(_Locked):
    """Relies on the lock."""

    def set(self, key: str, value: Buffer) -> None:
        """Write documents in steps."""
        if key == "zarr.json":
            self._in_steps(key, value)
        else:
            super().set(key, value)


@mutant("ZB-CRASH-04", "A write returns when it is queued; a thread writes it a little later.")
class AcknowledgesWhatIsQueued(Reference):
    """Serves its process from the queue."""

    _queued: ClassVar[dict[tuple[str, str, str], bytes]] = {}
    _queue: ClassVar[queue.SimpleQueue[Any]] = queue.SimpleQueue()
    _threads: ClassVar[list[threading.Thread]] = []

    def set(self, key: str, value: Buffer) -> None:
        """Queue a value."""
        at, data = (self._path, self._place, key), bytes(contiguous_view(value))
        self._queued[at] = data
        self._queue.put((self, at, data))
        if not any(thread.is_alive() for thread in self._threads):
            self._threads[:] = [threading.Thread(target=self._write_queued, daemon=True)]
            self._threads[0].start()

    def get(self, key: str) -> Buffer | None:
        """Look into the queue first."""
        found = self._queued.get((self._path, self._place, key))
        return super().get(key) if found is None else found

    def delete(self, key: str) -> None:
        """Delete, also from the queue."""
        self._queued.pop((self._path, self._place, key), None)
        super().delete(key)

    def _write_queued(self) -> None:
        """Write what is queued."""
        while True:
            backend, at, data = self._queue.get()
            Reference.set_many(backend, {at[2]: data})
            if self._queued.get(at) is data:
                del self._queued[at]


@mutant(
    "ZB-CRASH-05", "An update deletes the old value before it writes the new one, under a lock."
)
class UpdatesInSteps(_Locked):
    """Relies on the lock."""

    def update(self, key: str, transform: Transform) -> None:
        """Read, delete and write."""
        with self._guard():
            value = transform(self.get(key))
            self.delete(key)
            if value is not None:
                self.set(key, value)


@mutant("ZB-CRASH-06", "The lock of an update is a file, which a killed process leaves behind.")
class LeavesItsLock(Reference):
    """Asks somebody to delete it."""

    def update(self, key: str, transform: Transform) -> None:
        """Update while the file is there."""
        with left_lock(f"{self._path}-{self._place.replace('/', '~')}"):
            super().update(key, transform)


@mutant("ZB-CRASH-07", "The chunks of a batch are written in steps, under a lock.")
class BatchesInSteps(_Locked):
    """Relies on the lock."""

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Write the values of a batch in steps."""
        with self._guard():
            for key, value in values.items():
                if len(values) > 1:
                    self._in_steps(key, value)
                else:
                    super().set_many({key: value})


class _Undoing(_Locked):
    """Writes at once what a transaction does, and undoes it after an error."""

    _undo: dict[str, Buffer | None] | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the lock; undo after an error.

        Yields:
            Nothing.

        Raises:
            ConfigurationError: A transaction of this instance has not ended.
        """
        if self._undo is not None:
            message = "a transaction of this instance has not ended"
            raise ConfigurationError(message, backend=self.backend_id, option="transaction")
        with self._guard():
            self._undo = {}
            try:
                yield
            except BaseException:
                undo, self._undo = self._undo, None
                for key, value in undo.items():
                    self.delete(key) if value is None else self.set(key, value)
                raise
            finally:
                self._undo = None

    def set(self, key: str, value: Buffer) -> None:
        """Write, and keep what was there."""
        with self._guard():
            if self._undo is not None:
                self._undo.setdefault(key, self.get(key))
            super().set(key, value)

    def delete(self, key: str) -> None:
        """Delete, and keep what was there."""
        with self._guard():
            if self._undo is not None:
                self._undo.setdefault(key, self.get(key))
            super().delete(key)


@mutant("ZB-CRASH-08", "A transaction writes at once and undoes by itself, which the dead cannot.")
class CommitsInSteps(_Undoing):
    """Relies on the lock."""


@mutant("ZB-CRASH-09", "The lock of a transaction is a file, which a killed process leaves behind.")
class LeavesItsTransactionLock(Reference):
    """Asks somebody to delete it."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Work while the file is there.

        Yields:
            Nothing.

        Raises:
            ConfigurationError: A transaction of this instance has not ended.
        """
        if self._shared is not None:
            message = "a transaction of this instance has not ended"
            raise ConfigurationError(message, backend=self.backend_id, option="transaction")
        with left_lock(f"{self._path}-{self._place.replace('/', '~')}"), super().transaction():
            yield
