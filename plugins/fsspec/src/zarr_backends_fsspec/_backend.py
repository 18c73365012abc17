"""The backend ``fsspec``: an array, or a whole hierarchy, on any file system of fsspec.

Keys are paths below one folder, so what is stored is plain Zarr. Every request is a coroutine
of a `Files`, run on fsspec's event loop under a deadline of ours.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Coroutine, Hashable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

from zarr_backends import (
    Buffer,
    ConfigurationError,
    KeyValueBackend,
    ZarrBackendsError,
    contiguous_view,
)
from zarr_backends_fsspec._errors import ERRORS, ErrorTable, translated
from zarr_backends_fsspec._files import Files
from zarr_backends_fsspec._options import (
    checked_count,
    checked_mapping,
    checked_seconds,
    checked_text,
    secrets_of,
)
from zarr_backends_fsspec._places import place_of
from zarr_backends_fsspec._session import Session, frozen, release, shared_session
from zarr_backends_fsspec._temporary import is_temporary

__all__ = ["FsspecBackend", "as_bytes"]

T = TypeVar("T")

_BATCHES = 8
"""Requests at a time that delete as many files as the service takes."""


class FsspecBackend(KeyValueBackend):
    """Keeps values in files below a folder of any file system that fsspec knows.

    A subclass for one service writes `connect`, which checks its options and calls `attach`.
    """

    backend_id: ClassVar[str] = "fsspec"

    errors: ClassVar[ErrorTable] = ERRORS
    """What the library's errors mean; a subclass has ``{**ERRORS, ...}``."""

    max_concurrency: int

    def connect(
        self,
        *,
        url: str,
        storage_options: Mapping[str, Any] | None = None,
        timeout_s: float = 30.0,
        max_concurrency: int = 16,
    ) -> None:
        """Take the place; nothing is connected before the first request.

        Args:
            url: Folder of the array, such as ``sftp://user@host/data/run1``. It need not exist.
            storage_options: Arguments of the fsspec file system: credentials, and the rest.
            timeout_s: Seconds that one request may take, connecting included.
            max_concurrency: Requests under way at a time.

        Raises:
            ConfigurationError: An option is wrong, or fsspec knows no such file system.
        """
        me = self.backend_id
        url = checked_text("url", url, backend=me)
        given = checked_mapping("storage_options", storage_options, backend=me)
        place = place_of(url, given, timeout_s=checked_seconds("timeout_s", timeout_s, backend=me))
        self.attach(
            place.make_files,
            root=place.root,
            shown=place.shown,
            share=(place.scheme, place.server, frozen(given)),
            timeout_s=timeout_s,
            max_concurrency=checked_count("max_concurrency", max_concurrency, backend=me),
            forbidden=place.forbidden,
        )

    def attach(  # noqa: PLR0913  # what a connection is made of
        self,
        make_files: Callable[[], Files],
        *,
        root: str,
        shown: str,
        share: Hashable,
        timeout_s: float,
        max_concurrency: int,
        forbidden: str = "",
        secrets: Iterable[str] = (),
    ) -> None:
        """Say where and by what the values are kept; for the `connect` of subclasses.

        Args:
            make_files: Makes the file system's operations; called at the first request, and
                again in another process or after `close`.
            root: Path of the folder, without a slash at the end; "" for the root itself.
            shown: The place as messages show it, without credentials.
            share: What instances that share connections have in common: all options but
                those that name the place.
            timeout_s: Seconds that one request may take.
            max_concurrency: Requests under way at a time.
            forbidden: Characters that keys cannot have.
            secrets: What messages must not show, besides the options that are secrets by
                their names.
        """
        self.max_concurrency = max_concurrency
        self._forbidden = frozenset(forbidden)
        self._base = f"{root}/" if root else ""
        self._shown = shown
        self._secrets = secrets_of(self._options) | frozenset(secrets)
        self._key = (type(self), share, timeout_s, max_concurrency)
        self._make_session = lambda: Session(
            make_files(), timeout_s=timeout_s, max_concurrency=max_concurrency
        )
        self._held: tuple[Session, weakref.finalize[..., Any]] | None = None

    # --- Reading --------------------------------------------------------------------

    def get(self, key: str) -> Buffer | None:
        """Return the bytes of a file; None where there is none."""
        return self._run(key, self._session().files.read, self._path(key))

    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return several values, read at the same time."""
        paths = [(self._path(key),) for key in keys]
        return self._run_many(self._session().files.read, paths)

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return ``value[start:stop]``, cut as a slice would be, reading no more than that."""
        return self._run(key, self._session().files.read_range, self._path(key), start, stop)

    def size(self, key: str) -> int | None:
        """Return the number of bytes of a file; None where there is none."""
        return self._run(key, self._session().files.size, self._path(key))

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield every key that starts with `prefix` once, page by page."""
        for paths in self._pages(prefix):
            yield from (path[len(self._base) :] for path in paths)

    def list_dir(self, prefix: str = "") -> Iterator[str]:
        """Yield the names just below `prefix`, once each; not those of empty folders."""
        start = len(self._base) + len(prefix)
        seen: set[str] = set()
        for paths in self._pages(prefix, is_deep=False):
            folders = [path for path in paths if path.endswith("/")]
            empty = self._empty(folders) if self._session().files.has_folders else frozenset()
            for path in paths:
                name = path[start:].rstrip("/")
                if name and name not in seen and path not in empty:
                    seen.add(name)
                    yield name

    # --- Changing -------------------------------------------------------------------

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value, as atomically as the service can."""
        self._run(key, self._session().files.write, self._path(key), as_bytes(value))

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Replace several values at the same time."""
        calls = [(self._path(key), as_bytes(value)) for key, value in values.items()]
        self._run_many(self._session().files.write, calls)

    def delete(self, key: str) -> None:
        """Delete a file; one that is absent is no error."""
        self._run(key, self._session().files.delete, self._path(key))

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete several files, as many by a request as the service takes."""
        self._delete([self._path(key) for key in keys])

    def delete_prefix(self, prefix: str = "") -> None:
        """Delete every file whose key starts with `prefix`, and folders that are empty then."""
        folders: list[str] = []
        for paths in self._pages(prefix, folders=folders):
            self._delete(paths)
        if self._session().files.has_folders:
            self._remove_folders(folders, self._base + prefix)

    def _empty(self, folders: Sequence[str]) -> frozenset[str]:
        """Return those folders that have no file in them, or in the folders in them."""
        files = self._session().files
        listed = self._run_many(files.list_page, [(files.first_page(path),) for path in folders])
        found = set()
        for folder, (paths, more) in zip(folders, listed, strict=True):
            below = folder[len(self._base) :]
            if not paths and (not more or next(self._pages(below), None) is None):
                found.add(folder)
        return frozenset(found)

    def _delete(self, paths: Sequence[str]) -> None:
        """Delete files."""
        files = self._session().files
        n = files.batch_nfiles
        if n == 1:
            self._run_many(files.delete, [(path,) for path in paths])
            return
        batches = [(paths[i : i + n],) for i in range(0, len(paths), n)]
        # To the service each is as much work as all its files: many at once would take so long
        # together that none ends in time.
        for i in range(0, len(batches), _BATCHES):
            self._run_many(files.delete_batch, batches[i : i + _BATCHES])

    def _remove_folders(self, folders: Sequence[str], prefix: str) -> None:
        """Remove those folders that are empty, the innermost first."""
        depths: dict[int, list[tuple[str]]] = {}
        for folder in folders:
            if f"{folder}/".startswith(prefix) and folder != "/":
                depths.setdefault(folder.count("/"), []).append((folder,))
        for depth in sorted(depths, reverse=True):
            self._run_many(self._session().files.remove_folder, depths[depth])

    # --- Connection -----------------------------------------------------------------

    def close(self) -> None:
        """Give the connections back; the next request takes them up again."""
        held, self._held = self._held, None
        if held is not None:
            held[1]()

    def __enter__(self) -> Self:
        """Return the instance itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        """Close."""
        self.close()

    def __repr__(self) -> str:
        """Show the place, without credentials."""
        return f"<{type(self).__name__} {self._shown}>"

    def _session(self) -> Session:
        """Return the session that instances of these options share."""
        held = self._held
        if held is None or held[0].is_foreign:
            with self._lock:
                held = self._held
                if held is None or held[0].is_foreign:
                    session = shared_session(self._key, self._make_session)
                    end = weakref.finalize(self, release, self._key, session)
                    held = self._held = (session, end)
        return held[0]

    def _path(self, key: str) -> str:
        """Return the path of a key.

        Raises:
            ConfigurationError: The key could name something outside of the folder.
        """
        parts = key.split("/")
        if "\0" in key or any(part in ("", ".", "..") for part in parts) or is_temporary(key):
            message = f"{key!r:.80} is no key: no part of one is empty, '.', '..' or has a NUL"
            raise ConfigurationError(message, backend=self.backend_id, key=key)
        if self._forbidden and not self._forbidden.isdisjoint(key):
            message = f"{key!r:.80} is no key: one has none of {sorted(self._forbidden)} here"
            raise ConfigurationError(message, backend=self.backend_id, key=key)
        return self._base + key

    def _pages(
        self, prefix: str, *, is_deep: bool = True, folders: list[str] | None = None
    ) -> Iterator[list[str]]:
        """Yield paths page by page, with errors translated; see `Session.pages`.

        Raises:
            ZarrBackendsError: The listing failed.
        """
        try:
            yield from self._session().pages(self._base + prefix, is_deep=is_deep, folders=folders)
        except Exception as error:  # noqa: BLE001  # translated
            failure = self._translated(error, prefix)
            raise failure from failure.__cause__

    def _run(self, key: str, operation: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Make one request, with errors translated.

        Returns:
            What it returns.

        Raises:
            ZarrBackendsError: What the library's error means.
        """
        try:
            return self._session().run(operation, *args)
        except Exception as error:  # noqa: BLE001  # translated
            failure = self._translated(error, key)
            raise failure from failure.__cause__

    def _run_many(
        self, operation: Callable[..., Coroutine[Any, Any, T]], calls: Sequence[tuple[Any, ...]]
    ) -> list[T]:
        """Make requests at the same time, with errors translated.

        Returns:
            What they return.

        Raises:
            ZarrBackendsError: What the library's error means.
        """
        try:
            return self._session().run_many(operation, calls)
        except Exception as error:  # noqa: BLE001  # translated
            failure = self._translated(error, "")
            raise failure from failure.__cause__

    def _translated(self, error: Exception, key: str) -> ZarrBackendsError:
        """Return the error of ours that an error means."""
        return translated(
            error,
            self.errors,
            backend=self.backend_id,
            place=self._shown,
            key=key or None,
            secrets=self._secrets,
        )


def as_bytes(value: Buffer) -> bytes:
    """Return bytes that nobody else can change."""
    return value if type(value) is bytes else bytes(contiguous_view(value))
