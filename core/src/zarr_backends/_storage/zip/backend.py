"""The backend ``zip``: an array, or a whole hierarchy, in one zip archive.

Any chunk is read without the rest of the archive. What is written waits in a file beside
the archive and becomes part of it with `flush`, `close` or the end of a ``with`` block; all
instances of the process see it at once, other processes after that. The archive on disk is
always whole: as of one flush or of the next, whatever happens to the process.

Two processes may write to one archive. Each flush keeps what the other one flushed, and
fails with `ConflictError` where both changed the same key. A process that is forked with
changes pending does not have them in the child.
"""

from __future__ import annotations

import os
import re
import weakref
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from types import TracebackType
from typing import Any, ClassVar, Literal, Self
from urllib.parse import unquote

from zarr_backends._storage.keyvalue.backend import KeyValueBackend
from zarr_backends._storage.redaction import redact
from zarr_backends._storage.zip.archive import ZipArchive
from zarr_backends._storage.zip.errors import zip_errors
from zarr_backends._storage.zip.members import MemberVersion
from zarr_backends._storage.zip.names import checked_folder, checked_key
from zarr_backends._storage.zip.sharing import close_archive, leave_archive, share_archive
from zarr_backends.contract import Buffer, Snapshot, Transform, contiguous_view
from zarr_backends.errors import ConfigurationError

__all__ = ["ZipBackend"]

_URL = re.compile(r"zip:(?://)?+([^#?]+)(?:#([^#?]*))?", re.IGNORECASE)
"""Path and, after "#", the folder inside; a literal "#" or "?" is percent-encoded."""

_users = count()


class ZipBackend(KeyValueBackend):
    """Keeps values as stored members of a zip archive.

    An instance that was closed opens the archive again when it is used.
    """

    backend_id: ClassVar[str] = "zip"

    def connect(
        self,
        *,
        path: str | os.PathLike[str],
        prefix: str = "",
        fsync: bool = False,
        duplicates: Literal["refuse", "last"] = "refuse",
    ) -> None:
        """Take the options; nothing is read or created.

        Args:
            path: The archive. It is made by the first flush, with the folders above it.
            prefix: Folder inside the archive, such as ``"group/array"``.
            fsync: Whether `flush` waits until the device holds the archive, which makes it
                outlast a power failure too.
            duplicates: What to do with an archive that has two members of one name, which
                zarr-python leaves behind where a key was written twice: refuse it, or take
                the last. All instances on one archive take the last as soon as one does.

        Raises:
            ConfigurationError: An option is of a wrong type or value.
        """
        self._prefix = checked_folder(prefix)
        self._path = _checked_path(path)
        if not isinstance(fsync, bool):
            message = f"fsync must be True or False, not {fsync!r:.80}"
            raise ConfigurationError(message, backend="zip", option="fsync")
        if duplicates not in ("refuse", "last"):
            message = f"duplicates must be 'refuse' or 'last', not {duplicates!r:.80}"
            raise ConfigurationError(message, backend="zip", option="duplicates")
        self._options = {**self._options, "path": self._path}
        self._closed = False
        self._user = next(_users)
        self._shared = share_archive(os.path.realpath(self._path), self._user)
        self._shared.durable |= fsync
        self._shared.last_wins |= duplicates == "last"
        weakref.finalize(self, leave_archive, self._shared, self._user)

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Return the options of ``zip:///abs/x.zip``, ``zip://rel.zip`` or ``zip:/abs/x.zip``.

        A folder inside the archive follows after ``#``: ``zip:///abs/x.zip#group/array``.

        Raises:
            ConfigurationError: The url has no path, or has a query.
        """
        match = _URL.fullmatch(url)
        if match is None:
            message = (
                f"url {redact(url)!r:.80} must look like zip:///folder/x.zip or zip:///x.zip#folder"
            )
            raise ConfigurationError(message, backend="zip", option="url")
        path, prefix = match.groups(default="")
        options = {"path": unquote(path)}
        return {**options, "prefix": unquote(prefix)} if prefix else options

    # --- Values ---------------------------------------------------------------------

    def get(self, key: str) -> Buffer | None:
        """Return a value, checked against its CRC-32; None for an absent key.

        Raises:
            CorruptStorageError: The archive or the member is damaged or cannot be read.
        """
        version = self._find(key)
        return None if version is None else version.whole()

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return ``value[start:stop]``; a part of a stored member is not checked."""
        version = self._find(key)
        if version is None:
            return None
        first, last, _ = slice(start, stop).indices(version.nbytes)
        return version.read(first, max(first, last))

    def open_value(self, key: str) -> AbstractContextManager[Snapshot] | None:
        """Return a context that gives one version of a value; None for an absent key."""
        version = self._find(key)
        return None if version is None else nullcontext(version)

    def size(self, key: str) -> int | None:
        """Return the number of bytes of a value, None for an absent key."""
        version = self._find(key)
        return None if version is None else version.nbytes

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value; others see it after the next flush."""
        name, view = self._name(key), contiguous_view(value)
        with zip_errors(self._path, key):
            self._archive.write(name, view)

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists, here or on disk.

        Of two processes that both do it before they flush, the later flush fails.

        Returns:
            Whether the value was set.
        """
        name, view = self._name(key), contiguous_view(value)
        with zip_errors(self._path, key):
            return self._archive.write_new(name, view)

    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)``, atomically among all threads.

        Of two processes that update one key before they flush, the later flush fails.
        """
        name = self._name(key)
        with zip_errors(self._path, key):
            archive = self._archive
        archive.update(name, transform)

    def delete(self, key: str) -> None:
        """Delete a key; one that is absent is no error."""
        name = self._name(key)
        with zip_errors(self._path, key):
            self._archive.delete(name)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield every key that starts with `prefix` once, sorted, as of the call."""
        start = len(self._prefix)
        return (name[start:] for name in self._names(prefix))

    def list_dir(self, prefix: str = "") -> Iterator[str]:
        """Yield the names just below `prefix` (empty or ending in "/") once each."""
        names, start = self._names(prefix), len(self._prefix) + len(prefix)
        i, seen = 0, set()
        while i < len(names):
            name, slash, _ = names[i][start:].partition("/")
            if name not in seen:  # a member and a folder of one name are apart
                seen.add(name)
                yield name
            # "0" is the character after "/": this is the first name outside the folder.
            i = bisect_left(names, f"{names[i][:start]}{name}0", i + 1) if slash else i + 1

    # --- Life -----------------------------------------------------------------------

    def flush(self) -> None:
        """Make every write up to now part of the archive on disk, in one step.

        Raises:
            ConflictError: Another process changed a key that was changed here too. Nothing
                is written and the changes stay pending; see `discard`.
            BackendError: It could not be done; the changes stay pending.
        """
        with zip_errors(self._path, ""):
            self._archive.flush()

    def discard(self) -> None:
        """Drop what this process wrote to the archive since the last flush, and read it again."""
        with zip_errors(self._path, ""):
            self._archive.discard()

    def close(self) -> None:
        """Flush and close the archive; a second call does nothing.

        Raises:
            BackendError: As `flush`; the instance stays open.
        """
        if not self._closed:
            with zip_errors(self._path, ""):
                close_archive(self._shared, self._user)
            self._closed = True

    def __enter__(self) -> Self:
        """Return the instance itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close, also after an error: every value that was written is whole."""
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Flush, so that a worker process sees everything, and pickle the options."""
        self.flush()
        return super().__reduce__()

    def __repr__(self) -> str:
        """Show the archive and the folder inside."""
        return f"<{type(self).__name__} path={self._path!r} prefix={self._prefix!r}>"

    # --- From keys to members -------------------------------------------------------

    @property
    def _archive(self) -> ZipArchive:
        """The archive, which counts as open from now on."""
        if self._closed:
            self._closed = False
            self._shared.users[self._user] = True
        return self._shared

    def _name(self, key: str) -> str:
        """Return the name of the member that holds a key.

        Raises:
            ConfigurationError: The key cannot be a name.
        """
        return self._prefix + checked_key(key)

    def _find(self, key: str) -> MemberVersion | None:
        """Return the current version of a value, None for an absent key."""
        name = self._name(key)
        with zip_errors(self._path, key):
            return self._archive.find(name)

    def _names(self, prefix: str) -> list[str]:
        """Return the names of all members whose keys start with `prefix`, sorted."""
        with zip_errors(self._path, prefix):
            return self._archive.names(self._prefix + prefix)


def _checked_path(path: str | os.PathLike[str]) -> str:
    """Return the absolute path of an archive.

    Raises:
        ConfigurationError: It is no path, or that of a folder.
    """
    try:
        text = os.fsdecode(path)
    except TypeError as error:
        message = f"path must be a string or a path, not {path!r:.80}"
        raise ConfigurationError(message, backend="zip", option="path") from error
    if not text or "\0" in text or text.endswith(("/", os.sep)) or os.path.isdir(text):
        message = f"path {text!r:.80} must be that of an archive, such as 'data/run.zip'"
        raise ConfigurationError(message, backend="zip", option="path")
    return os.path.abspath(text)
