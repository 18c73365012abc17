"""One archive as a table of values: the file, and the changes that wait beside it.

A look-up sees pending changes first and then the archive, which is read again when its
file was replaced by another process. `flush` makes both into the next archive:

1. Take the lock on the archive, so that only one process at a time gets further.
2. Where somebody else replaced the archive, read it again and compare member by member.
3. Copy what stays and what is new into a file beside it, with a directory at the end.
4. Rename that file to the archive. Until then the old archive is untouched, so a process
   that is killed leaves one of the two behind, whole.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from heapq import merge
from threading import RLock

from zarr_backends._storage.zip.changes import Changes
from zarr_backends._storage.zip.errors import zip_errors
from zarr_backends._storage.zip.flush import publish
from zarr_backends._storage.zip.locks import locked
from zarr_backends._storage.zip.members import MemberVersion
from zarr_backends._storage.zip.snapshot import Signature, Snapshot, load_snapshot, signature_of
from zarr_backends.contract import Transform, contiguous_view

__all__ = ["ZipArchive"]

_UPDATE_LOCKS = 16
"""Updates of different members wait for each other only when they share one of so many."""


class ZipArchive:
    """The members of one archive by name; all methods may be called by several threads.

    Methods raise OSError as the system does, besides the errors that they name.
    """

    durable = False
    """Whether a flush waits until the device holds the archive."""
    last_wins = False
    """Whether the last of several members of one name is taken, instead of an error."""

    def __init__(self, path: str) -> None:
        """Stand for an archive; reads and creates nothing.

        Args:
            path: Absolute path with all links resolved.
        """
        self.path = path
        self.users: dict[int, bool] = {}
        """Instances on the archive, and whether each has it open."""
        self.reset()

    def reset(self) -> None:
        """Forget everything, as a child process must that was forked in the middle."""
        self._lock = RLock()
        self._update_locks = tuple(RLock() for _ in range(_UPDATE_LOCKS))
        self._snapshot: Snapshot | None = None
        self._changes = Changes(self.path)

    @property
    def pending(self) -> list[str]:
        """Names of the members that the next flush changes."""
        return list(self._changes.by_name)

    # --- Reading --------------------------------------------------------------------

    def find(self, name: str) -> MemberVersion | None:
        """Return the current version of a member, None where there is none.

        Raises:
            CorruptStorageError: The archive cannot be used.
        """
        change = self._changes.by_name.get(name)
        if change is not None:
            reader, member = change.reader, change.member
        else:
            # A flush that ends between these two look-ups shows its result here.
            snapshot = self._current()
            reader, member = snapshot.reader, snapshot.directory.member(name)
        return None if reader is None or member is None else MemberVersion(reader, member)

    def names(self, prefix: str) -> list[str]:
        """Return the names that start with `prefix`, sorted.

        Raises:
            CorruptStorageError: The archive cannot be used.
        """
        with self._lock:
            stored: Iterable[str] = self._current().directory.names_from(prefix)
            changes = dict(self._changes.by_name)
        if not changes:
            return list(stored)
        new = (n for n, c in changes.items() if c.member is not None and n.startswith(prefix))
        return list(merge((n for n in stored if n not in changes), sorted(new)))

    def _current(self) -> Snapshot:
        """Return the archive as it is on disk now."""
        snapshot = self._snapshot
        if snapshot is not None and snapshot.signature == self._signature():
            return snapshot
        with self._lock:
            # Who waited here for a flush finds what that flush made.
            if self._snapshot is None or self._snapshot.signature != self._signature():
                self._snapshot = load_snapshot(self.path, self._snapshot, last_wins=self.last_wins)
            return self._snapshot

    def _signature(self) -> Signature | None:
        """Return what the file looks like from outside, None where there is none."""
        try:
            return signature_of(os.stat(self.path))
        except FileNotFoundError:
            return None

    def _loaded(self) -> Snapshot:
        """Return the archive as it was read last, so that later changes of others show."""
        return self._snapshot or self._current()

    # --- Changing -------------------------------------------------------------------

    def write(self, name: str, value: memoryview) -> None:
        """Replace a member.

        Raises:
            ConfigurationError: The name cannot be stored.
            CorruptStorageError: The archive cannot be used.
        """
        crc = zlib.crc32(value)
        with self._lock:
            base = self._loaded().directory.fingerprint(name)
            self._changes.write(name, value, crc, base)

    def write_new(self, name: str, value: memoryview) -> bool:
        """Write a member unless there is one; return whether it was written."""
        with self._lock:
            absent = self.find(name) is None
            if absent:
                self.write(name, value)
            return absent

    def delete(self, name: str) -> None:
        """Delete a member; one that is absent is no error.

        Raises:
            CorruptStorageError: The archive cannot be used.
        """
        with self._lock:
            base = self._loaded().directory.fingerprint(name)
            if base is None and name not in self._changes.by_name:
                base = self._current().directory.fingerprint(name)
            self._changes.delete(name, base)

    def update(self, name: str, transform: Transform) -> None:
        """Replace a member by ``transform(old)``, again where it was changed meanwhile.

        Errors of `transform` are the caller's own: only the steps around it are translated.

        Raises:
            BackendError: The archive or the member cannot be used.
        """
        with self._update_locks[hash(name) % _UPDATE_LOCKS]:
            while not self._try_update(name, transform):
                pass

    def _try_update(self, name: str, transform: Transform) -> bool:
        """Update a member unless it changes while `transform` runs."""
        with zip_errors(self.path, name):
            old = self.find(name)
            data = None if old is None else old.whole()
        value = transform(data)
        view = None if value is None else contiguous_view(value)
        with zip_errors(self.path, name), self._lock:
            now = self.find(name)
            if (old and old.identity) != (now and now.identity):
                return False
            if view is None:
                self.delete(name)
            else:
                self.write(name, view)
            return True

    # --- Flushing -------------------------------------------------------------------

    def flush(self) -> None:
        """Make the pending changes the next archive.

        Raises:
            ConflictError: Somebody else changed the same member; everything stays pending.
            CorruptStorageError: The archive cannot be used; everything stays pending.
        """
        with self._lock:
            while self._changes.by_name:
                self._try_flush()
            self._changes.remove()

    def _try_flush(self) -> None:
        """Flush unless the archive appears or goes while we look."""
        with locked(self.path) as exists:
            base = self._current()
            if exists != (base.signature is not None):
                return
            publish(self._changes, base, self.path, self._adopt, durable=self.durable)

    def _adopt(self, snapshot: Snapshot) -> None:
        """Take what has become the archive."""
        self._snapshot = snapshot
        self._changes = Changes(self.path)

    def discard(self) -> None:
        """Drop the pending changes and read the archive again."""
        with self._lock:
            self._changes.remove()
            self._changes = Changes(self.path)
            self._snapshot = None

    def release(self) -> None:
        """Close the file of the archive; it is opened again when it is needed."""
        with self._lock:
            self._snapshot = None
