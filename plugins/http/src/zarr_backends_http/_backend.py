"""The backend ``http``: arrays and hierarchies behind a server, under keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Self, cast

from zarr_backends import BackendError, Buffer, ConfigurationError, KeyValueBackend, Transform
from zarr_backends_http._array_backend import HttpArrayBackend
from zarr_backends_http._connection import Connection
from zarr_backends_http._errors import BACKEND_ID
from zarr_backends_http._options import checked_array_id, options_of_url, settings_of
from zarr_backends_http._protocol import fault_of_name, quoted
from zarr_backends_http._values import Values

__all__ = ["HttpBackend"]

_HEALTH_S = 5.0
"""Seconds in which a healthy server says that it is."""


class HttpBackend(KeyValueBackend):
    """Keeps values on a server of zarr-backends-http.

    `create` asks the server once what it has behind it. Where that knows single arrays and
    no keys, it returns an `HttpArrayBackend` instead.
    """

    backend_id: ClassVar[str] = BACKEND_ID

    max_concurrency = 16

    _connection: Connection

    def connect(  # noqa: PLR0913  # the options
        self,
        *,
        base_url: str,
        array_id: str,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
    ) -> None:
        """Take the place; nothing is connected.

        Args:
            base_url: Address of the server, such as ``"https://lab.example.org/zarr"``.
            array_id: Which array, or hierarchy, on the server.
            api_key: The server's key, sent as a bearer token.
            timeout_s: Seconds that each request may take, whatever happens.
            headers: Headers of every request, for what stands before the server.
            verify: Whether to check certificates, or a file or folder of those to trust.

        Raises:
            ConfigurationError: An option is of a wrong type or impossible.
        """
        settings = settings_of(base_url, api_key, timeout_s, headers, verify)
        self._array_id = checked_array_id(array_id)
        self._connection = Connection(settings)
        self._values = Values(self._connection, array_id, "keys")

    @classmethod
    def create(cls, **options: Any) -> Self:
        """Connect to a place where an array may be put; see `connect` for the options.

        Returns:
            An instance, or an `HttpArrayBackend` where the server's storage has no keys.

        Raises:
            BackendError: The server cannot be asked.
        """
        backend = super().create(**options)
        try:
            if backend.has_keys():
                return backend
        except BaseException:
            backend.close()
            raise
        backend.close()
        return cast("Self", HttpArrayBackend.create(**options))

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Return the options in a url such as ``http://host:8000/arrays/run%201``.

        Raises:
            ConfigurationError: It is no such url.
        """
        return options_of_url(url)

    # --- Reading --------------------------------------------------------------------

    def get(self, key: str) -> Buffer | None:
        """Return a value, None where there is none."""
        return self._values.get(_checked(key))

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return ``value[start:stop]``, cut by the server."""
        return self._values.get_range(_checked(key), start, stop)

    def size(self, key: str) -> int | None:
        """Return the length of a value, None where there is none."""
        return self._values.size(_checked(key))

    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return several values in one round trip, or a few where they are large."""
        return self._values.get_many([_checked(key) for key in keys])

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield every key that starts with `prefix` while the server lists them."""
        return map(self._text, self._values.listing(prefix=prefix))

    def list_dir(self, prefix: str = "") -> Iterator[str]:
        """Yield the names just below `prefix`."""
        return map(self._text, self._values.listing("names", prefix))

    # --- Writing --------------------------------------------------------------------

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value."""
        self._values.set(_checked(key), value)

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists; return whether it was set."""
        return self._values.set_if_absent(_checked(key), value)

    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)``, on the condition that it is still the old one."""
        self._values.update(_checked(key), transform)

    def delete(self, key: str) -> None:
        """Delete a value."""
        self._values.delete(_checked(key))

    def delete_prefix(self, prefix: str = "") -> None:
        """Delete every key that starts with `prefix`, in one request."""
        self._values.delete_prefix(prefix)

    # --- Life -----------------------------------------------------------------------

    def has_keys(self) -> bool:
        """Ask the server whether the storage behind it has keys.

        Returns:
            Its answer.

        Raises:
            BackendError: It does not say.
        """
        document = self._connection.json(f"/arrays/{quoted(self._array_id)}")
        has_keys = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(has_keys, bool):
            message = f"{self!r}: the server does not say whether its storage has keys"
            raise BackendError(message, backend=BACKEND_ID)
        return has_keys

    def is_healthy(self) -> bool:
        """Whether the server says within 5 seconds that it and its storage work."""
        try:
            document = self._connection.json("/health", timeout_s=_HEALTH_S)
        except BackendError:
            return False
        return isinstance(document, dict) and document.get("status") == "ok"

    def close(self) -> None:
        """Close the connections; a later call connects again."""
        self._connection.close()

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
        place = f"base_url={self._connection.place!r} array_id={self._array_id!r}"
        return f"<{type(self).__name__} {place}>"

    def _text(self, value: Any) -> str:
        """Return a key of a listing.

        Raises:
            BackendError: It is none.
        """
        if isinstance(value, str):
            return value
        message = f"{self!r}: the server's listing holds {value!r:.80}, which is no key"
        raise BackendError(message, backend=BACKEND_ID)


def _checked(key: str) -> str:
    """Return a key that can be part of a path.

    Raises:
        ConfigurationError: It is none.
    """
    fault = fault_of_name(key)
    if fault:
        message = f"key {key!r:.80} {fault}"
        raise ConfigurationError(message, backend=BACKEND_ID, option="key")
    return key
