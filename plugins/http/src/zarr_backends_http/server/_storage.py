"""Which backend holds the array of an id, and the instances that are open."""

from __future__ import annotations

import inspect
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from zarr_backends import (
    Backend,
    ConfigurationError,
    KeyValueBackend,
    PermissionDeniedError,
    SupportsClose,
    SupportsKeys,
    get_backend,
    resolve,
)

__all__ = ["PLACEHOLDER", "Storage"]

PLACEHOLDER = "{array_id}"
"""What stands for the id of an array in the value of an option."""

_PATHS = ("path", "root", "directory")
_PLACES = ("prefix", "array_id", "name", *_PATHS)
"""Options that name the place of an array, the innermost first."""

_OPEN = 256
"""Instances that are kept open."""


class Storage:
    """The backend of every array id."""

    def __init__(self, storage: str | type[Backend], options: Mapping[str, Any]) -> None:
        """Find the backend; nothing is connected.

        Args:
            storage: A backend id, a url, a path or a backend class.
            options: Its options. Where one holds ``{array_id}``, the id of the array goes
                there, and otherwise behind the one that names the place of an array.

        Raises:
            ConfigurationError: There is no option that can name arrays.
        """
        self.backend, found = _resolved(storage, options)
        self._options, self._place = _placed(self.backend, found)
        _check_options(self.backend, self._options)
        self._open: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def has_keys(self) -> bool:
        """Whether arrays are kept under keys, among which others may be."""
        return issubclass(self.backend, KeyValueBackend | SupportsKeys)

    def options_of(self, array_id: str) -> dict[str, Any]:
        """Return the options of the place of an array.

        Raises:
            PermissionDeniedError: It leads out of the folder that is served.
        """
        options = {name: _filled(value, array_id) for name, value in self._options.items()}
        if self._place in _PATHS:
            root = os.fspath(self._options[self._place]).partition(PLACEHOLDER)[0]
            top = os.path.realpath(os.path.dirname(root) if root else ".")  # noqa: PTH120
            place = os.path.realpath(options[self._place])
            if not place.startswith(f"{top.rstrip(os.sep)}{os.sep}"):
                message = f"the array {array_id!r:.200} is outside of what is served"
                raise PermissionDeniedError(message, backend=self.backend.backend_id)
        return options

    @contextmanager
    def lease(self, array_id: str) -> Iterator[Any]:
        """Give the backend of an array, which is open until the end of the block.

        Args:
            array_id: A checked id.

        Yields:
            An instance, shared with others.
        """
        entry = self._enter(array_id)
        try:
            yield entry.backend
        finally:
            self._leave(entry)

    def forget(self, array_id: str) -> None:
        """Let the next request have a new instance: what this one knows may have changed."""
        with self._lock:
            entry = self._open.pop(array_id, None)
        if entry is not None:
            self._leave(entry)

    def close(self) -> None:
        """Close every instance that nobody uses."""
        while self._open:
            self.forget(next(iter(self._open)))

    def _enter(self, array_id: str) -> _Entry:
        """Return the instance of an array, with one user more."""
        with self._lock:
            entry = self._open.get(array_id)
            if entry is not None:
                self._open.move_to_end(array_id)
                entry.users += 1
                return entry
        new = _Entry(self.backend.create(**self.options_of(array_id)))
        with self._lock:
            entry = self._open.setdefault(array_id, new)
            entry.users += 1
            oldest = next(iter(self._open)) if len(self._open) > _OPEN else None
        if entry is not new:
            self._leave(new)
        if oldest is not None:
            self.forget(oldest)
        return entry

    def _leave(self, entry: _Entry) -> None:
        """Take a user from an instance; the last one closes it."""
        with self._lock:
            entry.users -= 1
            unused = entry.users == 0
        if unused and isinstance(entry.backend, SupportsClose):
            entry.backend.close()


class _Entry:
    """An open instance. The table of open ones counts as a user."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.users = 1


def _resolved(
    storage: str | type[Backend], options: Mapping[str, Any]
) -> tuple[type[Backend], dict[str, Any]]:
    """Return the backend class and the options that were meant."""
    if isinstance(storage, str) and ("/" in storage or ":" in storage):
        return resolve(storage, **options)
    return (get_backend(storage) if isinstance(storage, str) else storage), dict(options)


def _placed(backend: type[Backend], options: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return options with the placeholder, and the name of the one that has it.

    Raises:
        ConfigurationError: None can have it.
    """
    for name, value in options.items():
        if isinstance(value, str) and PLACEHOLDER in value:
            return options, name
    known = _options_of(backend)
    place = next((n for n in _PLACES if n in known and (n in options or n not in _PATHS)), None)
    if place is None:
        message = (
            f"say where {backend.backend_id!r} keeps arrays: give its path, or an option with "
            f"{PLACEHOLDER} in it, for example -o path='/data/{PLACEHOLDER}.zip'"
        )
        raise ConfigurationError(message, backend=backend.backend_id)
    given = str(options.get(place) or "").rstrip("/")
    options[place] = f"{given}/{PLACEHOLDER}" if options.get(place) else PLACEHOLDER
    return options, place


def _check_options(backend: type[Backend], options: Mapping[str, Any]) -> None:
    """Refuse options that the backend does not take, before the first request does.

    Raises:
        ConfigurationError: One is unknown, or missing.
    """
    known = _options_of(backend)
    needed = [name for name, option in known.items() if option.default is option.empty]
    wrong = [name for name in options if name not in known]
    if wrong:
        message = (
            f"{backend.backend_id!r} has no option {wrong[0]!r:.80}; it has {', '.join(known)}"
        )
        raise ConfigurationError(message, backend=backend.backend_id, option=wrong[0])
    missing = [name for name in needed if name not in options]
    if missing:
        message = (
            f"{backend.backend_id!r} needs the option {missing[0]!r}; {PLACEHOLDER} in it stands "
            "for the array"
        )
        raise ConfigurationError(message, backend=backend.backend_id, option=missing[0])


def _options_of(backend: type[Backend]) -> dict[str, inspect.Parameter]:
    """Return the options of a backend by name."""
    method = backend.connect if issubclass(backend, KeyValueBackend) else backend.create
    found = inspect.signature(method).parameters.values()
    return {p.name: p for p in found if p.kind is p.KEYWORD_ONLY}


def _filled(value: Any, array_id: str) -> Any:
    """Return the value of an option for one array."""
    return value.replace(PLACEHOLDER, array_id) if isinstance(value, str) else value
