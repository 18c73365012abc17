"""Faults in raw keys."""

from __future__ import annotations

import contextlib
import json
import posixpath
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from zarr_backends import BackendTimeoutError, Buffer, ChunkIndex
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__: list[str] = []


@mutant("ZB-KEYS-01", "Documents are parsed and written anew where they are JSON.")
class TidyDocuments(Reference):
    """Tidies what is stored under the keys of metadata."""

    def set(self, key: str, value: Buffer) -> None:
        """Write JSON in one way."""
        if key.endswith("zarr.json"):
            with contextlib.suppress(ValueError):
                value = json.dumps(json.loads(bytes(value)), indent=2).encode()
        super().set(key, value)


@mutant("ZB-KEYS-02", "A folder of keys reads as empty bytes.")
class FolderIsEmpty(Reference):
    """Has markers for folders, as object stores do."""

    def get(self, key: str) -> Buffer | None:
        """Return empty bytes for what is a folder."""
        value = super().get(key)
        if value is None and next(iter(self.list_keys(f"{key}/")), None) is not None:
            return b""
        return value


@mutant("ZB-KEYS-03", "A prefix is taken for a folder.")
class PrefixIsFolder(Reference):
    """Lists 'a/b/...' alone for 'a/b'."""

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Add a slash where there is none."""
        folder = f"{prefix}/" if prefix and not prefix.endswith("/") else prefix
        return super().list_keys(folder)


@mutant("ZB-KEYS-03", "In a prefix, '_' stands for any character.")
class PatternPrefix(Reference):
    """Builds a LIKE without escaping."""

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Compare as LIKE does."""
        n = len(prefix)
        for key in super().list_keys():
            head = "".join("_" if p == "_" else k for p, k in zip(prefix, key[:n], strict=False))
            if head == prefix:
                yield key


@mutant("ZB-KEYS-04", "Of more than 1000 keys below a folder the others are not listed.")
class OnePage(Reference):
    """Forgets the continuation token."""

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield one page."""
        for n, key in enumerate(super().list_keys(prefix)):
            if n < 1000 or not prefix.startswith(("a", "b")):  # noqa: PLR2004
                yield key


@mutant("ZB-KEYS-04", "The last key of each page is listed again by the next one.")
class OverlappingPages(Reference):
    """Continues at the last key, not after it."""

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Repeat a key in every thousand."""
        for n, key in enumerate(super().list_keys(prefix), start=1):
            yield key
            if n % 1000 == 0 and not key.startswith("c"):
                yield key


@mutant(
    "ZB-KEYS-05", "Keys are quoted where they are stored, and not unquoted where they are listed."
)
class ListsQuoted(Reference):
    """Lists what became part of a url."""

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield keys as a server has them."""
        for key in super().list_keys(prefix):
            yield quote(key)


@mutant("ZB-KEYS-06", "Keys are normalised as paths before they are used.")
class NormalKeys(Reference):
    """Makes 'a/b' of 'a//b' and 'a/x/../b'."""

    def set(self, key: str, value: Buffer) -> None:
        """Write under the normal form."""
        super().set(posixpath.normpath(key) if key else key, value)

    def get(self, key: str) -> Buffer | None:
        """Read the normal form."""
        return super().get(posixpath.normpath(key) if key else key)


@mutant("ZB-KEYS-07", "Chunks of v2 arrays are always separated by dots.")
class OnlyDots(Reference):
    """Ignores dimension_separator."""

    def _chunk_key(self, index: ChunkIndex) -> str:
        """Name chunks as v2 does by default."""
        key = super()._chunk_key(index)
        return key if key.startswith("c") else key.replace("/", ".")


@mutant("ZB-KEYS-08", "The document is remembered; what is set under its key is not seen.")
class RemembersDocument(Reference):
    """Parses metadata once for all that this instance wrote."""

    _document: dict[str, Any] | None = None

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: Any) -> None:
        """Forget the document."""
        self._document = None
        super().write_metadata(metadata, zarr_format)

    def read_metadata(self) -> dict[str, Any]:
        """Return what was read first."""
        document = super().read_metadata()
        if self._document is None or self._document.get("shape") != [4, 4]:
            self._document = document
        return json.loads(json.dumps(self._document))  # type: ignore[no-any-return]


@mutant("ZB-KEYS-09", "Deleting a key deletes what is below it.")
class DeletesFolders(Reference):
    """Is recursive."""

    def delete(self, key: str) -> None:
        """Delete the folder as well."""
        self.delete_many([key, *self.list_keys(f"{key}/")])


@mutant("ZB-KEYS-10", "What was set last is remembered as the caller's memory.")
class RemembersValue(Reference):
    """Answers reads of what it has just set from memory."""

    _last: tuple[str, Buffer] | None = None

    def set(self, key: str, value: Buffer) -> None:
        """Keep documents that are no bytes."""
        super().set(key, value)
        self._last = (key, value) if key == "zarr.json" and not isinstance(value, bytes) else None

    def get(self, key: str) -> Buffer | None:
        """Return what was kept."""
        return bytes(self._last[1]) if self._last and self._last[0] == key else super().get(key)


@mutant("ZB-KEYS-11", "A listing by prefix is remembered until this instance writes.")
class RemembersListing(Reference):
    """Caches folders, those of chunks excepted."""

    def __init__(self) -> None:
        """Begin with nothing remembered."""
        super().__init__()
        self._listings: dict[str, list[str]] = {}

    def set(self, key: str, value: Buffer) -> None:
        """Forget everything."""
        self._listings.clear()
        super().set(key, value)

    def delete(self, key: str) -> None:
        """Forget everything."""
        self._listings.clear()
        super().delete(key)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """List once."""
        if not prefix or prefix.startswith("c"):
            return super().list_keys(prefix)
        if prefix not in self._listings:
            self._listings[prefix] = list(super().list_keys(prefix))
        return iter(self._listings[prefix])


@mutant("ZB-KEYS-12", "While a listing is open nothing else can be done.")
class ListingLocks(Reference):
    """Holds a lock for as long as its cursor lives."""

    def __init__(self) -> None:
        """Make the lock."""
        super().__init__()
        self._cursor = threading.Lock()

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Hold the lock until the end."""
        keys = list(super().list_keys(prefix))
        if not self._cursor.acquire(timeout=0.5):
            message = "the connection is busy with another listing"
            raise BackendTimeoutError(message, backend=self.backend_id)
        try:
            yield from keys
        finally:
            self._cursor.release()


@mutant(
    "ZB-KEYS-13", "A value is set although the key exists, where it was to be set only if absent."
)
class SetsAnyway(Reference):
    """Has no conditional write."""

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Replace what is there."""
        self.set(key, value)
        return True


@mutant("ZB-KEYS-14", "Deleting a whole prefix leaves empty values behind.")
class LeavesEmpty(Reference):
    """Deletes what has a size."""

    def delete_prefix(self, prefix: str = "") -> None:
        """Skip empty values."""
        self.delete_many([key for key in self.list_keys(prefix) if self.size(key)])


@mutant("ZB-KEYS-15", "Deleting a group leaves the documents of the groups in it.")
class LeavesGroups(Reference):
    """Deletes two levels."""

    def delete_prefix(self, prefix: str = "") -> None:
        """Leave documents that are deeper, unless all is deleted."""
        doomed = list(self.list_keys(prefix))
        if prefix:
            doomed = [key for key in doomed if not key[len(prefix) :].endswith("/zarr.json")]
        self.delete_many(doomed)
