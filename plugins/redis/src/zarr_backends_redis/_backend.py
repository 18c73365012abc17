"""The backend ``redis``: arrays as strings in Redis or Valkey."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Self

from zarr_backends import (
    BackendError,
    Buffer,
    ConflictError,
    KeyValueBackend,
    NetworkError,
    Transform,
)
from zarr_backends_redis._commands import ABSENT, PAGE, Commands, digest, encoded_key, owned
from zarr_backends_redis._deadlines import Deadline
from zarr_backends_redis._errors import BACKEND_ID
from zarr_backends_redis._options import chosen_prefix, settings_of, ttl_ms_of
from zarr_backends_redis._persistence import QUESTIONS, SETTINGS, Persistence, persistence_of
from zarr_backends_redis._session import Session
from zarr_backends_redis._urls import place_of_url, without_prefix

__all__ = ["RedisBackend"]

_PAUSE_S = 0.001
"""Longest wait before the second attempt of an update; it grows with every attempt."""

_MAX_PAUSE_S = 0.05

_FARTHEST = 2**40
"""A place behind the end of every value, which Redis still takes for a number."""

_READ_TOGETHER = 256
"""Values that are asked for at a time."""


class RedisBackend(KeyValueBackend):
    """Keeps values in Redis or Valkey: one server, one with sentinels, or a cluster."""

    backend_id: ClassVar[str] = BACKEND_ID

    max_concurrency: int

    def connect(  # noqa: PLR0913  # the options
        self,
        *,
        url: str,
        prefix: str | None = None,
        username: str | None = None,
        password: str | None = None,
        ttl_s: float | None = None,
        min_replicas: int = 0,
        sentinel_username: str | None = None,
        sentinel_password: str | None = None,
        ca_certificates: str | os.PathLike[str] | None = None,
        client_certificate: str | os.PathLike[str] | None = None,
        client_key: str | os.PathLike[str] | None = None,
        max_concurrency: int = 16,
        timeout_s: float = 30.0,
    ) -> None:
        """Take the place; nothing is connected before the first call.

        Args:
            url: Server, such as ``redis://user@host:6379/0``; with TLS ``rediss://...``, by
                sentinels ``redis+sentinel://host,host/name/0``, a cluster
                ``redis+cluster://host,host``.
            prefix: Which array, or hierarchy, in the database; ``"zarr"`` unless the url
                names it.
            username: In place of the one in the url.
            password: In place of the one in the url.
            ttl_s: Seconds that each value lasts after it was written; None for ever.
            min_replicas: How many replicas must have a write before it returns.
            sentinel_username: For the sentinels, where they ask for it.
            sentinel_password: For the sentinels, where they ask for it.
            ca_certificates: PEM file of the certificates that are trusted; None for the system's.
            client_certificate: PEM file of a certificate to show.
            client_key: PEM file of its key.
            max_concurrency: Calls at a time, and connections.
            timeout_s: Seconds that each call may take.

        Raises:
            ConfigurationError: An option is of a wrong type, or impossible.
        """
        self._settings = settings_of(
            url=url,
            username=username,
            password=password,
            sentinel_username=sentinel_username,
            sentinel_password=sentinel_password,
            ca_certificates=ca_certificates,
            client_certificate=client_certificate,
            client_key=client_key,
            min_replicas=min_replicas,
            max_concurrency=max_concurrency,
            timeout_s=timeout_s,
        )
        self._prefix = chosen_prefix(prefix, url)
        self._commands = Commands(self._prefix, ttl_ms_of(ttl_s))
        self.max_concurrency = max_concurrency
        # What a worker process is given: its current folder may be another one.
        files = ("ca_certificates", "client_certificate", "client_key")
        self._options = {**self._options, **{name: getattr(self._settings, name) for name in files}}
        self._opened: tuple[int, Session] | None = None

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Return the options in a url such as ``redis://host/0/run/1``.

        Raises:
            ConfigurationError: The url is none of Redis.
        """
        prefix = place_of_url(url).prefix
        return {"url": url} if prefix is None else {"url": without_prefix(url), "prefix": prefix}

    def persistence(self) -> Persistence:
        """Ask the server what it does to keep what it has been told.

        Returns:
            How it is set; print it.

        Raises:
            PermissionDeniedError: The user may not call INFO.
            NetworkError: The server cannot be reached.
        """
        answers = self._session().run(QUESTIONS)
        settings: dict[str, str] = {}
        for question in SETTINGS:
            try:
                (pair,) = self._session().run([question])
            except NetworkError:
                raise
            except BackendError:
                continue  # the managed services refuse it, each in its own words
            settings |= {pair[0].decode(): pair[1].decode()} if pair else {}
        return persistence_of(answers, settings)

    # --- Reading --------------------------------------------------------------------

    def get(self, key: str) -> Buffer | None:
        """Return a value, None where there is none."""
        value: bytes | None = self._session().run([("GET", self._key(key))])[0]
        return value

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return ``value[start:stop]``, cut by the server."""
        if stop is not None and (start < 0 or stop <= start):
            return _cut(self.get(key), start, stop)
        last = -1 if stop is None else min(stop, _FARTHEST) - 1
        first = max(min(start, _FARTHEST), -_FARTHEST)
        name = self._key(key)
        found, there = self._session().run([("GETRANGE", name, first, last), ("EXISTS", name)])
        if found or not there:
            return found or None
        # Nothing is there in these bounds, or nothing was when they were looked at.
        return _cut(self.get(key), start, stop)

    def size(self, key: str) -> int | None:
        """Return the length of a value, None where there is none."""
        name = self._key(key)
        nbytes, there = self._session().run([("STRLEN", name), ("EXISTS", name)])
        if nbytes or not there:
            return nbytes or None
        value = self.get(key)
        return None if value is None else len(value)

    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return several values in one round trip for every 256 of them."""
        names = list(map(self._key, keys))
        groups = [names[n : n + _READ_TOGETHER] for n in range(0, len(names), _READ_TOGETHER)]
        deadline = Deadline(self._settings.timeout_s)
        session = self._session()
        return [value for group in groups for value in session.run([("MGET", *group)], deadline)[0]]

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield every key that starts with `prefix`, in order, a page at a time."""
        start = prefix.encode() if not prefix else encoded_key(prefix)
        after = None
        while page := self._names(start, after):
            yield from (name.decode() for name in self._stored(page))
            if len(page) < PAGE:
                return
            after = page[-1]

    def list_dir(self, prefix: str = "") -> Iterator[str]:
        """Yield the names just below `prefix`, passing over what is below them."""
        start = prefix.encode() if not prefix else encoded_key(prefix)
        after, seen = None, set[bytes]()
        while page := self._names(start, after):
            for name in self._stored(page):
                first = name[len(start) :].partition(b"/")[0]
                if first not in seen:
                    seen.add(first)
                    yield first.decode()
            if len(page) < PAGE:
                return
            last, slash, _ = page[-1][len(start) :].partition(b"/")
            after = start + last + b"/\xff" if slash and last in seen else page[-1]

    def _key(self, key: str) -> bytes:
        """Return what Redis calls a key of ours."""
        return self._commands.key(encoded_key(key))

    def _names(self, prefix: bytes, after: bytes | None) -> list[bytes]:
        """Return the next names in the index."""
        (names,) = self._session().run([self._commands.names(prefix, after)])
        return list(names)

    def _stored(self, names: list[bytes]) -> list[bytes]:
        """Return those names whose values have neither expired nor been evicted."""
        keys = [self._commands.key(name) for name in names]
        (count,) = self._session().run([("EXISTS", *keys)])
        if count == len(names):
            return names
        there = self._session().run([("EXISTS", key) for key in keys])
        return [name for name, exists in zip(names, there, strict=True) if exists]

    # --- Writing --------------------------------------------------------------------

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value."""
        self.set_many({key: value})

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Replace several values, those of some megabytes together."""
        rows = {encoded_key(key): owned(value) for key, value in values.items()}
        if rows:
            self._session().write(list(self._commands.set(rows)))

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists; return whether it was set."""
        command = self._commands.exchange(encoded_key(key), ABSENT, owned(value), tell=False)
        (reply,) = self._session().write([command])
        return bool(reply[0])

    def delete(self, key: str) -> None:
        """Delete a value."""
        self.delete_many([key])

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete several values, a thousand together."""
        names = [encoded_key(key) for key in keys]
        if names:
            self._session().write(list(self._commands.delete(names)))

    def delete_prefix(self, prefix: str = "") -> None:
        """Delete every key that starts with `prefix`, a thousand together."""
        start = prefix.encode() if not prefix else encoded_key(prefix)
        deadline = Deadline(self._settings.timeout_s)
        while True:
            (names,) = self._session().run([self._commands.names(start, None)], deadline)
            if not names:
                return
            self._session().write(list(self._commands.delete(names)), deadline)

    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)`` if it is still the old one, else try again."""
        name = encoded_key(key)
        deadline = Deadline(self._settings.timeout_s)
        old = self._session().run([("GET", self._commands.key(name))], deadline)[0]
        attempt = 0
        while True:
            began = time.monotonic()
            new = transform(old)
            deadline.extend(time.monotonic() - began)
            if new is None and old is None:
                return
            value = None if new is None else owned(new)
            command = self._commands.exchange(name, digest(old), value)
            reply = self._session().write([command], deadline)[0]
            if reply[0]:
                return
            old = reply[1]
            attempt += 1
            self._pause(attempt, deadline, key)

    def _pause(self, attempt: int, deadline: Deadline, key: str) -> None:
        """Let others finish.

        Raises:
            ConflictError: The time is over.
        """
        if deadline.remaining_s == 0:
            message = f"others changed {key!r:.200} again and again for {deadline.timeout_s:g} s"
            raise ConflictError(message, backend=BACKEND_ID, key=key)
        longest = min(_PAUSE_S * attempt, _MAX_PAUSE_S, deadline.remaining_s)
        time.sleep(random.uniform(0, longest))  # noqa: S311  # no secret

    # --- Life -----------------------------------------------------------------------

    def close(self) -> None:
        """Give connections back; a later call connects again."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened[1].close()

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
        return f"<{type(self).__name__} {self._settings.place.url()} prefix={self._prefix!r}>"

    def _session(self) -> Session:
        """Return the connections of this process."""
        opened = self._opened
        if opened is None or opened[0] != os.getpid():
            with self._lock:
                opened = self._opened
                if opened is None or opened[0] != os.getpid():
                    opened = self._opened = os.getpid(), Session(self._settings)
        return opened[1]


def _cut(value: Buffer | None, start: int, stop: int | None) -> Buffer | None:
    """Return a part of a value."""
    return None if value is None else memoryview(value)[start:stop]
