"""One array behind a server whose storage has no keys, by the chunk routes alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from operator import index as as_int
from types import TracebackType
from typing import Any, ClassVar, Self

from zarr_backends import (
    ArrayNotFoundError,
    BackendError,
    Buffer,
    ChunkIndex,
    ChunkNotFoundError,
    ConfigurationError,
    MetadataError,
    MetadataNotFoundError,
    Transform,
    ZarrFormat,
)
from zarr_backends_http._connection import Connection
from zarr_backends_http._errors import BACKEND_ID
from zarr_backends_http._options import Settings, checked_array_id, settings_of
from zarr_backends_http._protocol import quoted, text_of_index
from zarr_backends_http._values import Values

__all__ = ["HttpArrayBackend"]


class HttpArrayBackend:
    """The chunks and the metadata of one array on a server; made by ``HttpBackend.create``."""

    backend_id: ClassVar[str] = BACKEND_ID

    max_concurrency = 16

    def __init__(self, settings: Settings, array_id: str, options: Mapping[str, Any]) -> None:
        """Take a place; users call `create` or `open`."""
        self._options = dict(options)
        self._connection = Connection(settings)
        self._array_id = array_id
        self._chunks = Values(self._connection, array_id, "chunks")
        self._path = f"/arrays/{quoted(array_id)}/metadata"

    @classmethod
    def create(  # noqa: PLR0913  # the options
        cls,
        *,
        base_url: str,
        array_id: str,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
    ) -> Self:
        """Take a place where an array may be put; the options are those of ``HttpBackend``.

        Returns:
            An instance; the server is not asked yet.

        Raises:
            ConfigurationError: An option is of a wrong type or impossible.
        """
        settings = settings_of(base_url, api_key, timeout_s, headers, verify)
        options = {
            "base_url": base_url, "array_id": array_id, "api_key": api_key,
            "timeout_s": timeout_s, "headers": headers, "verify": verify,
        }  # fmt: skip
        return cls(settings, checked_array_id(array_id), options)

    @classmethod
    def open(  # noqa: PLR0913  # the options
        cls,
        *,
        base_url: str,
        array_id: str,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
    ) -> Self:
        """Connect to an array that exists; the options are those of ``HttpBackend``.

        Returns:
            A connected instance.

        Raises:
            ArrayNotFoundError: No array is stored there.
        """
        backend = cls.create(
            base_url=base_url,
            array_id=array_id,
            api_key=api_key,
            timeout_s=timeout_s,
            headers=headers,
            verify=verify,
        )
        if not backend.exists():
            backend.close()
            message = f"no array at {backend!r}"
            raise ArrayNotFoundError(message, backend=BACKEND_ID)
        return backend

    # --- Metadata -------------------------------------------------------------------

    def read_metadata(self) -> dict[str, Any]:
        """Return the metadata document.

        Raises:
            MetadataNotFoundError: No array is stored here.
            MetadataError: What came back is no document.
        """
        reply = self._connection.exchange("GET", self._path, allowed=(200, 404))
        if reply.is_missing:
            message = f"no array metadata at {self!r}"
            raise MetadataNotFoundError(message, backend=BACKEND_ID)
        try:
            document = json.loads(reply.body)
        except (ValueError, RecursionError) as error:
            raise self._no_document() from error
        if not isinstance(document, dict):
            raise self._no_document()
        return document

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Replace the metadata document.

        Raises:
            ConfigurationError: `zarr_format` is not 2 or 3, or contradicts the document.
            MetadataError: The document cannot be written as JSON.
        """
        document = {**metadata, "zarr_format": metadata.get("zarr_format", zarr_format)}
        if zarr_format not in (2, 3) or document["zarr_format"] != zarr_format:
            message = f"zarr_format {zarr_format!r} must be 2 or 3, as the document says"
            raise ConfigurationError(message, backend=BACKEND_ID, option="zarr_format")
        try:
            body = json.dumps(document, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            message = f"the metadata cannot be written as JSON: {error}"
            raise MetadataError(message, backend=BACKEND_ID) from error
        headers = {"content-type": "application/json"}
        self._connection.exchange("PUT", self._path, headers=headers, body=memoryview(body))

    def exists(self) -> bool:
        """Whether an array is stored here."""
        reply = self._connection.exchange("HEAD", self._path, allowed=(200, 404))
        return reply.status == HTTPStatus.OK

    # --- Chunks ---------------------------------------------------------------------

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return the bytes of a chunk.

        Raises:
            ChunkNotFoundError: The chunk is not stored.
        """
        value = self._chunks.get(_text(index))
        if value is None:
            raise self._missing(index)
        return value

    def read_chunk_range(self, index: ChunkIndex, start: int, stop: int | None = None) -> Buffer:
        """Return ``chunk[start:stop]``, cut by the server.

        Raises:
            ChunkNotFoundError: The chunk is not stored.
        """
        value = self._chunks.get_range(_text(index), start, stop)
        if value is None:
            raise self._missing(index)
        return value

    def read_chunks(self, indices: Sequence[ChunkIndex]) -> list[Buffer | None]:
        """Return several chunks in the order asked for, None for those not stored."""
        return self._chunks.get_many([_checked(index) for index in indices])

    def chunk_nbytes(self, index: ChunkIndex) -> int:
        """Return the length of a chunk in bytes.

        Raises:
            ChunkNotFoundError: The chunk is not stored.
        """
        nbytes = self._chunks.size(_text(index))
        if nbytes is None:
            raise self._missing(index)
        return nbytes

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Replace a chunk atomically."""
        self._chunks.set(_text(index), data)

    def update_chunk(self, index: ChunkIndex, transform: Transform) -> None:
        """Replace a chunk by ``transform(old)``, on the condition that it is still the old one."""
        self._chunks.update(_text(index), transform)

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Delete a chunk; one that is not stored is no error."""
        self._chunks.delete(_text(index))

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Yield the index of every stored chunk while the server lists them.

        Raises:
            BackendError: What came back is no listing.
        """
        for value in self._chunks.listing():
            if not isinstance(value, list) or any(type(i) is not int for i in value):
                message = f"{self!r}: the listing holds {value!r:.80}, which is no chunk index"
                raise BackendError(message, backend=BACKEND_ID)
            yield tuple(value)

    # --- Life -----------------------------------------------------------------------

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

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the options, so that a worker process connects for itself."""
        return _reconnect, (type(self), self._options)

    def __repr__(self) -> str:
        """Show the place, without credentials."""
        place = f"base_url={self._connection.place!r} array_id={self._array_id!r}"
        return f"<{type(self).__name__} {place}>"

    def _missing(self, index: ChunkIndex) -> ChunkNotFoundError:
        """Return the error that says that a chunk is absent."""
        message = f"no chunk {index!r} at {self!r}"
        return ChunkNotFoundError(message, backend=BACKEND_ID, index=_checked(index))

    def _no_document(self) -> MetadataError:
        """Return the error about what is no document."""
        message = f"{self!r}: what the server has as metadata is no JSON object"
        return MetadataError(message, backend=BACKEND_ID)


def _checked(index: ChunkIndex) -> ChunkIndex:
    """Return an index of plain non-negative ints (NumPy's integers are taken).

    Raises:
        ConfigurationError: It is none.
    """
    try:
        plain = tuple(as_int(i) for i in index)
    except TypeError as error:
        message = f"a chunk index is a tuple of integers, not {index!r:.80}"
        raise ConfigurationError(message, backend=BACKEND_ID, option="index") from error
    if any(i < 0 for i in plain):
        message = f"chunk index {plain!r} is negative"
        raise ConfigurationError(message, backend=BACKEND_ID, option="index")
    return plain


def _text(index: ChunkIndex) -> str:
    """Return an index as the path has it."""
    return text_of_index(_checked(index))


def _reconnect(cls: type[HttpArrayBackend], options: dict[str, Any]) -> HttpArrayBackend:
    """Rebuild a pickled backend."""
    return cls.create(**options)
