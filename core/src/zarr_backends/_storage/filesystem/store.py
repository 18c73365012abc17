"""Keys as files below a folder: what `filesystem` does, in terms of the operating system.

Every method raises what the system raises (`OSError`), beside the refusals of `safe_paths`.
Methods that change something return False where others changed it meanwhile; they have then
done nothing and are called again.
"""

from __future__ import annotations

import os
import stat

from zarr_backends._storage.files.temp_files import TemporaryFile, sync_folder
from zarr_backends._storage.filesystem.locks import KeyLock, lock_kind_of
from zarr_backends._storage.filesystem.reading import FileSnapshot, read_file
from zarr_backends._storage.filesystem.safe_paths import locate
from zarr_backends._storage.filesystem.tree import remove_if_empty

__all__ = ["FileStore"]


class FileStore:
    """The files below one folder."""

    def __init__(self, base: str, *, sync: bool, lock_kind: type[KeyLock] | None = None) -> None:
        """Take a place; nothing is looked at or created.

        Args:
            base: Absolute path of the root with a separator at its end.
            sync: Wait at every change until the device holds it.
            lock_kind: Lock to use; None finds it out at the first change.
        """
        self.base = base
        self._sync = sync
        self._lock_kind = lock_kind

    def read(self, key: str) -> bytes | None:
        """Return the bytes of a file; None where there is none."""
        path, nbytes = self._find(key)
        return None if nbytes is None else read_file(path, nbytes)

    def open(self, key: str) -> FileSnapshot | None:
        """Open a file; None where there is none."""
        path, nbytes = self._find(key)
        if nbytes is None:
            return None
        try:
            return FileSnapshot(path, key)
        except FileNotFoundError:
            return None

    def size(self, key: str) -> int | None:
        """Return the size of a file in bytes; None where there is none."""
        return self._find(key)[1]

    def write(self, key: str, view: memoryview) -> bool:
        """Write or replace a file; False where one has appeared meanwhile."""
        path, _ = self._make_way(key)
        with self._temporary(path, view) as temporary, self._lock(path) as lock:
            return self._publish(lock, temporary)

    def create(self, key: str, view: memoryview) -> bool:
        """Write a file where there is none; False where there is one."""
        path, exists = self._make_way(key)
        if exists:
            return False
        with self._temporary(path, view) as temporary, self._lock(path) as lock:
            return not lock.exists and self._publish(lock, temporary)

    def delete(self, key: str) -> None:
        """Remove a file if there is one."""
        lock = self.lock(key)
        if lock is not None:
            with lock:
                self.remove(key, lock)

    def lock(self, key: str) -> KeyLock | None:
        """Keep others from changing a file, until the lock is left; None where there is none."""
        path, nbytes = self._find(key)
        if nbytes is None:
            return None
        lock = self._lock(path)
        if lock.exists:
            return lock
        with lock:
            return None

    def replace(self, key: str, lock: KeyLock, view: memoryview) -> None:  # noqa: ARG002
        """Replace the file of `key`, which is locked."""
        with self._temporary(lock.path, view) as temporary:
            self._publish(lock, temporary)

    def remove(self, key: str, lock: KeyLock) -> None:  # noqa: ARG002
        """Remove the file of `key`, which is locked, and the folders that it leaves empty."""
        lock.remove()
        folder = os.path.dirname(lock.path)
        if self._sync:
            sync_folder(folder)
        remove_if_empty(self.base, folder)

    def _find(self, key: str) -> tuple[str, int | None]:
        """Return the path of a key and its size, None where it is no file."""
        path, status = locate(self.base, key)
        if status is None or not stat.S_ISREG(status.st_mode):
            return path, None
        return path, status.st_size

    def _make_way(self, key: str) -> tuple[str, bool]:
        """Return the path of a key that may be written, and whether there is a file."""
        path, status = locate(self.base, key)
        if status is not None and not stat.S_ISREG(status.st_mode):
            os.rmdir(path)  # an empty folder that was left over stands in nobody's way
            return path, False
        return path, status is not None

    def _temporary(self, path: str, view: memoryview) -> TemporaryFile:
        """Write a value beside the place where it will be."""
        return TemporaryFile(os.path.dirname(path), view, sync=self._sync)

    def _lock(self, path: str) -> KeyLock:
        """Lock a path in a folder that exists."""
        if self._lock_kind is None:
            self._lock_kind = lock_kind_of(os.path.dirname(path))
        return self._lock_kind(path)

    def _publish(self, lock: KeyLock, temporary: TemporaryFile) -> bool:
        """Put a value in its place; False where somebody else was first."""
        if not lock.publish(temporary.path):
            return False
        temporary.keep()
        if self._sync:
            sync_folder(os.path.dirname(lock.path))
        return True
