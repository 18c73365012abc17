"""One table as one process uses it: LMDB's environment, and what it takes to share it.

1. A process has one environment of a table, whatever the number of instances and threads.
2. Read transactions begin and end under `_lock`; those that last longer are counted in
   `_pins`. Only while there are none may the map be replaced, because it has grown, or the
   environment be closed, because the process forks.
3. Writers take `WriteLock` first, so that LMDB's own lock is free when they come to it.
4. Values are copied out of the map, except in a `Snapshot`, which holds its transaction.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import lmdb

from zarr_backends import BackendError, BackendTimeoutError, ZarrBackendsError
from zarr_backends_shared_memory._errors import number_of, translated
from zarr_backends_shared_memory._folders import ALIVE, erase
from zarr_backends_shared_memory._ownership import Ownership

__all__ = ["Table"]

_T = TypeVar("_T")

_PAUSE_S = 0.01
"""Seconds after which a reader tries again whether one of the places of readers is free."""

_CLEAN_S = 1.0
"""Seconds after which a writer looks again for readers that were killed."""

_MIN_MAP_NBYTES = 2**26


class Table(Ownership):
    """A table that is there, in this process."""

    def __init__(self, path: str, map_size: int | None, owner_fd: int | None) -> None:
        """Open our files of a table; LMDB is opened when it is first needed.

        Args:
            path: Its folder.
            map_size: Bytes of the map to begin with; None takes the size of the file system.
            owner_fd: The locked file of a table that this process owns.

        Raises:
            FileNotFoundError: The table is just being removed.
        """
        super().__init__(path, owner_fd)
        self.users = 0
        self.is_closed = False
        self._map_size = map_size or _size_of(path)
        self._lock = threading.RLock()
        self._unpinned = threading.Condition(self._lock)
        self._pins = 0
        self._waiting = 0
        self._env: Any = None
        self._next_cleaning = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether it is open for nobody."""
        return self.users <= 0 and self._pins == 0 and not self.is_closed

    # --- Reading --------------------------------------------------------------------

    def get(self, key: bytes, timeout_s: float) -> bytes | None:
        """Return a copy of a value; None where there is none."""
        if self.alive[0] != ALIVE or monotonic() >= self._next_look:
            self.check()
        try:
            with self._lock, self._env.begin() as transaction:
                return transaction.get(key)  # type: ignore[no-any-return]  # bytes or None
        except (AttributeError, lmdb.Error):  # not open yet, for example
            return self.read(lambda transaction: _copied(transaction.get(key)), timeout_s)

    def read(self, step: Callable[[Any], _T], timeout_s: float) -> _T:
        """Take a step in a read transaction; nothing of the map may be in what it returns."""
        self.check()
        until = monotonic() + timeout_s
        while True:
            try:
                with self._lock, self._open().begin(buffers=True) as transaction:
                    return step(transaction)
            except (lmdb.Error, OSError) as error:
                self._recover(error, until)

    def pinned(self, timeout_s: float) -> Any:
        """Return a read transaction that `unpin` ends; until then it gives views of the map."""
        if self.alive[0] != ALIVE or monotonic() >= self._next_look:
            self.check()
        until = 0.0
        while True:
            try:
                with self._lock:
                    transaction = (self._env or self._open()).begin(buffers=True)
                    self._pins += 1
                    return transaction
            except (lmdb.Error, OSError) as error:
                until = until or monotonic() + timeout_s
                self._recover(error, until)

    def unpin(self, transaction: Any) -> None:
        """End a read transaction."""
        if self.forked:
            return  # it is the parent's
        with self._lock:
            transaction.abort()
            self._pins -= 1
            if self._waiting:
                self._unpinned.notify_all()

    # --- Changing -------------------------------------------------------------------

    def write(self, step: Callable[[Any], _T], timeout_s: float, holder: object = None) -> _T:
        """Take a step in a write transaction, again where the map has to grow for it."""
        until = monotonic() + timeout_s
        with self.locked(timeout_s, holder):
            while True:
                try:
                    return self._write(step)
                except lmdb.MapFullError:
                    self._grow(until)
                except (lmdb.Error, OSError) as error:
                    self._recover(error, until)

    def _write(self, step: Callable[[Any], _T]) -> _T:
        """Take a step in a write transaction.

        Returns:
            What it returns.

        Raises:
            MapFullError: The map has to grow.
            MapResizedError: Another process has grown it.
            Exception: What any other error of LMDB means.
        """
        with self._lock:
            env = self._open()
            self._pins += 1
        try:
            if monotonic() >= self._next_cleaning:
                self._next_cleaning = monotonic() + _CLEAN_S
                env.reader_check()
            with env.begin(write=True) as transaction:
                return step(transaction)
        except (lmdb.MapFullError, lmdb.MapResizedError):
            raise
        except lmdb.Error as error:
            failure = translated(error, path=self.path)
            self._give_room_back(env)
            raise failure from error
        finally:
            with self._lock:
                self._pins -= 1
                if self._waiting:
                    self._unpinned.notify_all()

    def _give_room_back(self, env: Any) -> None:
        """Cut off what a failed commit has left behind the end of the data."""
        end = (env.info()["last_pgno"] + 1) * env.stat()["psize"]
        data = Path(self.path) / "data.mdb"
        if data.stat().st_size > end:
            os.truncate(data, end)

    def erase(self, timeout_s: float) -> None:
        """Remove the table."""
        with self.locked(timeout_s):
            erase(self.path)

    def info(self, timeout_s: float) -> dict[str, Any]:
        """Return what LMDB knows of the table."""
        entries = self.read(lambda transaction: transaction.stat()["entries"], timeout_s)
        with self._lock:
            env = self._open()
            info, psize = env.info(), env.stat()["psize"]
        return {
            "entries": entries,
            "nbytes": (info["last_pgno"] + 1) * psize,
            "map_size": info["map_size"],
            "max_readers": info["max_readers"],
        }

    # --- The map --------------------------------------------------------------------

    def _open(self) -> Any:
        """Return the environment; whoever calls holds the lock."""
        if self._env is None:
            self._env = self._opened()
        return self._env

    def _opened(self) -> Any:
        """Open the environment, with a smaller map where there is no room for its addresses."""
        if self.forked:
            raise self._gone()
        size = self._map_size
        while True:
            try:
                env = lmdb.open(
                    self.path,
                    map_size=size,
                    mode=0o600,
                    create=False,
                    sync=False,
                    metasync=False,
                    writemap=False,  # with it, a full file system would end the process
                    max_spare_txns=1,
                )
            except lmdb.Error as error:
                if "already open in this process" in str(error):
                    raise self._inherited() from error
                if not _lacks_addresses(error) or size <= _MIN_MAP_NBYTES:
                    raise
                size //= 2
            else:
                env.reader_check()
                return env

    def _inherited(self) -> BackendError:
        """Return the error about an environment that a fork has left open."""
        message = (
            f"this process was forked while a snapshot of table {self.record.name!r:.80} was open "
            "(open_chunk, transaction(read_only=True)), which cannot be undone in it; fork "
            "before, or start processes by multiprocessing's 'spawn' or 'forkserver'"
        )
        return BackendError(message, backend="shared_memory")

    def _recover(self, error: lmdb.Error | OSError, until: float) -> None:
        """Do what makes a failed step worth another try.

        Raises:
            Exception: Nothing does: what the error means in our words.
        """
        if isinstance(error, ZarrBackendsError):
            raise error
        if isinstance(error, lmdb.MapResizedError):  # by another process
            self._remap(0, until)
        elif isinstance(error, lmdb.ReadersFullError) and monotonic() < until:
            with self._lock:
                removed = self._open().reader_check()
            if not removed:
                time.sleep(_PAUSE_S)
        else:
            failure = translated(error, path=self.path)
            raise failure from error

    def _grow(self, until: float) -> None:
        """Make the map twice as large."""
        with self._lock:
            env = self._open()
            size = env.info()["map_size"]
            env.reader_check()
        self._remap(2 * size, until)

    def _remap(self, size: int, until: float) -> None:
        """Replace the map; 0 stands for the size that another process has given it.

        Raises:
            BackendTimeoutError: A snapshot of this process holds the old map.
        """
        with self._lock:
            if not self._wait_unpinned(until - monotonic()):
                message = (
                    f"the map of table {self.record.name!r:.80} has to grow, which snapshots "
                    "(open_chunk, transaction(read_only=True)) of this process prevent; end "
                    "them, or give a larger map_size from the beginning"
                )
                raise BackendTimeoutError(message, backend="shared_memory")
            self._open().set_mapsize(size)

    def _wait_unpinned(self, timeout_s: float) -> bool:
        """Wait until nothing is pinned, with the lock held; return whether it is so."""
        self._waiting += 1
        try:
            return self._unpinned.wait_for(lambda: self._pins == 0, max(0.0, timeout_s))
        finally:
            self._waiting -= 1

    # --- Forks and the end ----------------------------------------------------------

    def pause(self, timeout_s: float) -> None:
        """Close the environment for a fork and keep it so until `resume`."""
        self._lock.acquire()
        if self._wait_unpinned(timeout_s):
            self._close_env()

    def resume(self) -> None:
        """Let the parent go on."""
        self._lock.release()

    def forget(self) -> bool:
        """Give up, in a forked child, what is the parent's.

        Returns:
            Whether the environment was still open: then this process cannot open it.
        """
        self.let_go()
        return self._env is not None

    def close(self) -> None:
        """Close what this process has open, except that it owns the table."""
        with self._lock:
            self._close_env()
            self.is_closed = True
        self.close_files()

    def _close_env(self) -> None:
        """Close the environment."""
        env, self._env = self._env, None
        if env is not None:
            env.close()


def _size_of(path: str) -> int:
    """Return the size of the file system of a folder: no map need ever be larger."""
    status = os.statvfs(path)
    return max(status.f_blocks * status.f_frsize, _MIN_MAP_NBYTES)


def _lacks_addresses(error: lmdb.Error) -> bool:
    """Whether an error says that so large a map finds no place."""
    return isinstance(error, lmdb.MemoryError) or number_of(error) == errno.ENOMEM


def _copied(value: memoryview | None) -> bytes | None:
    """Return bytes of our own."""
    return None if value is None else bytes(value)
