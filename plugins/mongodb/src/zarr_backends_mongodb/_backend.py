"""The backend ``mongo_gridfs``: arrays as files of a GridFS bucket."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, ClassVar, Self, TypeVar

from zarr_backends import Buffer, ConfigurationError, KeyValueBackend, Transform, contiguous_view
from zarr_backends_mongodb._bucket import Bucket
from zarr_backends_mongodb._clients import Address, leased, look_up
from zarr_backends_mongodb._deadlines import Deadline
from zarr_backends_mongodb._options import (
    BACKEND_ID,
    Policy,
    checked_number,
    checked_text,
    options_of_url,
    place_of,
    policy_of,
)
from zarr_backends_mongodb._reading import Reader

__all__ = ["MongoGridfsBackend"]

_T = TypeVar("_T")

_DOCUMENTS = frozenset({"zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"})
"""Names of keys that are always read at the primary: what is done follows from them."""

_MAX_TIMEOUT_S = 600.0
"""A retired document outlives such a call; see `_writing`."""

_PORTION = 500
"""Keys that are asked for, or changed, in one request."""

_PORTION_NBYTES = 64 * 2**20
"""Bytes of values that are written together."""


class MongoGridfsBackend(KeyValueBackend):
    """Keeps values in files of GridFS, under the names ``array_id/key``."""

    backend_id: ClassVar[str] = BACKEND_ID

    max_concurrency: int

    def connect(  # noqa: PLR0913  # the options
        self,
        *,
        url: str,
        database: str | None = None,
        bucket: str = "arrays",
        array_id: str = "array",
        username: str | None = None,
        password: str | None = None,
        write_concern: str | int | None = None,
        read_concern: str | None = None,
        read_preference: str | None = None,
        max_concurrency: int = 16,
        timeout_s: float = 30.0,
    ) -> None:
        """Take the place; nothing is connected, and nothing created before the first write.

        Args:
            url: Servers, such as ``mongodb://host1,host2/science?replicaSet=rs0``.
            database: Database; by default the one in the url.
            bucket: GridFS bucket: the collections ``bucket.files`` and ``bucket.chunks``.
            array_id: Which array, or hierarchy, in the bucket.
            username: Who logs in, unless the url says so.
            password: The password, unless the url has it.
            write_concern: Servers that must have a write before it returns: ``"majority"``,
                a number, or the name of a rule; by default what the url says, else the majority.
            read_concern: ``"majority"`` reads what a majority has, ``"local"`` whatever the
                server has; by default what the url says, else what fits the write concern.
            read_preference: Which servers chunks are read from, such as ``"nearest"``; others
                than ``"primary"`` may be behind. Metadata and listings come from the primary.
            max_concurrency: Calls at a time.
            timeout_s: Seconds that each call may take.

        Raises:
            ConfigurationError: An option is of a wrong type, or impossible.
        """
        place = place_of(url, database)
        self._policy = policy_of(place, write_concern, read_concern, read_preference)
        self._names = place.database, checked_text(bucket, "bucket")
        self._root = checked_text(array_id, "array_id") + "/"
        self._hosts, self._srv_name = place.hosts, place.srv_name
        login = (_text_or_none(username, "username"), _text_or_none(password, "password"))
        self._address = Address(place.url, *login)
        self._timeout_s = checked_number(timeout_s, "timeout_s", (int, float), _MAX_TIMEOUT_S + 1)
        self.max_concurrency = checked_number(max_concurrency, "max_concurrency", (int,), 10_000)
        self._opened: _Open | None = None

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Return the options in ``mongodb://host/database/bucket/array_id?replicaSet=rs0``.

        Raises:
            ConfigurationError: The url is none of MongoDB, or has no database.
        """
        return options_of_url(url)

    # --- Reading --------------------------------------------------------------------

    def get(self, key: str) -> Buffer | None:
        """Return the bytes of the newest file, None where there is none."""
        return self._reader(key).value(self._deadline(), self._name(key))

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return ``value[start:stop]``, reading only the parts that hold it."""
        return self._reader(key).slice(self._deadline(), self._name(key), start, stop)

    def size(self, key: str) -> int | None:
        """Return the length of a file, None where there is none."""
        name = self._name(key)
        file = self._reader(key).newest(self._deadline(), [name]).get(name)
        return None if file is None else file.nbytes

    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return several values in two round trips for every 500 of them."""
        reader, deadline = self._reader(*keys), self._deadline()
        values: dict[str, bytes] = {}
        for names in _portions([self._name(key) for key in dict.fromkeys(keys)]):
            values |= reader.values(deadline, names)
        return [values.get(self._name(key)) for key in keys]

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield every key that starts with `prefix`, in order, a page at a time."""
        for page in self._pages(prefix):
            yield from page

    def list_dir(self, prefix: str = "") -> Iterator[str]:
        """Yield the names just below `prefix`, passing over what is below them."""
        seen = set[str]()
        start, more = prefix, True
        while more:
            page, more = self._page(start, prefix)
            for key in page:
                name, slash, _ = key[len(prefix) :].partition("/")
                if name not in seen:
                    seen.add(name)
                    yield name
                start = _end_of(f"{prefix}{name}/") if slash else key + "\0"

    # --- Writing --------------------------------------------------------------------

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value; who reads gets the old file or the new one, whole."""
        self._write({self._name(key): contiguous_view(value)})

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Replace several values in five round trips for every 500 of them."""
        views = {self._name(key): contiguous_view(value) for key, value in values.items()}
        portion: dict[str, memoryview | None] = {}
        nbytes = 0
        for name, view in views.items():
            if portion and (len(portion) == _PORTION or nbytes + view.nbytes > _PORTION_NBYTES):
                self._write(portion)
                portion, nbytes = {}, 0
            portion[name] = view
            nbytes += view.nbytes
        if portion:
            self._write(portion)

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists; return whether it was set."""
        name, view = self._name(key), contiguous_view(value)
        return self._change(lambda b, deadline: b.writer.write_if_absent(deadline, name, view))

    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)``: what others change meanwhile is not lost."""
        name = self._name(key)

        def changed(old: bytes | None) -> memoryview | None:
            new = transform(old)
            return None if new is None else contiguous_view(new)

        self._change(lambda b, deadline: b.writer.update(deadline, name, changed))

    def delete(self, key: str) -> None:
        """Delete a value."""
        self._write({self._name(key): None})

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete several values in four round trips for every 500 of them."""
        for names in _portions([self._name(key) for key in dict.fromkeys(keys)]):
            self._write(dict.fromkeys(names))

    def delete_prefix(self, prefix: str = "") -> None:
        """Delete every key that starts with `prefix`, a page at a time."""
        for page in self._pages(prefix):
            self.delete_many(page)

    def sweep(self) -> None:
        """Collect all that killed writers left in the bucket, where it is a day old.

        Writing does the same by and by; this is for those who cannot wait.

        Raises:
            BackendError: It did not end in 600 s.
        """
        self._bucket().sweeper.sweep_all(Deadline(_MAX_TIMEOUT_S))

    # --- Life -----------------------------------------------------------------------

    def close(self) -> None:
        """Give the client back; a later call takes it again."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
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
        database, bucket = self._names
        place = f"mongodb://{self._hosts}/{database} bucket={bucket!r}"
        return f"<{type(self).__name__} {place} array_id={self._root[:-1]!r}>"

    def _write(self, values: Mapping[str, memoryview | None]) -> None:
        """Replace and delete values."""
        self._change(lambda b, deadline: b.writer.write(deadline, values))

    def _change(self, change: Callable[[Bucket, Deadline], _T]) -> _T:
        """Do something that needs the indexes, and tidy up every now and then."""
        bucket, deadline = self._bucket(), self._deadline()
        bucket.prepare(deadline)
        result = change(bucket, deadline)
        bucket.tidy()
        return result

    def _pages(self, prefix: str) -> Iterator[list[str]]:
        """Yield the keys that start with a prefix, some at a time."""
        start, more = prefix, True
        while more:
            page, more = self._page(start, prefix)
            if page:
                yield page
                start = page[-1] + "\0"

    def _page(self, start: str, prefix: str) -> tuple[list[str], bool]:
        """Return some keys from one on, and whether there may be more."""
        names, more = self._bucket().reader.names(
            self._deadline(), self._root + start, _end_of(self._root + prefix)
        )
        return [name[len(self._root) :] for name in names], more

    def _name(self, key: str) -> str:
        """Return the name of the file of a key.

        Raises:
            ConfigurationError: A file cannot be called so.
        """
        try:
            if key and key.encode() and "\0" not in key:
                return self._root + key
        except (AttributeError, TypeError, UnicodeEncodeError):
            pass
        message = f"a key is a string of Unicode, not empty, without NUL, not {key!r:.80}"
        raise ConfigurationError(message, backend=BACKEND_ID, option="key")

    def _reader(self, *keys: str) -> Reader:
        """Return who reads these keys."""
        bucket = self._bucket()
        is_certain = any(str(key).rpartition("/")[2] in _DOCUMENTS for key in keys)
        return bucket.reader if is_certain else bucket.nearby

    def _deadline(self) -> Deadline:
        """Return the time for one call."""
        return Deadline(self._timeout_s, self._bucket().refusal)

    def _bucket(self) -> Bucket:
        """Return the bucket, through a client of this process."""
        opened = self._opened
        if opened is None or opened.pid != os.getpid():
            if self._srv_name:
                look_up(self._address, self._srv_name, self._timeout_s)
            with self._lock:
                opened = self._opened
                if opened is None or opened.pid != os.getpid():
                    opened = self._opened = _Open(self._address, self._names, self._policy)
        return opened.bucket


class _Open:
    """A bucket, and the share of a client that it takes."""

    def __init__(self, address: Address, names: tuple[str, str], policy: Policy) -> None:
        """Take a share of this process's client."""
        self.pid = os.getpid()
        shared, self.give_back = leased(address, self)
        self.bucket = Bucket(shared, *names, policy)


def _portions(names: Sequence[str]) -> Iterator[list[str]]:
    """Yield names, as many at a time as one request takes."""
    rest = iter(names)
    while portion := list(islice(rest, _PORTION)):
        yield portion


def _end_of(prefix: str) -> str:
    """Return the least string that is greater than all with a prefix, which has a slash."""
    stem = prefix.rstrip(chr(0x10FFFF))
    last = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if last == 0xD800 else last)  # noqa: PLR2004  # surrogates


def _text_or_none(value: object, option: str) -> str | None:
    """Return a text, or None.

    Raises:
        ConfigurationError: It is neither.
    """
    if value is None or (isinstance(value, str) and value and "\0" not in value):
        return value
    message = f"{option} must be a string or None, not {type(value).__name__}"
    raise ConfigurationError(message, backend=BACKEND_ID, option=option)
