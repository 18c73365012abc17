"""Correct backends with the capabilities that `Reference` lacks; faults are added to them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import unquote, urlsplit

from zarr_backends import (
    Buffer,
    ConfigurationError,
    KeyValueBackend,
    Snapshot,
    contiguous_view,
)
from zarr_backends_compliance._mutants.reference import Reference

__all__ = ["Buffered", "WithSnapshots", "WithUrls"]


class WithSnapshots(Reference):
    """Has snapshots: values that were read whole."""

    def open_value(self, key: str) -> AbstractContextManager[Snapshot] | None:
        """Return a context with a value of which nothing can change."""
        return super().open_value(key)


class WithUrls(Reference):
    """Has urls: ``reference:///folder/file#array``."""

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Return path and array of a url.

        Raises:
            ConfigurationError: It names a machine, or lacks one of the two.
        """
        try:
            parts = urlsplit(url)
            path, array = unquote(parts.path), unquote(parts.fragment)
        except ValueError as error:
            message = "the url is none: look at its brackets"
            raise ConfigurationError(message, backend=cls.backend_id, option="url") from error
        if parts.netloc or parts.query or not path.startswith("/") or not array:
            message = "a url must be like reference:///folder/file#array"
            raise ConfigurationError(message, backend=cls.backend_id, option="url")
        return {"path": path, "array_id": array}


class Buffered(KeyValueBackend):
    """Keeps writes in memory until they are flushed, all in one step."""

    backend_id: ClassVar[str] = "buffered"

    def connect(self, *, path: str, array_id: str = "a") -> None:
        """Take the place.

        Args:
            path: The database.
            array_id: Which array in it.
        """
        self._stored = Reference.create(path=path, array_id=array_id)
        self._options = {"path": os.path.abspath(path), "array_id": array_id}  # noqa: PTH100
        self._pending: dict[str, bytes | None] = {}

    def get(self, key: str) -> Buffer | None:
        """Return a value, pending or stored."""
        with self._lock:
            if key in self._pending:
                return self._pending[key]
        return self._stored.get(key)

    def set(self, key: str, value: Buffer) -> None:
        """Keep a copy of a value."""
        with self._lock:
            self._pending[key] = bytes(contiguous_view(value))

    def delete(self, key: str) -> None:
        """Remember that a key is to be deleted."""
        with self._lock:
            self._pending[key] = None

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that are stored and not pending, and those pending."""
        with self._lock:
            pending = dict(self._pending)
        for key in self._stored.list_keys(prefix):
            if key not in pending:
                yield key
        for key, value in pending.items():
            if value is not None and key.startswith(prefix):
                yield key

    def flush(self) -> None:
        """Store what is pending."""
        with self._lock:
            if self._pending:
                with self._stored.transaction():
                    self.store(self._pending)
                self._pending.clear()

    def store(self, pending: Mapping[str, bytes | None]) -> None:
        """Write and delete in the database."""
        self._stored.set_many({key: value for key, value in pending.items() if value is not None})
        self._stored.delete_many([key for key, value in pending.items() if value is None])

    def close(self) -> None:
        """Flush, and close the database."""
        self.flush()
        self._stored.close()

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

    def __reduce__(self) -> tuple[Any, ...]:
        """Flush, so that others find everything, and pickle as the options."""
        self.flush()
        return super().__reduce__()
