"""The metadata documents of one array among the keys of a key-value store.

Zarr v3 has one document, ``zarr.json``. Zarr v2 has two, ``.zarray`` and ``.zattrs``; the
contract shows them as one, with the attributes as the member ``attributes``. Where both
formats are present v3 is taken, as other readers do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from zarr_backends._storage.keyvalue.documents import decode_document, encode_document
from zarr_backends.contract import Buffer, ZarrFormat
from zarr_backends.errors import ConfigurationError, MetadataError

__all__ = ["METADATA_KEYS", "read_document", "write_document"]

METADATA_KEYS = ("zarr.json", ".zarray", ".zattrs")
"""Keys of every metadata document that an array may have."""


class _KeyValues(Protocol):
    """The part of a key-value backend that documents need."""

    def get(self, key: str) -> Buffer | None: ...
    def set(self, key: str, value: Buffer) -> None: ...
    def delete(self, key: str) -> None: ...


def read_document(store: _KeyValues) -> dict[str, Any] | None:
    """Return the array document at the root of `store`, or None where there is none.

    A group's document is no array document.

    Raises:
        MetadataError: A document is there and is not JSON.
        BackendError: The store failed.
    """
    raw = store.get("zarr.json")
    if raw is not None:
        document = decode_document(raw, "zarr.json")
        if document.get("node_type") != "group":
            return document
    raw = store.get(".zarray")
    if raw is None:
        return None
    document = decode_document(raw, ".zarray")
    attributes = store.get(".zattrs")
    if attributes is not None:
        document["attributes"] = decode_document(attributes, ".zattrs")
    return document


def write_document(store: _KeyValues, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
    """Replace the array document at the root of `store`.

    Only keys whose bytes change are touched. When one of them cannot be written, those
    written before it are put back. Documents of the other format go last.

    Raises:
        ConfigurationError: `zarr_format` is not 2 or 3, or contradicts the document.
        MetadataError: The document cannot be written as JSON.
        BackendError: The store failed.
    """
    wanted = _encoded(metadata, zarr_format)
    stored = {key: store.get(key) for key in METADATA_KEYS}
    done: list[str] = []
    # An attribute document without its array is harmless, an array without its is not:
    # hence ".zattrs" before ".zarray", and deletions after both.
    for key in sorted(wanted, key=(".zattrs", ".zarray", "zarr.json").index):
        old = stored[key]
        if old is not None and bytes(old) == wanted[key]:
            continue
        try:
            store.set(key, wanted[key])
        except Exception:
            _restore(store, {key: stored[key] for key in done})
            raise
        done.append(key)
    for key, old in stored.items():
        if old is not None and key not in wanted:
            store.delete(key)


def _encoded(metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> dict[str, bytes]:
    """Return the documents to be stored, by key."""
    said = metadata.get("zarr_format", zarr_format)
    if zarr_format not in (2, 3) or said != zarr_format:
        message = f"zarr_format {zarr_format!r} must be 2 or 3, as the document says ({said!r})"
        raise ConfigurationError(message, option="zarr_format")
    if zarr_format == 3:  # noqa: PLR2004  # the format's own number
        return {"zarr.json": encode_document(metadata, "zarr.json")}
    array = {name: value for name, value in metadata.items() if name != "attributes"}
    wanted = {".zarray": encode_document(array, ".zarray")}
    if "attributes" in metadata:
        attributes = metadata["attributes"]
        if not isinstance(attributes, Mapping):
            message = f"attributes must be an object, not a {type(attributes).__name__}"
            raise MetadataError(message, key=".zattrs")
        wanted[".zattrs"] = encode_document(attributes, ".zattrs")
    return wanted


def _restore(store: _KeyValues, values: Mapping[str, Buffer | None]) -> None:
    """Put back what stood under the keys before."""
    for key, value in values.items():
        if value is None:
            store.delete(key)
        else:
            store.set(key, value)
