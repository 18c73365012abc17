"""The backend ``filesystem``: an array, or a whole hierarchy, as files below one folder.

Keys are paths, so what is stored is a plain Zarr directory. Every write goes to a temporary
file that then takes the key's name in one step: a reader sees the old value or the new one,
whole, whatever happens to the writer. Changes of one key are made one after the other, also
between processes (see `inode_locks`), so that no update is lost.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

from zarr_backends._storage.files.os_errors import translated
from zarr_backends._storage.filesystem.locks import KeyLock
from zarr_backends._storage.filesystem.reading import CAN_REFUSE_LINKS, FileGroup
from zarr_backends._storage.filesystem.store import FileStore
from zarr_backends._storage.filesystem.tree import list_files, list_names, remove_empty_folders
from zarr_backends._storage.filesystem.urls import absolute_folder, path_from_url
from zarr_backends._storage.keyvalue.backend import KeyValueBackend
from zarr_backends.contract import Buffer, Snapshot, Transform, contiguous_view
from zarr_backends.errors import ConfigurationError

__all__ = ["FilesystemBackend"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

_TRIES = 20
"""Times that a step is tried which others keep disturbing."""

_DISTURBED = frozenset({errno.ENOENT, errno.ESTALE})
"""Another process removed the folder, or the server the file, in the middle of a step.
A step that finds a key absent returns that and does not raise."""


class FilesystemBackend(KeyValueBackend):
    """Keeps values in files below a folder."""

    backend_id: ClassVar[str] = "filesystem"

    _lock_kind: ClassVar[type[KeyLock] | None] = None
    """Lock to use; None finds out at the first write what the file system can do."""

    _files: FileStore

    def connect(self, *, path: str | os.PathLike[str], fsync: bool = False) -> None:
        """Take the place; nothing is created before the first write.

        Args:
            path: Folder of the array. It is made absolute now; it need not exist.
            fsync: Wait at every write until the device holds it. Without it a crash of the
                machine (not of the program) can lose the writes of the last seconds.

        Raises:
            ConfigurationError: `path` is no path, or something else than a folder.
        """
        if not isinstance(fsync, bool):
            message = f"fsync must be True or False, not {fsync!r:.80}"
            raise ConfigurationError(message, backend=self.backend_id, option="fsync")
        root = absolute_folder(path, backend=self.backend_id)
        # What a worker process is given: its current folder may be another one.
        self._options = {"path": root, "fsync": fsync}
        self._files = FileStore(os.path.join(root, ""), sync=fsync, lock_kind=self._lock_kind)

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Return the path in a url such as ``file:///data/run%201.zarr``.

        Raises:
            ConfigurationError: The url names another machine, or has a query or fragment.
        """
        return {"path": path_from_url(url, backend=cls.backend_id)}

    # --- Reading --------------------------------------------------------------------

    def get(self, key: str) -> Buffer | None:
        """Return the bytes of a file; None where there is none (a folder is none)."""
        return self._attempt(self._files.read, key)

    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return several values, looking at the folders that they share only once."""
        if not CAN_REFUSE_LINKS:
            return super().get_many(keys)
        group = FileGroup(self._files.base)
        return [self._get_of(group, key) for key in keys]

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return ``value[start:stop]``, cut as a slice would be, reading no more than that."""
        snapshot = self._attempt(self._files.open, key)
        if snapshot is None:
            return None
        with snapshot:
            first, last, _ = slice(start, stop).indices(snapshot.nbytes)
            return snapshot.read(first, max(first, last))

    def open_value(self, key: str) -> AbstractContextManager[Snapshot] | None:
        """Return a context with the file, open; None where there is none."""
        return self._attempt(self._files.open, key)

    def size(self, key: str) -> int | None:
        """Return the number of bytes of a file; None where there is none."""
        return self._attempt(self._files.size, key)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield every key that starts with `prefix` once, reading only folders that matter.

        Raises:
            ZarrBackendsError: A folder cannot be read.
        """
        try:
            yield from list_files(self._files.base, prefix)
        except OSError as error:
            failure = translated(error, backend=self.backend_id, key=prefix)
            raise failure from error

    def list_dir(self, prefix: str = "") -> Iterator[str]:
        """Yield the names just below `prefix`; a folder counts even if it is empty.

        Raises:
            ZarrBackendsError: The folder cannot be read.
        """
        try:
            yield from list_names(self._files.base, prefix)
        except OSError as error:
            failure = translated(error, backend=self.backend_id, key=prefix)
            raise failure from error

    # --- Changing -------------------------------------------------------------------

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value atomically."""
        view = contiguous_view(value)
        while not self._attempt(self._files.write, key, view):
            pass

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists; return whether it was set."""
        return self._attempt(self._files.create, key, contiguous_view(value))

    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)``; no change that others make is lost."""
        while not self._try_update(key, transform):
            pass

    def delete(self, key: str) -> None:
        """Remove a file, and the folders that it leaves empty."""
        self._attempt(self._files.delete, key)

    def delete_prefix(self, prefix: str = "") -> None:
        """Remove every file whose key starts with `prefix`, and empty folders."""
        for key in self.list_keys(prefix):
            self.delete(key)
        self._attempt(lambda start: remove_empty_folders(self._files.base, start), prefix)

    def __repr__(self) -> str:
        """Show the path."""
        return f"<{type(self).__name__} path={self._options['path']!r}>"

    def _get_of(self, group: FileGroup, key: str) -> Buffer | None:
        """Return a value of a group."""
        try:
            return group.read(key)
        except OSError:
            # A link, which is followed or refused, or what is tried again or explained.
            return self.get(key)

    def _try_update(self, key: str, transform: Transform) -> bool:
        """Update a value once; return False where it appeared meanwhile.

        Errors of `transform` are the caller's own: only the steps around it are translated.

        Returns:
            Whether it was done.
        """
        lock = self._attempt(self._files.lock, key)
        if lock is None:
            value = transform(None)
            return value is None or self._attempt(self._files.create, key, contiguous_view(value))
        with lock:
            value = transform(self._attempt(self._files.read, key))
            if value is None:
                self._attempt(self._files.remove, key, lock)
            else:
                self._attempt(self._files.replace, key, lock, contiguous_view(value))
        return True

    def _attempt(
        self,
        step: Callable[Concatenate[str, _P], _T],
        key: str,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Take a step, again where others disturb it, and translate what it raises.

        Returns:
            What the step returns.

        Raises:
            ZarrBackendsError: What the system's error means.
        """
        tries = 0
        while True:
            try:
                return step(key, *args, **kwargs)
            except OSError as error:
                tries += 1
                if tries == _TRIES or error.errno not in _DISTURBED:
                    failure = translated(error, backend=self.backend_id, key=key)
                    raise failure from error
