"""The keys of one array, over a backend that has only the ten members.

Such a backend knows chunk indices and one metadata document. Seen through this view it
has the keys that the Zarr specification gives them, so that whoever works with keys (the
zarr-python store) can work with the array. Groups and further arrays it cannot hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from threading import RLock
from typing import Any, NamedTuple

from zarr_backends._format.chunks.keys import ChunkKeyEncoding, encoding_of
from zarr_backends._storage.keyvalue.documents import decode_document
from zarr_backends._storage.keyvalue.node_documents import (
    METADATA_KEYS,
    read_document,
    write_document,
)
from zarr_backends.contract import (
    Backend,
    Buffer,
    ChunkIndex,
    SupportsBatches,
    SupportsRangeReads,
    SupportsSizes,
)
from zarr_backends.errors import ChunkNotFoundError, ConfigurationError, MetadataNotFoundError

__all__ = ["ArrayKeys"]

_ARRAY_KEYS = ("zarr.json", ".zarray")
"""Keys that make an array; ``.zattrs`` only goes with one."""


class ArrayKeys:
    """The key-value methods over the ten members of one backend.

    Chunks are byte-exact. Metadata is the same JSON document, not the same bytes.

    The contract has no way to delete metadata. `delete` says so; `delete_prefix` of
    everything deletes the chunks and hides the document from this view until the next one
    replaces it, which is what overwriting an array needs.

    Source: Zarr core specification 3, "Storage"; Zarr v2 specification, "Storage".
    """

    def __init__(self, backend: Backend) -> None:
        """Look at a backend; nothing is read yet."""
        self._backend = backend
        self._lock = RLock()
        self._layout: _Layout | None = None
        self._hidden = False
        # zarr-python writes ".zattrs" and ".zarray" at the same time, in either order.
        self._early_attributes: bytes | None = None

    def get(self, key: str) -> Buffer | None:
        """Return a value, or None for a key that is absent or not of this array.

        Raises:
            BackendError: The backend failed.
            MetadataError: The stored document is not that of an array.
        """
        if key in METADATA_KEYS:
            return self._documents().get(key)
        index = self._index_of(key)
        if index is None:
            return None
        try:
            return self._backend.read_chunk(index)
        except ChunkNotFoundError:
            return None

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return ``value[start:stop]``, cut as a slice would be; None for an absent key."""
        index = self._index_of(key)
        if index is None or not isinstance(self._backend, SupportsRangeReads):
            value = self.get(key)
            return None if value is None else memoryview(value)[start:stop]
        try:
            return self._backend.read_chunk_range(index, start, stop)
        except ChunkNotFoundError:
            return None

    def size(self, key: str) -> int | None:
        """Return the number of bytes of a value, None for an absent key."""
        index = self._index_of(key)
        if index is None or not isinstance(self._backend, SupportsSizes):
            value = self.get(key)
            return None if value is None else memoryview(value).nbytes
        try:
            return self._backend.chunk_nbytes(index)
        except ChunkNotFoundError:
            return None

    def set(self, key: str, value: Buffer) -> None:
        """Write a chunk or the metadata of the array.

        Raises:
            ConfigurationError: The key is neither; this backend has no place for it.
            MetadataError: The document is not JSON.
            BackendError: The backend failed.
        """
        if key in METADATA_KEYS:
            self._set_document(key, bytes(value))
            return
        index = self._index_of(key)
        if index is None:
            raise self._no_place(key)
        self._backend.write_chunk(index, value)

    def delete(self, key: str) -> None:
        """Delete a chunk or the v2 attributes; a key that is absent is no error.

        Raises:
            ConfigurationError: The key is that of the array's metadata.
            BackendError: The backend failed.
        """
        if key in METADATA_KEYS:
            self._delete_document(key)
            return
        index = self._index_of(key)
        if index is not None:
            self._backend.delete_chunk(index)

    def delete_prefix(self, prefix: str = "") -> None:
        """Delete every chunk whose key starts with `prefix`; see the class on metadata."""
        self._delete_chunks([index for _, index in self._chunks(prefix)])
        with self._lock:
            if not prefix:
                self._hidden, self._early_attributes = True, None

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield every key of the array that starts with `prefix` once, lazily."""
        for key in self._documents():
            if key.startswith(prefix):
                yield key
        for key, _ in self._chunks(prefix):
            yield key

    # --- Chunks ---------------------------------------------------------------------

    def _index_of(self, key: str) -> ChunkIndex | None:
        """Return the chunk that a key stands for; None where there is no array or chunk."""
        if key in METADATA_KEYS:
            return None
        if self._layout is None:
            self._documents()
        return self._layout and self._layout.encoding.decode(key, self._layout.ndim)

    def _chunks(self, prefix: str) -> Iterator[tuple[str, ChunkIndex]]:
        """Yield key and index of the stored chunks whose key starts with `prefix`."""
        if not self._documents() or self._layout is None:
            return
        encoding = self._layout.encoding
        if not (prefix.startswith(encoding.prefix) or encoding.prefix.startswith(prefix)):
            return
        for index in self._backend.list_chunks():
            key = encoding.encode(index)
            if key.startswith(prefix):
                yield key, index

    def _delete_chunks(self, indices: list[ChunkIndex]) -> None:
        """Delete several chunks, at once where the backend can."""
        if isinstance(self._backend, SupportsBatches):
            self._backend.delete_chunks(indices)
            return
        for index in indices:
            self._backend.delete_chunk(index)

    # --- Metadata -------------------------------------------------------------------

    def _documents(self) -> _Documents:
        """Return the metadata documents by key, as the format of the array has them."""
        documents = _Documents()
        with self._lock:
            document = None if self._hidden else self._read()
            if document is not None:
                self._layout = _layout_of(document)
                write_document(documents, document, document["zarr_format"])
            if self._early_attributes is not None:
                documents[".zattrs"] = self._early_attributes
        return documents

    def _read(self) -> dict[str, Any] | None:
        """Return the stored document, None where there is none."""
        try:
            return self._backend.read_metadata()
        except MetadataNotFoundError:
            return None

    def _set_document(self, key: str, value: bytes) -> None:
        """Replace one metadata document, with what belongs to it."""
        self._check_document(key, value)
        with self._lock:
            documents = self._documents()
            if key == ".zattrs" and ".zarray" not in documents:
                self._early_attributes = value
                return
            if key == ".zarray":
                documents.delete("zarr.json")
            documents[key] = value
            self._write(documents)

    def _check_document(self, key: str, value: bytes) -> None:
        """Refuse what is not JSON, and a group.

        Raises:
            ConfigurationError: The document is that of a group.
        """
        document = decode_document(value, key)
        if key == "zarr.json" and document.get("node_type") == "group":
            raise self._no_place(key, "a group")

    def _delete_document(self, key: str) -> None:
        """Delete the v2 attributes.

        Raises:
            ConfigurationError: The key is that of the array's metadata.
        """
        with self._lock:
            self._early_attributes = None if key == ".zattrs" else self._early_attributes
            documents = self._documents()
            if key not in documents:
                return
            if key in _ARRAY_KEYS:
                message = (
                    f"{key!r} can be replaced but not deleted: {self._backend!r} stores one array "
                    "and has no way to delete its metadata"
                )
                raise ConfigurationError(message, backend=self._backend.backend_id, key=key)
            documents.delete(key)
            self._write(documents)

    def _write(self, documents: _Documents) -> None:
        """Hand the documents of one format to the backend as the one that it knows."""
        document = read_document(documents) or {}
        layout = _layout_of(document)
        self._backend.write_metadata(document, 3 if "zarr.json" in documents else 2)
        self._layout, self._hidden, self._early_attributes = layout, False, None

    def _no_place(self, key: str, what: str = "this key") -> ConfigurationError:
        """Return the error that says that this is one array and no hierarchy."""
        message = (
            f"{key!r}: {self._backend!r} stores one array and no hierarchy, so it has no place for "
            f"{what}; create the array at the root (no name, no path), its metadata first, or use "
            "a backend with keys"
        )
        return ConfigurationError(message, backend=self._backend.backend_id, key=key)


class _Layout(NamedTuple):
    """How the chunks of the array are named."""

    encoding: ChunkKeyEncoding
    ndim: int | None


class _Documents(dict[str, bytes]):
    """Metadata documents by key, with the methods that reading and writing them takes."""

    def set(self, key: str, value: Buffer) -> None:
        """Keep a document."""
        self[key] = bytes(value)

    def delete(self, key: str) -> None:
        """Drop a document, if there."""
        self.pop(key, None)


def _layout_of(document: Mapping[str, Any]) -> _Layout:
    """Return how a document says that chunks are named."""
    shape = document.get("shape")
    return _Layout(encoding_of(document), len(shape) if isinstance(shape, list | tuple) else None)
