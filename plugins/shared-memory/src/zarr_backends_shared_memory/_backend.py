"""The backend ``shared_memory``: arrays in tables that the processes of a machine share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar, Self
from urllib.parse import unquote, urlsplit

from zarr_backends import (
    ArrayNotFoundError,
    Buffer,
    ConfigurationError,
    Snapshot,
    Transform,
    contiguous_view,
)
from zarr_backends_shared_memory._folders import path_of
from zarr_backends_shared_memory._keys import stored_key
from zarr_backends_shared_memory._options import Access, Heir, checked
from zarr_backends_shared_memory._reading import keys_page, names_page, range_of
from zarr_backends_shared_memory._records import Process
from zarr_backends_shared_memory._table_user import TableUser
from zarr_backends_shared_memory._transactions import Changes, apply
from zarr_backends_shared_memory._values import open_value

__all__ = ["SharedMemoryBackend"]

_OPTIMISTIC_TRIES = 3
"""Times that `update` runs its transform without keeping others from changing the table."""


class SharedMemoryBackend(TableUser):
    """Keeps values in a named table in shared memory, which many processes use at once."""

    backend_id: ClassVar[str] = "shared_memory"

    def connect(  # noqa: PLR0913  # the options
        self,
        *,
        table_name: str | None = None,
        access: Access = "public",
        heir: Heir = None,
        map_size: int | None = None,
        folder: str | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        """Take the place; the table is made by the first write.

        Args:
            table_name: Name of the table; None makes one up.
            access: ``"public"``: any process of the user reads and writes. ``"protected"``:
                only the owner writes. ``"private"``: only the owner reads and writes.
                The process that makes a table owns it.
            heir: Who owns the table when its owner has ended: None for nobody, then it goes
                away; the number of a process; ``"keep"``: it stays until it is deleted.
            map_size: Bytes of the map to begin with; it grows. None takes the size of the
                file system, which costs nothing but addresses.
            folder: Where tables are; None takes ``/dev/shm``, or the folder for temporary
                files where that is not there.
            timeout_s: Seconds that a call waits for others that change the table.

        Raises:
            ConfigurationError: An option is impossible.
        """
        self._settings = checked(table_name, folder, access, heir, map_size, timeout_s)
        # What a worker process is given: the name that was made up is among it.
        self._options = self._settings._asdict()
        self._timeout_s = self._settings.timeout_s

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Return the name of the table in ``shm://name``.

        Raises:
            ConfigurationError: It has no name, or a query or fragment.
        """
        parts = urlsplit(url)
        name = unquote(parts.netloc + parts.path).rstrip("/")
        if not name or "@" in parts.netloc or parts.query or parts.fragment:
            # The url is not quoted: what it should not have may be a password.
            message = "a url of shared memory is shm://name, without user, '?' and '#'"
            raise ConfigurationError(message, backend=cls.backend_id, option="target")
        return {"table_name": name}

    # --- Reading --------------------------------------------------------------------

    def get(self, key: str) -> Buffer | None:
        """Return a copy of a value."""
        stored = stored_key(key)
        if self._in is not None:
            return self._read(key, lambda t: range_of(t.get(stored), 0, None), bytes)
        table = self._table
        if table is None or table.forked:
            table = self._attached()
        return None if table is None else table.get(stored, self._timeout_s)

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return ``value[start:stop]``, copying no more than that."""
        stored = stored_key(key)
        return self._read(
            key, lambda t: range_of(t.get(stored), start, stop), lambda value: value[start:stop]
        )

    def size(self, key: str) -> int | None:
        """Return the length of a value."""
        stored = stored_key(key)

        def measure(transaction: Any) -> int | None:
            value = transaction.get(stored)
            return None if value is None else len(value)

        return self._read(key, measure, len)

    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return several values of one state of the table."""
        current = self._current()
        changed = current.values if isinstance(current, Changes) else {}
        wanted = {key: stored_key(key) for key in keys if key not in changed}

        def collect(transaction: Any) -> dict[str, bytes | None]:
            return {k: range_of(transaction.get(stored), 0, None) for k, stored in wanted.items()}

        none: dict[str, bytes | None] = {}
        found = self._step(collect, none)
        return [changed[key] if key in changed else found.get(key) for key in keys]

    def open_value(self, key: str) -> AbstractContextManager[Snapshot] | None:
        """Return a context with a view of the value in the map itself: nothing is copied.

        It is valid until the context is left, and keeps writers from using its pages again.
        """
        if self._in is not None:
            return super().open_value(key)
        stored, table = stored_key(key), self._attached()
        return None if table is None else open_value(table, stored, self._timeout_s)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield every key that starts with `prefix` once, a page at a time."""
        current = self._current()
        changed, new = current.keys_with(prefix) if isinstance(current, Changes) else (set(), [])
        yield from new
        for key in self._pages(keys_page, prefix):
            if key not in changed:
                yield key

    def list_dir(self, prefix: str = "") -> Iterator[str]:
        """Yield the names just below `prefix`, passing over what is below them."""
        if isinstance(self._current(), Changes):
            yield from super().list_dir(prefix)
            return
        seen = set()
        for name in self._pages(names_page, prefix):
            if name not in seen:
                seen.add(name)
                yield name

    def exists(self) -> bool:
        """Whether an array is stored here; a table that is gone holds none."""
        try:
            return super().exists()
        except ArrayNotFoundError:
            return False

    # --- Changing -------------------------------------------------------------------

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value."""
        self._change({key: _owned(value)})

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Replace several values together."""
        self._change({key: _owned(value) for key, value in values.items()})

    def delete(self, key: str) -> None:
        """Delete a value."""
        self.delete_many([key])

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete several values together."""
        if self._current() is not None or self._attached() is not None:
            self._change(dict.fromkeys(keys))

    def delete_prefix(self, prefix: str = "") -> None:
        """Delete every key that starts with `prefix` together."""
        if self._current() is not None:
            self.delete_many(list(self.list_keys(prefix)))
        elif self._attached() is not None:
            with self._locked():
                self.delete_many(list(self.list_keys(prefix)))

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists; return whether it was set."""
        data, was_set = _owned(value), False

        def choose(old: bytes | None) -> bytes | None:
            nonlocal was_set
            was_set = old is None
            return data if old is None else old

        if self._current() is not None:
            self._exchange(key, choose)
            return was_set
        stored = stored_key(key)

        def put(transaction: Any) -> bool:
            if not transaction.put(stored, data, overwrite=False):
                return False
            apply(transaction, {key: data})
            return True

        return self._write(put, key)

    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)``; no change that others make is lost.

        The transform runs while others may change the table, and again where they changed
        this value; after some times, it runs while they wait.
        """
        if self._current() is not None:
            self._exchange(key, lambda old: _owned_or_none(transform(old)))
            return
        stored_key(key)
        for _ in range(_OPTIMISTIC_TRIES):
            old = self.get(key)
            new = _owned_or_none(transform(old))
            if self._replaced(key, old, new):
                return
        with self._locked():
            old = self.get(key)
            self._change({key: _owned_or_none(transform(old))})

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[None]:
        """Open a context whose changes are committed together at its end, or not at all.

        Others wait with their changes until it ends, and read what was there before it.

        Args:
            read_only: Read one state of the table, while others change it as they like.

        Yields:
            Nothing; the instance itself is used, by any thread.

        Raises:
            ConfigurationError: A transaction of this instance has not ended.
            BackendError: It cannot be committed; nothing was changed.
        """
        with self._lock:
            if self._current() is not None:
                message = "a transaction of this instance has not ended; there is one at a time"
                raise ConfigurationError(message, backend=self.backend_id)
            context = self._reading() if read_only else self._changing()
            self._in = context.__enter__()
        try:
            yield
        except BaseException as error:
            self._in, self._layout = None, None  # what was learnt in it may be gone again
            context.__exit__(type(error), error, error.__traceback__)
            raise
        try:
            context.__exit__(None, None, None)
        except BaseException:
            self._layout = None
            raise
        finally:
            self._in = None

    # --- The table ------------------------------------------------------------------

    @property
    def table_name(self) -> str:
        """Name of the table, also where it was made up."""
        return self._settings.table_name

    def table_exists(self) -> bool:
        """Whether the table is there, with or without an array in it."""
        table = self._attached()
        return table is not None and table.is_there()

    def table_info(self) -> dict[str, Any]:
        """Return what is known of the table.

        Returns:
            Its name, path, access, owner (number of the process), heir, whether this process
            is the owner, entries, bytes, and size of the map.

        Raises:
            ArrayNotFoundError: The table is not there.
        """
        table = self._attached()
        if table is None:
            message = f"there is no table {self.table_name!r:.80}"
            raise ArrayNotFoundError(message, backend=self.backend_id)
        with self._translating():
            info = table.info(self._timeout_s)
        record = table.record
        return {
            "table_name": record.name,
            "path": table.path,
            "access": record.access,
            "owner": record.owner.pid,
            "heir": record.heir.pid if isinstance(record.heir, Process) else record.heir,
            "is_owner": table.is_mine,
            **info,
        }

    def clear_table(self) -> None:
        """Delete everything in the table, and keep the table."""
        self.delete_prefix()
        self._layout = None

    def delete_table(self) -> None:
        """Remove the table; others that use it are told that it is gone.

        Raises:
            ConfigurationError: A transaction of this instance has not ended.
        """
        if self._current() is not None:
            message = "a table cannot be deleted in a transaction"
            raise ConfigurationError(message, backend=self.backend_id)
        table = self._attached()
        if table is not None:
            with self._translating():
                table.erase(self._timeout_s)
        self.close()

    def get_state(self) -> dict[str, Any]:
        """Return the state of this instance: its options, and what it is doing."""
        return {
            "backend_id": self.backend_id,
            **self._options,
            "path": path_of(self._settings.folder, self._settings.table_name),
            "is_attached": self._table is not None and not self._table.forked,
            "in_transaction": self._current() is not None,
        }

    # --- Life -----------------------------------------------------------------------

    def close(self) -> None:
        """Give the table back; a later call opens it again. This process still owns it.

        Raises:
            ConfigurationError: A transaction of this instance has not ended.
        """
        if self._current() is not None:
            message = "end the transaction before the instance is closed"
            raise ConfigurationError(message, backend=self.backend_id)
        with self._lock:
            self._layout = None
            self._detach()

    def __enter__(self) -> Self:
        """Return the instance itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close."""
        self.close()

    def __repr__(self) -> str:
        """Show the name of the table."""
        return f"<{type(self).__name__} table_name={self._settings.table_name!r}>"


def _owned(value: Any) -> bytes:
    """Return bytes that stay as they are."""
    return value if type(value) is bytes else bytes(contiguous_view(value))


def _owned_or_none(value: Any) -> bytes | None:
    """Return what a transform has returned as bytes that stay as they are."""
    return None if value is None else _owned(value)
