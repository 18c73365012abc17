"""Faults in read-modify-write, creation, batches and transactions of several at once."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

from zarr_backends import (
    BackendTimeoutError,
    Buffer,
    ConfigurationError,
    Transform,
    contiguous_view,
)
from zarr_backends._storage.memory.backend import MemoryBackend
from zarr_backends_compliance._mutants.guards import Guarded, file_lock
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__ = [
    "BuffersTransactions",
    "CachesWhatWasOvertaken",
    "CommitsOneByOne",
    "CountsAgainWhenOvertaken",
    "LocksBatchesChunkByChunk",
    "LooksBeforeItMakes",
    "LooksBeforeItSets",
    "LooksUnderTheLockOfItsProcess",
    "RetriesWithTheOldValue",
    "UpdatesIgnoreOtherProcesses",
    "UpdatesIgnoreWrites",
    "UpdatesUnderItsLock",
    "UpdatesUnderTheLockOfItsProcess",
    "UpdatesWithoutLock",
]

_LATENCY_S = 0.002
"""Seconds that an answer of a store on a network takes."""


@mutant("ZB-CONC-10", "An update reads, changes and writes without a lock.")
class UpdatesWithoutLock(Reference):
    """Hopes for the best."""

    def update(self, key: str, transform: Transform) -> None:
        """Read, change and write."""
        value = transform(self.get(key))
        if value is None:
            self.delete(key)
        else:
            self.set(key, value)


@mutant("ZB-CONC-10", "An update that was done is done again where another one came after it.")
class CountsAgainWhenOvertaken(Reference):
    """Reads back what it wrote, and takes something newer for a failure."""

    def update(self, key: str, transform: Transform) -> None:
        """Update until the value is there."""
        written: list[Buffer | None] = [None]

        def noting(old: Buffer | None) -> Buffer | None:
            written[0] = transform(old)
            return written[0]

        for _ in range(3):
            super().update(key, noting)
            time.sleep(_LATENCY_S)
            if self.get(key) == written[0]:
                return


@mutant("ZB-CONC-10", "An update that was overtaken writes what it had worked out before.")
class RetriesWithTheOldValue(Reference):
    """Compares and swaps, with what is there now for what was there."""

    def update(self, key: str, transform: Transform) -> None:
        """Work out a value, and try until it is written."""
        expected = self.get(key)
        value = transform(expected)
        while True:
            with self._writing():
                found = self.get(key)
                if found == expected:
                    self.delete(key) if value is None else self.set(key, value)
                    return
            expected = found


class _Updating(Guarded):
    """Updates inside its guard, without a transaction of the database."""

    def update(self, key: str, transform: Transform) -> None:
        """Read, change and write inside the guard."""
        with self._guard():
            value = transform(self.get(key))
            if value is None:
                self.delete(key)
            else:
                self.set(key, value)


@mutant("ZB-CONC-11", "An update holds a lock of the instance.")
class UpdatesUnderItsLock(_Updating):
    """Forgets that there are other instances."""

    def _guard(self) -> AbstractContextManager[object]:
        """Return the lock of the instance."""
        return self._lock


@mutant("ZB-CONC-12", "An update holds a lock of the process.")
class UpdatesUnderTheLockOfItsProcess(_Updating):
    """Forgets that there are other processes."""

    def _guard(self) -> AbstractContextManager[object]:
        """Return the lock of the process."""
        return self._process


@mutant("ZB-CONC-13", "Updates have a lock among themselves, which plain writes do not take.")
class UpdatesIgnoreWrites(Reference):
    """Locks out other updates alone."""

    def update(self, key: str, transform: Transform) -> None:
        """Read, change and write under a lock between processes."""
        with file_lock(self._path):
            UpdatesWithoutLock.update(self, key, transform)  # type: ignore[arg-type]


@mutant("ZB-CONC-14", "Plain writes take the lock of updates in their own process only.")
class UpdatesIgnoreOtherProcesses(Guarded):
    """Locks out updates of all, and writes of its own process."""

    def _guard(self) -> AbstractContextManager[object]:
        """Return the lock of the process."""
        return self._process

    def update(self, key: str, transform: Transform) -> None:
        """Read, change and write under both locks."""
        with file_lock(self._path), self._process:
            UpdatesWithoutLock.update(self, key, transform)  # type: ignore[arg-type]


@mutant("ZB-CONC-15", "Connecting makes a folder unless it is there, and fails if it is by then.")
class LooksBeforeItMakes(Reference):
    """Looks whether the folder is there, connects, and makes it."""

    def connect(self, *, path: str, array_id: str = "a", timeout_s: float = 30.0) -> None:
        """Make a folder for what belongs to the array."""
        super().connect(path=path, array_id=array_id, timeout_s=timeout_s)
        folder = Path(f"{self._path}-places") / array_id
        if not folder.is_dir():
            self.size("zarr.json")
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir()


@mutant("ZB-CONC-16", "set_if_absent looks first and then writes.")
class LooksBeforeItSets(Reference):
    """Takes a key that was absent for one that is."""

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Look, then write."""
        if self.size(key) is not None:
            return False
        time.sleep(_LATENCY_S / 10)
        self.set(key, value)
        return True


@mutant("ZB-CONC-16", "set_if_absent looks and writes under a lock of the process.")
class LooksUnderTheLockOfItsProcess(LooksBeforeItSets):
    """Forgets that there are other processes."""

    _one: ClassVar[Any] = threading.RLock()

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Look and write under the lock."""
        with self._one:
            return super().set_if_absent(key, value)


@mutant("ZB-CONC-17", "A slow reader fills the cache with what a writer has just replaced.")
class CachesWhatWasOvertaken(MemoryBackend):
    """Forgets what is cached before it writes, not after."""

    _cache: ClassVar[dict[Any, Buffer | None]] = {}

    def get(self, key: str) -> Buffer | None:
        """Look into the cache, or fill it."""
        where = self._place, key
        if where not in self._cache:
            found = super().get(key)
            time.sleep(_LATENCY_S / 10)
            self._cache[where] = found
        return self._cache.get(where)

    def set(self, key: str, value: Buffer) -> None:
        """Forget, then write."""
        self._cache.pop((self._place, key), None)
        super().set(key, value)

    def delete(self, key: str) -> None:
        """Forget, then delete."""
        self._cache.pop((self._place, key), None)
        super().delete(key)

    def update(self, key: str, transform: Transform) -> None:
        """Forget before and after."""
        self._cache.pop((self._place, key), None)
        super().update(key, transform)
        self._cache.pop((self._place, key), None)


@mutant("ZB-CONC-19", "A batch locks its chunks one by one, in the order in which they are given.")
class LocksBatchesChunkByChunk(Reference):
    """Waits for the next lock while it holds the others."""

    _locks: ClassVar[defaultdict[tuple[str, str], Any]] = defaultdict(threading.RLock)

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Lock every key, then write."""
        with ExitStack() as held:
            for key in values:
                lock = self._locks[self._place, key]
                if not lock.acquire(timeout=1):
                    message = "a chunk is locked"
                    raise BackendTimeoutError(message, backend=self.backend_id, key=key)
                held.callback(lock.release)
                time.sleep(_LATENCY_S / 20)
            super().set_many(values)


class _Buffering(Reference):
    """Keeps what a transaction does, and does it in the end."""

    _pending: dict[str, bytes | None] | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write what was done at the end.

        Yields:
            Nothing.

        Raises:
            ConfigurationError: A transaction of this instance has not ended.
        """
        if self._pending is not None:
            message = "a transaction of this instance has not ended"
            raise ConfigurationError(message, backend=self.backend_id, option="transaction")
        self._pending = {}
        try:
            yield
            pending, self._pending = self._pending, None
            self._commit(pending)
        finally:
            self._pending = None

    def _commit(self, pending: dict[str, bytes | None]) -> None:
        """Write everything in one step."""
        with self._writing():
            self._apply(pending)

    def _apply(self, pending: dict[str, bytes | None]) -> None:
        """Write one after the other."""
        for key, value in pending.items():
            time.sleep(_LATENCY_S / 10)
            if value is None:
                super().delete_many([key])
            else:
                super().set_many({key: value})

    def get(self, key: str) -> Buffer | None:
        """Look at what is pending first."""
        if self._pending is not None and key in self._pending:
            return self._pending[key]
        return super().get(key)

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Keep the values, or write them."""
        if self._pending is None:
            super().set_many(values)
        else:
            self._pending.update({k: bytes(contiguous_view(v)) for k, v in values.items()})

    def delete_many(self, keys: Sequence[str]) -> None:
        """Keep the deletions, or do them."""
        if self._pending is None:
            super().delete_many(keys)
        else:
            self._pending.update(dict.fromkeys(keys))


@mutant("ZB-CONC-20", "A transaction commits one write after the other.")
class CommitsOneByOne(_Buffering):
    """Has no transaction of its own."""

    def _commit(self, pending: dict[str, bytes | None]) -> None:
        """Write one after the other."""
        self._apply(pending)


@mutant("ZB-CONC-21", "An update in a transaction locks nothing: it reads, and writes at the end.")
class BuffersTransactions(_Buffering):
    """Commits in one step what it worked out long before."""
