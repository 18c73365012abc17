"""Faults between processes: in what is pickled, forked, cached and shared."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from zarr_backends import (
    BackendTimeoutError,
    Buffer,
    ChunkIndex,
    PermissionDeniedError,
    contiguous_view,
)
from zarr_backends._storage.filesystem.backend import FilesystemBackend
from zarr_backends._storage.memory.backend import MemoryBackend
from zarr_backends_compliance._mutants.connection import Connection
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__ = [
    "CachesChunksForItsProcess",
    "CachesMetadataForItsProcess",
    "ClosesTheSharedConnection",
    "FewConnections",
    "ForgetsTheNewLayout",
    "KeepsWritesUntilClose",
    "LosesTimeoutWhenPickled",
    "PicklesAnotherPlace",
    "PicklesCachedChunks",
    "PicklesOnlyWhenFresh",
    "PicklesReadOnly",
    "PicklesRelativePath",
    "PicklesTheData",
    "RemembersAbsence",
    "RemembersListing",
    "ThreadsEndWithFork",
    "UnpicklableLock",
    "UsesTemporaryNamesTwice",
]


_LATENCY_S = 0.0005
"""Seconds that a file system on a network takes."""


@mutant("ZB-PROC-01", "What was written reaches the store when the instance is closed.")
class KeepsWritesUntilClose(Reference):
    """Serves its own process from a table of what is pending."""

    _pending: ClassVar[dict[tuple[str, str, str], bytes]] = {}

    def set(self, key: str, value: Buffer) -> None:
        """Keep large values, which are slow to write, for later."""
        self._pending.pop((self._path, self._place, key), None)
        if contiguous_view(value).nbytes > 1000:  # noqa: PLR2004  # large
            self._pending[self._path, self._place, key] = bytes(contiguous_view(value))
            super().set(key, b"")
        else:
            super().set(key, value)

    def get(self, key: str) -> Buffer | None:
        """Look at what is pending first."""
        return self._pending.get((self._path, self._place, key)) or super().get(key)

    def close(self) -> None:
        """Write what is pending."""
        for path, place, key in list(self._pending):
            if (path, place) == (self._path, self._place):
                super().set(key, self._pending.pop((path, place, key)))
        super().close()


class _Caching(Reference):
    """Keeps something for all instances of the process, and changes it with their writes."""

    _cache: ClassVar[dict[tuple[str, str, str], Any]]

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Give each class a cache of its own."""
        super().__init_subclass__(**keywords)
        cls._cache = {}

    def _at(self, key: str) -> tuple[str, str, str]:
        """Return the key of the cache for a key."""
        return self._path, self._place, key


@mutant("ZB-PROC-02", "Chunks are cached for the process; what others write is not seen.")
class CachesChunksForItsProcess(_Caching):
    """Forgets a chunk only when this process changes it."""

    def get(self, key: str) -> Buffer | None:
        """Look into the cache first."""
        found = self._cache.get(self._at(key))
        if found is None:
            found = super().get(key)
            if found is not None and key.startswith("c/"):
                self._cache[self._at(key)] = found
        return found

    def set(self, key: str, value: Buffer) -> None:
        """Write, and forget what was cached."""
        super().set(key, value)
        self._cache.pop(self._at(key), None)

    def delete(self, key: str) -> None:
        """Delete, and forget what was cached."""
        super().delete(key)
        self._cache.pop(self._at(key), None)


@mutant("ZB-PROC-02", "That a chunk is absent is remembered, also when another process writes it.")
class RemembersAbsence(_Caching):
    """Does not ask twice for what is not there."""

    def get(self, key: str) -> Buffer | None:
        """Say at once what was absent before."""
        if self._at(key) in self._cache:
            return None
        found = super().get(key)
        if found is None and key.startswith("c/"):
            self._cache[self._at(key)] = True
        return found

    def set(self, key: str, value: Buffer) -> None:
        """Write; it is not absent any more."""
        super().set(key, value)
        self._cache.pop(self._at(key), None)


@mutant("ZB-PROC-02", "The listing is remembered until this process changes something.")
class RemembersListing(_Caching):
    """Lists once."""

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Return the listing as it was."""
        listed = self._cache.setdefault(self._at(prefix), list(super().list_keys(prefix)))
        return iter(listed)

    def set(self, key: str, value: Buffer) -> None:
        """Write, and forget all listings."""
        super().set(key, value)
        self._cache.clear()

    def delete(self, key: str) -> None:
        """Delete, and forget all listings."""
        super().delete(key)
        self._cache.clear()


@mutant("ZB-PROC-03", "Metadata is read once by a process; what others write is not seen.")
class CachesMetadataForItsProcess(_Caching):
    """Believes that metadata does not change but by itself."""

    def read_metadata(self) -> dict[str, Any]:
        """Read at most once."""
        if self._at("") not in self._cache:
            self._cache[self._at("")] = super().read_metadata()
        found: dict[str, Any] = self._cache[self._at("")]
        return found

    def write_metadata(self, metadata: Any, zarr_format: Any) -> None:
        """Write, and forget what was read."""
        super().write_metadata(metadata, zarr_format)
        self._cache.pop(self._at(""), None)


@mutant("ZB-PROC-03", "How chunks are named is found out once, and not when metadata changes.")
class ForgetsTheNewLayout(Reference):
    """Reads the document anew, but goes on with the old names."""

    def read_metadata(self) -> dict[str, Any]:
        """Keep the layout that was known before."""
        layout = self._layout
        document = super().read_metadata()
        self._layout = layout or self._layout
        return document


@mutant("ZB-PROC-04", "A pickle of an array in memory carries the data: a private copy.")
class PicklesTheData(MemoryBackend):
    """Rebuilds itself with all values."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the values."""
        return _with_values, (
            type(self),
            {key: bytes(self.get(key) or b"") for key in self.list_keys()},
        )


def _with_values(cls: type[MemoryBackend], values: dict[str, bytes]) -> MemoryBackend:
    """Return a new instance that holds values."""
    backend = cls.create()
    for key, value in values.items():
        backend.set(key, value)
    return backend


@mutant("ZB-PROC-04", "A pickle carries the chunks that the instance has cached.")
class PicklesCachedChunks(Reference):
    """Keeps the value that was read last, for its checksum, say."""

    _last: Buffer | None = None

    def get(self, key: str) -> Buffer | None:
        """Remember what was read."""
        self._last = super().get(key)
        return self._last

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle it, too."""
        return _with_last, (*super().__reduce__(), self._last)


def _with_last(connect: Any, arguments: tuple[Any, ...], last: Buffer | None) -> Any:
    """Rebuild an instance with what it read last."""
    backend = connect(*arguments)
    backend._last = last  # noqa: SLF001  # its own
    return backend


@mutant("ZB-PROC-04", "A pickle forgets which array it was, and takes the default.")
class PicklesAnotherPlace(Reference):
    """Pickles the path alone."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave out what has a default."""
        return _created, (type(self), {"path": self._path})


def _created(cls: type[Reference], options: dict[str, Any]) -> Reference:
    """Rebuild an instance from options."""
    return cls.create(**options)


@mutant("ZB-PROC-05", "An instance cannot be pickled, because it holds a lock.")
class UnpicklableLock(Reference):
    """Is pickled as objects are."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Refuse, as a lock does."""
        message = "cannot pickle '_thread.RLock' object"
        raise TypeError(message)


@mutant("ZB-PROC-05", "An instance that has a connection cannot be pickled.")
class PicklesOnlyWhenFresh(Reference):
    """Pickles its state as long as there is nothing in it."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Refuse where a connection is open."""
        if self._connections:
            message = "cannot pickle 'sqlite3.Connection' object"
            raise TypeError(message)
        return super().__reduce__()


@mutant("ZB-PROC-05", "An unpickled instance can only read in another process.")
class PicklesReadOnly(Reference):
    """Takes workers for readers."""

    _maker: int = 0

    def connect(self, *, path: str, array_id: str = "a", timeout_s: float = 30.0) -> None:
        """Remember who made the instance."""
        super().connect(path=path, array_id=array_id, timeout_s=timeout_s)
        self._maker = os.getpid()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with the process that may write."""
        return _read_only, (*super().__reduce__(), self._maker)

    def set(self, key: str, value: Buffer) -> None:
        """Refuse to write in other processes than the first."""
        if self._maker != os.getpid():
            message = "this instance can only read"
            raise PermissionDeniedError(message, backend=self.backend_id, key=key)
        super().set(key, value)


def _read_only(connect: Any, arguments: tuple[Any, ...], maker: int) -> Any:
    """Rebuild an instance."""
    backend = connect(*arguments)
    backend._maker = maker  # noqa: SLF001  # its own
    return backend


@mutant("ZB-PROC-06", "The time-out is lost by pickling; the default is taken.")
class LosesTimeoutWhenPickled(Reference):
    """Pickles the place alone."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave out the time-out."""
        return _created, (type(self), {"path": self._path, "array_id": self._place})


@mutant("ZB-PROC-07", "A relative path is pickled as it was given.")
class PicklesRelativePath(Reference):
    """Finds another place, or none, where the current folder is another one."""

    def connect(self, *, path: str, array_id: str = "a", timeout_s: float = 30.0) -> None:
        """Keep the path as the user wrote it."""
        super().connect(path=path, array_id=array_id, timeout_s=timeout_s)
        self._options = {"path": path, "array_id": array_id, "timeout_s": timeout_s}


@mutant("ZB-PROC-08", "Instances share one connection, which the first close closes for all.")
class ClosesTheSharedConnection(Reference):
    """Has one connection a thread for each file."""

    _open: ClassVar[dict[tuple[str, int, int], Connection]] = {}

    def connect(self, *, path: str, array_id: str = "a", timeout_s: float = 30.0) -> None:
        """Begin without a connection."""
        super().connect(path=path, array_id=array_id, timeout_s=timeout_s)
        self._mine: dict[tuple[str, int, int], Connection] = {}

    def _connection(self) -> Connection:
        """Return the shared connection, which is kept."""
        user = self._path, os.getpid(), threading.get_ident()
        if user not in self._mine:
            if user not in self._open:
                self._open[user] = super()._connection()
            self._mine[user] = self._open[user]
        return self._mine[user]

    def close(self) -> None:
        """Close the connections, without asking who else uses them."""
        for user in list(self._mine):
            database = self._open.pop(user, None)
            if database is not None and user[1] == os.getpid():
                database.close()
        self._mine.clear()
        self._connections.clear()


@mutant("ZB-PROC-09", "A thread does the writing; a forked child has none and waits for ever.")
class ThreadsEndWithFork(Reference):
    """Hands its writes to a thread, as libraries with an event loop do."""

    _pool: ThreadPoolExecutor | None = None

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Let the thread write."""
        self._pool = self._pool or ThreadPoolExecutor(1)
        self._pool.submit(super().write_chunk, index, bytes(contiguous_view(data))).result()


@mutant("ZB-PROC-09", "Names of temporary files are counted, and a forked child counts on alike.")
class UsesTemporaryNamesTwice(FilesystemBackend):
    """Makes a random word when it connects, and numbers for each file."""

    def connect(self, *, path: str | os.PathLike[str], fsync: bool = False) -> None:
        """Begin to count."""
        super().connect(path=path, fsync=fsync)
        self._word, self._numbers = os.urandom(8).hex(), count()

    def set(self, key: str, value: Buffer) -> None:
        """Write to a file of the next name, then rename."""
        path = Path(self._options["path"]) / key
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(self._options["path"]) / f".{self._word}-{next(self._numbers)}.zb-tmp"
        temporary.write_bytes(contiguous_view(value))
        time.sleep(_LATENCY_S)
        temporary.replace(path)


@mutant("ZB-PROC-10", "Not more than sixteen instances can be connected at once.")
class FewConnections(Reference):
    """Takes one of the connections that there are, until it is closed."""

    _free: ClassVar[threading.BoundedSemaphore] = threading.BoundedSemaphore(16)
    _has_one = False

    def _connection(self) -> Connection:
        """Wait for a connection."""
        if not self._has_one and not self._free.acquire(timeout=0.5):
            message = "no connection became free"
            raise BackendTimeoutError(message, backend=self.backend_id)
        self._has_one = True
        return super()._connection()

    def close(self) -> None:
        """Give the connection back."""
        if self._has_one:
            self._has_one = False
            self._free.release()
        super().close()

    def __del__(self) -> None:
        """Give the connection back, too."""
        self.close()
