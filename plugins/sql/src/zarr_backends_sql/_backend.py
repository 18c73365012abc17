"""The backend ``sql``: arrays as rows of a table in a SQL database."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, ClassVar, Literal, Self

from zarr_backends import Buffer, ConfigurationError, KeyValueBackend, Transform, contiguous_view
from zarr_backends_sql._databases import leased
from zarr_backends_sql._options import absolute, checked_name, options_of_url, settings_of
from zarr_backends_sql._sessions import Session
from zarr_backends_sql._statements import LAST, PAGE, Statements, after_prefix
from zarr_backends_sql._tables import MAX_KEY_NBYTES

__all__ = ["SqlBackend"]

_DOCUMENTS = frozenset({"zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"})
"""Names of keys that are always read where they were written: what is done follows from them."""


class SqlBackend(KeyValueBackend):
    """Keeps values in a table of SQLite, PostgreSQL, MariaDB or MySQL."""

    backend_id: ClassVar[str] = "sql"

    max_concurrency: int

    def connect(  # noqa: PLR0913  # the options
        self,
        *,
        url: str,
        array_id: str = "array",
        table: str = "zarr_storage",
        durability: Literal["disk", "memory"] = "disk",
        read_url: str | None = None,
        max_concurrency: int | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        """Take the place; nothing is connected, and nothing created before the first write.

        Args:
            url: Database, such as ``sqlite:///waves.db`` or ``postgresql://user@host/name``.
            array_id: Which array, or hierarchy, in the table.
            table: Table; it is created by the first write.
            durability: ``"disk"``: what was written outlives a crash of the machine.
                ``"memory"``: it may not, and writing is faster.
            read_url: Where chunks may be read outside of transactions, a standby for example,
                which may be behind. Metadata and listings always come from `url`.
            max_concurrency: Calls at a time, and connections that are kept.
            timeout_s: Seconds that each call may take.

        Raises:
            ConfigurationError: An option is of a wrong type, or impossible.
        """
        self._settings = settings_of(url, durability, timeout_s, max_concurrency)
        self._read_settings = read_url and settings_of(
            read_url, durability, timeout_s, max_concurrency, "read_url"
        )
        self._array_id = checked_name(array_id, "array_id")
        self._table_name = checked_name(table, "table")
        self.max_concurrency = self._settings.max_concurrency
        # What a worker process is given: its current folder may be another one.
        self._options = {
            "url": absolute(url),
            "array_id": array_id,
            "table": table,
            "durability": durability,
            "read_url": read_url and absolute(read_url),
            "max_concurrency": max_concurrency,
            "timeout_s": timeout_s,
        }
        self._driver = self._settings.driver(*self._settings[1:4])
        table_object = self._driver.table(self._table_name)
        self._statements = Statements(self._driver, table_object, self._array_id)
        self._open: _Open | None = None

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Return the options in a url such as ``sqlite:///waves.db?array_id=run/1``.

        Raises:
            ConfigurationError: The url is none of a database.
        """
        return options_of_url(url)

    # --- Reading --------------------------------------------------------------------

    def get(self, key: str) -> Buffer | None:
        """Return a value, None where there is none."""
        ask, key = self._statements.get, _checked(key)
        return self._session().read(lambda c: ask(c, key), None, may_be_old=_is_chunk(key))

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return ``value[start:stop]``, cut by the database."""
        if start < 0 and stop is not None:
            value = self.get(key)
            return None if value is None else memoryview(value)[start:stop]
        ask, key = self._statements.get_range, _checked(key)
        if stop is not None and stop < 0:
            stop += self.size(key) or 0
        return self._session().read(
            lambda c: ask(c, key, start, stop), None, may_be_old=_is_chunk(key)
        )

    def size(self, key: str) -> int | None:
        """Return the length of a value, None where there is none."""
        ask, key = self._statements.size, _checked(key)
        return self._session().read(lambda c: ask(c, key), None, may_be_old=_is_chunk(key))

    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return several values in one round trip for every 500 of them."""
        ask, keys = self._statements.get_many, [_checked(key) for key in keys]
        if not keys:
            return []
        may_be_old = all(map(_is_chunk, keys))
        none: dict[str, bytes] = {}
        found = self._session().read(lambda c: ask(c, keys), none, may_be_old=may_be_old)
        return [found.get(key) for key in keys]

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield every key that starts with `prefix`, in order, a page at a time."""
        if prefix and self.size(prefix) is not None:
            yield prefix
        after, end = prefix, after_prefix(prefix)
        while page := self._page(after, end):
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1]

    def list_dir(self, prefix: str = "") -> Iterator[str]:
        """Yield the names just below `prefix`, passing over what is below them."""
        after, end, seen = prefix, after_prefix(prefix), set[str]()
        while page := self._page(after, end):
            for key in page:
                name, slash, _ = key[len(prefix) :].partition("/")
                if name not in seen:
                    seen.add(name)
                    yield name
            if len(page) < PAGE:
                return
            after = f"{prefix}{name}/{LAST}" if slash else page[-1]

    def _page(self, after: str, end: str) -> list[str]:
        """Return some keys that follow one."""
        ask = self._statements.keys
        return self._session().read(lambda c: ask(c, after, end), [])

    # --- Writing --------------------------------------------------------------------

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value."""
        self.set_many({key: value})

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Replace several values together."""
        do, rows = self._statements.set_many, {_checked(k): _owned(v) for k, v in values.items()}
        if rows:
            self._session().write(lambda c: do(c, rows), together=len(rows) > 1)

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists; return whether it was set."""
        do, key, data = self._statements.insert, _checked(key), _owned(value)
        return self._session().write(lambda c: do(c, key, data))

    def delete(self, key: str) -> None:
        """Delete a value."""
        self.delete_many([key])

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete several values together."""
        do, keys = self._statements.delete_many, [_checked(key) for key in keys]
        if keys:
            self._session().write(lambda c: do(c, keys), together=len(keys) > 1)

    def delete_prefix(self, prefix: str = "") -> None:
        """Delete every key that starts with `prefix` together."""
        do = self._statements.delete_prefix
        self._session().write(lambda c: do(c, prefix), together=True)

    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)`` while its row is locked."""
        key = _checked(key)

        def changed(old: Any) -> Any:
            new = transform(old)
            return None if new is None else _owned(new)

        def write(connection: Any, old: Any, new: Any) -> bool:
            if old is None:
                # Nothing was there to be locked: whoever inserts first wins.
                return new is None or self._statements.insert(connection, key, new)
            if new is None:
                self._statements.delete_many(connection, [key])
            else:
                self._statements.replace(connection, key, new)
            return True

        self._session().update(lambda c: self._statements.get(c, key, lock=True), changed, write)

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[None]:
        """Open a context whose changes are committed together at its end, or not at all.

        What is read in it is one state of the database. Where others changed the same
        meanwhile, a call in it or its end raises ``ConflictError``: begin again.

        Args:
            read_only: Reads alone; keeps nobody from writing.

        Yields:
            Nothing; the instance itself is used, by any thread.

        Raises:
            ConfigurationError: A transaction of this instance has not ended.
            BackendError: It cannot be committed; it was rolled back.
        """
        try:
            with self._session().transaction("snapshot" if read_only else "transaction"):
                yield
        except BaseException:
            self._layout = None  # what was learnt from metadata that is gone again
            raise

    # --- Life -----------------------------------------------------------------------

    def close(self) -> None:
        """Give connections back; a later call connects again."""
        with self._lock:
            opened, self._open = self._open, None
        if opened is not None and opened.pid == os.getpid():
            opened.session.close()
            opened.give_back()

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
        place = self._driver.describe()
        names = f"table={self._table_name!r} array_id={self._array_id!r}"
        return f"<{type(self).__name__} {place} {names}>"

    def _session(self) -> Session:
        """Return the connections of this process."""
        opened = self._open
        if opened is None or opened.pid != os.getpid():
            opened = self._opened()
        return opened.session

    def _opened(self) -> _Open:
        """Take a share of this process's connections."""
        with self._lock:
            if self._open is None or self._open.pid != os.getpid():
                table = self._driver.table(self._table_name)
                self._open = _Open(self._settings, self._read_settings, table)
            return self._open


class _Open:
    """A session, and what it holds in this process."""

    def __init__(self, settings: Any, read_settings: Any, table: Any) -> None:
        """Take a share of the pools."""
        self.pid = os.getpid()
        database, give_back = leased(settings, self)
        standby, give_back_standby = leased(read_settings, self) if read_settings else (None, None)
        self._given_back = (give_back, give_back_standby)
        self.session = Session(database, standby, table, settings.timeout_s)

    def give_back(self) -> None:
        """Give the shares back."""
        for give_back in self._given_back:
            if give_back is not None:
                give_back()


def _is_chunk(key: str) -> bool:
    """Whether a key is none of metadata."""
    return key.rpartition("/")[2] not in _DOCUMENTS


def _owned(value: Any) -> bytes:
    """Return bytes that stay as they are."""
    return value if type(value) is bytes else bytes(contiguous_view(value))


def _checked(key: str) -> str:
    """Return a key that databases can hold.

    Raises:
        ConfigurationError: It is none.
    """
    try:
        if 0 < len(key.encode()) <= MAX_KEY_NBYTES and "\0" not in key:
            return key
    except (AttributeError, TypeError, UnicodeEncodeError):
        pass
    message = (
        f"a key is a string of 1 to {MAX_KEY_NBYTES} bytes in UTF-8 without NUL, not {key!r:.80}"
    )
    raise ConfigurationError(message, backend="sql", option="key")
