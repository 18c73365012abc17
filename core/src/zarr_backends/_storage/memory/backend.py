"""The backend ``memory``: values in a dictionary of this process, for tests and scratch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Self
from urllib.parse import unquote

from zarr_backends._storage.keyvalue.backend import KeyValueBackend
from zarr_backends._storage.memory.stores import (
    Identity,
    MemoryStore,
    find_store,
    named_store,
    unnamed_store,
)
from zarr_backends._storage.redaction import redact
from zarr_backends._storage.url_parts import parts_of
from zarr_backends.contract import Buffer, Snapshot, Transform, contiguous_view
from zarr_backends.errors import ArrayNotFoundError, ConfigurationError

__all__ = ["MemoryBackend"]


class MemoryBackend(KeyValueBackend):
    """Keeps values in memory, in this process alone.

    >>> backend = MemoryBackend.create(name="scratch", prefix="run/1")
    >>> backend.set("zarr.json", b"{}")
    >>> sorted(MemoryBackend.create(name="scratch").list_keys())
    ['run/1/zarr.json']
    """

    backend_id: ClassVar[str] = "memory"
    never_blocks: ClassVar[bool] = True
    """Calls wait for nothing, so that an event loop may make them itself."""

    _store: MemoryStore
    _prefix: str

    def connect(self, *, name: str | None = None, prefix: str = "") -> None:
        """Take a store.

        Args:
            name: Name of a store of this process, which finds it again; None makes a
                store that only this backend (and copies of it) can use.
            prefix: Folder of the array in the store, such as ``group/array``.

        Raises:
            ConfigurationError: `name` or `prefix` is no string of that kind.
        """
        if name is not None and (not isinstance(name, str) or not name):
            message = f"name must be a string or None, not {name!r:.80}"
            raise ConfigurationError(message, backend=self.backend_id, option="name")
        self._prefix = _folder(prefix)
        self._store = unnamed_store() if name is None else named_store(name)

    @classmethod
    def open(cls, **options: Any) -> Self:
        """Connect to an array that exists; without a name, there is none to be found.

        Returns:
            A connected instance.

        Raises:
            ArrayNotFoundError: No array is stored there.
        """
        if options.get("name") is None:
            message = (
                "no array in a memory store without a name: it belongs to the backend that "
                "`create` returned; give both name=... to find it again"
            )
            raise ArrayNotFoundError(message, backend=cls.backend_id, option="name")
        return super().open(**options)

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Return the options in ``memory://name/prefix``; each part may be left out.

        Raises:
            ConfigurationError: The url has a query or a fragment.
        """
        parts = parts_of(url, backend=cls.backend_id)
        if parts.query or parts.fragment:
            message = (
                f"the url {redact(url)!r:.80} must be memory://name/prefix, without '?' and '#'"
            )
            raise ConfigurationError(message, backend=cls.backend_id, option="target")
        name, prefix = unquote(parts.netloc), unquote(parts.path).strip("/")
        return {**({"name": name} if name else {}), **({"prefix": prefix} if prefix else {})}

    def get(self, key: str) -> Buffer | None:
        """Return a value, which is immutable."""
        return self._store.get(self._prefix + key)

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return ``value[start:stop]`` without a copy."""
        value = self.get(key)
        return None if value is None else memoryview(value)[start:stop]

    def open_value(self, key: str) -> AbstractContextManager[Snapshot] | None:
        """Return a context with a value, which is a snapshot because it is immutable."""
        return super().open_value(key)

    def size(self, key: str) -> int | None:
        """Return the number of bytes of a value."""
        value = self.get(key)
        return None if value is None else len(value)

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value by a copy of the bytes."""
        self._store.set(self._prefix + key, _frozen(value))

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists; return whether it was set."""
        return self._store.exchange(self._prefix + key, None, _frozen(value))

    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)``, which runs again where others were faster."""
        key = self._prefix + key
        while True:
            old = self._store.get(key)
            value = transform(old)
            if self._store.exchange(key, old, None if value is None else _frozen(value)):
                return

    def delete(self, key: str) -> None:
        """Delete a key."""
        self._store.delete([self._prefix + key])

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that start with `prefix`, as they were when the listing began."""
        start, cut = self._prefix + prefix, len(self._prefix)
        return (key[cut:] for key in self._store.all_keys() if key.startswith(start))

    def delete_prefix(self, prefix: str = "") -> None:
        """Delete every key that starts with `prefix`."""
        self._store.delete([self._prefix + key for key in self.list_keys(prefix)])

    def __eq__(self, other: object) -> bool:
        """Whether another backend means the same keys."""
        if not isinstance(other, MemoryBackend):
            return NotImplemented
        return self._place == other._place

    def __hash__(self) -> int:
        """Return a hash by store and prefix."""
        return hash(self._place)

    @property
    def _place(self) -> tuple[Identity, str]:
        """What is the same for backends that mean the same keys."""
        return self._store.identity, self._prefix

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the identity of the store."""
        return _restored, (type(self), *self._place)

    def __repr__(self) -> str:
        """Show name and prefix."""
        name = self._store.identity.name
        return f"<{type(self).__name__} name={name!r} prefix={self._prefix.rstrip('/')!r}>"


def _folder(prefix: str) -> str:
    """Return a prefix with a slash at its end, or "".

    Raises:
        ConfigurationError: It is no string, or has an empty segment or a slash at an end.
    """
    if prefix == "":
        return ""
    if not isinstance(prefix, str) or "" in prefix.split("/"):
        message = f"prefix must be a folder such as 'group/array', not {prefix!r:.80}"
        raise ConfigurationError(message, backend="memory", option="prefix")
    return prefix + "/"


def _frozen(value: Buffer) -> bytes:
    """Return bytes that nobody can change."""
    return value if type(value) is bytes else bytes(contiguous_view(value))


def _restored(cls: type[MemoryBackend], identity: Identity, prefix: str) -> MemoryBackend:
    """Rebuild a pickled backend."""
    backend = cls()
    backend._store = find_store(Identity(*identity))
    backend._prefix = prefix
    return backend
