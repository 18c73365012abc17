"""Who may use a table, and what becomes of it when its owner has ended.

1. The owner is the process that holds the lock of the file ``owner``, as only one that runs
   can. Whoever uses a table looks from time to time whether somebody holds it.
2. Where nobody does, an heir that runs is the owner from then on. A table without one is
   removed by whoever was the first to look, and the byte in ``alive`` tells all others.
3. A table that is kept has no owner until a process needs to be it.
4. A folder that is gone, or another one than was opened, is noticed by the same look.
"""

from __future__ import annotations

import mmap
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from zarr_backends import (
    ArrayNotFoundError,
    BackendTimeoutError,
    ConfigurationError,
    PermissionDeniedError,
)
from zarr_backends_shared_memory._errors import translated
from zarr_backends_shared_memory._folders import ALIVE, erase, is_file_of, open_file, owner_runs
from zarr_backends_shared_memory._locks import WriteLock, try_lock
from zarr_backends_shared_memory._records import (
    Process,
    Record,
    process_of,
    read_record,
    write_record,
)

__all__ = ["Ownership"]

_LOOK_S = 0.1
"""Seconds after which a process looks again whether the owner of a table still runs."""


class Ownership:
    """Our own files of a table: its record, its locks, and the sign that it is there."""

    def __init__(self, path: str, owner_fd: int | None) -> None:
        """Open the files.

        Args:
            path: Folder of the table.
            owner_fd: The locked file of a table that this process owns.

        Raises:
            FileNotFoundError: The table is just being removed.
        """
        self.path = path
        self.owner_fd = owner_fd
        self.forked = False
        record = read_record(path)
        if record is None:
            raise FileNotFoundError(path)
        self.record: Record = record
        fd = open_file(path, "alive")
        try:
            self.alive: Any = mmap.mmap(fd, 1, mmap.MAP_SHARED, mmap.PROT_READ)
        finally:
            os.close(fd)
        self._writer_fd = open_file(path, "writer")
        self.write_lock = WriteLock(self._writer_fd)
        self._next_look = 0.0

    @property
    def is_mine(self) -> bool:
        """Whether this process owns the table."""
        return self.owner_fd is not None

    def is_there(self, *, at_once: bool = False) -> bool:
        """Whether the table has not been removed, nor has to be now; looks when it is time."""
        if self.alive[0] == ALIVE and (at_once or time.monotonic() >= self._next_look):
            self._look()
        return bool(self.alive[0] == ALIVE)

    def check(self) -> None:
        """Refuse a table that is gone, or private to another process.

        Raises:
            ArrayNotFoundError: It is gone.
            PermissionDeniedError: It is private.
        """
        if not self.is_there():
            raise self._gone()
        if self.record.access == "private" and self.owner_fd is None:
            self._next_look = 0.0
            raise self._refused(to="use")

    def check_changes(self) -> None:
        """Refuse changes by others than the owner, unless the table is public.

        Raises:
            PermissionDeniedError: This process may not change it.
        """
        self.check()
        if self.record.access != "public" and self.owner_fd is None:
            self._adopt()
            if self.owner_fd is None:
                raise self._refused(to="change")

    def _look(self) -> None:
        """Find out whether the owner still runs, and what becomes of the table if not.

        Raises:
            BackendError: The system does not let us look.
        """
        self._next_look = time.monotonic() + _LOOK_S
        try:
            if not self._has_owner():
                self._settle_estate()
        except FileNotFoundError:
            return  # removed just now
        except OSError as error:
            failure = translated(error, path=self.path)
            raise failure from error

    def _has_owner(self) -> bool:
        """Whether somebody owns the table, or nobody has to any more."""
        if not is_file_of(self.path, "writer", self._writer_fd):
            self.alive = b"\0"  # removed by other means than ours, which say so there
            return True
        if self.owner_fd is not None:
            return True
        if owner_runs(self.path):
            self.record = read_record(self.path) or self.record
            return True
        return False

    def _settle_estate(self) -> None:
        """Give the table of an owner that has ended to its heir, or remove it."""
        holder = object()
        if not self.write_lock.acquire(holder, 0.0):
            return  # who changes it now is somebody; the next look will be early enough
        try:
            if self.alive[0] == ALIVE and not owner_runs(self.path):
                self._inherit()
        finally:
            self.write_lock.release(holder)

    def _inherit(self) -> None:
        """Do so, with the right to change the table."""
        self.record = read_record(self.path) or self.record
        heir = self.record.heir
        if heir == "keep":
            if self.record.access == "private":
                self._take_over("keep")
            return
        if not isinstance(heir, Process) or not heir.runs:
            erase(self.path)
        elif heir.pid == os.getpid():
            self._take_over(None)

    def _adopt(self) -> None:
        """Own a table that was kept and has no owner; whoever calls may change the table."""
        if self.record.heir == "keep" and not owner_runs(self.path):
            self._take_over("keep")

    def _take_over(self, heir: str | None) -> None:
        """Become the owner."""
        fd = open_file(self.path, "owner")
        if not try_lock(fd):
            os.close(fd)
            return
        me = process_of(os.getpid()) or Process(os.getpid(), "")
        self.record = self.record._replace(owner=me, heir=heir)
        write_record(self.path, self.record)
        self.owner_fd = fd

    def _gone(self) -> ArrayNotFoundError:
        """Return the error about a table that is not there any more."""
        message = (
            f"table {self.record.name!r:.80} is gone: it was deleted, or its owner (process "
            f"{self.record.owner.pid}) has ended; heir='keep' lets a table outlive its owner"
        )
        return ArrayNotFoundError(message, backend="shared_memory")

    def _refused(self, *, to: str) -> PermissionDeniedError:
        """Return the error about a table of somebody else."""
        message = (
            f"table {self.record.name!r:.80} has access={self.record.access!r}: only its "
            f"owner, process {self.record.owner.pid}, may {to} it, and this is {os.getpid()}"
        )
        return PermissionDeniedError(message, backend="shared_memory", option="access")

    @contextmanager
    def locked(self, timeout_s: float, holder: object = None) -> Iterator[None]:
        """Hold the right to change the table."""
        self.check()
        holder = threading.get_ident() if holder is None else holder
        current = self.write_lock.holder
        if getattr(current, "thread", None) == threading.get_ident() and current is not holder:
            message = (
                "this thread has a transaction on the same table through another instance and "
                "would wait for itself; use the instance of the transaction, or end it first"
            )
            raise ConfigurationError(message, backend="shared_memory")
        if not self.write_lock.acquire(holder, timeout_s):
            message = (
                f"table {self.record.name!r:.80} is being changed by somebody else for more than "
                f"timeout_s={timeout_s:g} seconds (a transaction that does not end?)"
            )
            raise BackendTimeoutError(message, backend="shared_memory")
        try:
            self.check_changes()
            yield
        finally:
            if not self.forked:
                self.write_lock.release(holder)

    def let_go(self) -> None:
        """Give up, in a forked child, what is its parent's."""
        self.forked = True
        self.close_files()
        if self.owner_fd is not None:
            os.close(self.owner_fd)
            self.owner_fd = None

    def close_files(self) -> None:
        """Close the files, except that this process owns the table."""
        self.alive = b"\0"
        os.close(self._writer_fd)
