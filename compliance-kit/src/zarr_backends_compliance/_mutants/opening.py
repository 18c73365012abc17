"""Faults in creating, opening and reaching a place a second time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

from zarr_backends import (
    ArrayNotFoundError,
    Buffer,
    ChunkIndex,
    ChunkNotFoundError,
    MetadataNotFoundError,
    ZarrFormat,
)
from zarr_backends_compliance._mutants.bare import BareFiles
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__ = [
    "ArrayErrorForChunk",
    "CachesChunks",
    "CachesListing",
    "CachesMetadata",
    "CachesMisses",
    "CreateClears",
    "CreateTruncatesMetadata",
    "CreateWritesMetadata",
    "ExistsByAnything",
    "ExistsNeedsAttributes",
    "GuessesTheEncoding",
    "OpenLeavesPlaceholder",
    "OpenRaisesBuiltin",
    "OpensAnything",
    "RemembersAbsence",
    "WritesAtTheEnd",
]


@mutant("ZB-OPEN-01", "`create` writes an empty metadata document.")
class CreateWritesMetadata(BareFiles):
    """Allocates too much."""

    @classmethod
    def create(cls, *, path: str) -> Self:  # type: ignore[override]
        """Connect and write."""
        backend = cls(path)
        if not backend.exists():
            backend.write_metadata({}, 3)
        return backend


@mutant("ZB-OPEN-01", "Before there is metadata, a missing chunk raises ArrayNotFoundError.")
class ArrayErrorForChunk(Reference):
    """Is helpful in the wrong way."""

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return a chunk, or say that there is no array.

        Raises:
            ArrayNotFoundError: There is none.
            ChunkNotFoundError: The chunk is not stored.
        """
        try:
            return super().read_chunk(index)
        except ChunkNotFoundError:
            if self.exists():
                raise
            message = "no array here"
            raise ArrayNotFoundError(message, backend=self.backend_id, index=index) from None


@mutant("ZB-OPEN-02", "`open` succeeds where nothing is stored.")
class OpensAnything(Reference):
    """Is the same as create."""

    @classmethod
    def open(cls, **options: Any) -> Self:
        """Connect."""
        return cls.create(**options)


@mutant("ZB-OPEN-02", "`open` raises FileNotFoundError, which is no error of ours.")
class OpenRaisesBuiltin(BareFiles):
    """Lets the system's error through."""

    @classmethod
    def open(cls, *, path: str) -> Self:  # type: ignore[override]
        """Connect.

        Returns:
            A connected instance.

        Raises:
            FileNotFoundError: No array is stored there.
        """
        backend = cls(path)
        if not backend.exists():
            raise FileNotFoundError(path)
        return backend


@mutant("ZB-OPEN-02", "An `open` that fails leaves something behind, which the next one opens.")
class OpenLeavesPlaceholder(Reference):
    """Registers a place before it looks."""

    @classmethod
    def open(cls, **options: Any) -> Self:
        """Connect, or fail and leave a document."""
        try:
            return super().open(**options)
        except ArrayNotFoundError:
            cls.create(**options).set("zarr.json", b"{}")
            raise


@mutant("ZB-OPEN-03", "An array counts as existing as soon as anything is stored.")
class ExistsByAnything(Reference):
    """Looks for any key."""

    def exists(self) -> bool:
        """Whether there is a key."""
        return next(self.list_keys(), None) is not None


@mutant("ZB-OPEN-04", "A v2 array without attributes does not exist.")
class ExistsNeedsAttributes(Reference):
    """Asks for both documents of v2."""

    def exists(self) -> bool:
        """Whether the documents are there."""
        attributes = self.get("zarr.json") is not None or self.get(".zattrs") is not None
        return super().exists() and attributes


@mutant("ZB-OPEN-05", "An instance that has not read the metadata takes chunks for those of v3.")
class GuessesTheEncoding(Reference):
    """Reads the metadata too late."""

    _asked = False

    def read_metadata(self) -> dict[str, Any]:
        """Read the document, and know the layout from then on."""
        self._asked = True
        return super().read_metadata()

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Write the document, and know the layout from then on."""
        self._asked = True
        super().write_metadata(metadata, zarr_format)

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """List, and know the layout from then on."""
        self._asked = True
        return super().list_chunks()

    def _chunk_key(self, index: ChunkIndex) -> str:
        if self._asked:
            return super()._chunk_key(index)
        return "/".join(["c", *map(str, index)])


@mutant("ZB-OPEN-05", "Every tenth write reaches the store, and the rest when this instance reads.")
class WritesAtTheEnd(Reference):
    """Buffers without a flush."""

    def connect(self, *, path: str, array_id: str = "a", timeout_s: float = 30.0) -> None:
        """Begin with nothing pending."""
        super().connect(path=path, array_id=array_id, timeout_s=timeout_s)
        self._pending: dict[ChunkIndex, bytes] = {}

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Wait for nine more."""
        self._chunk_key(index)
        self._pending[index] = memoryview(data).tobytes()
        if len(self._pending) >= 10:  # noqa: PLR2004  # a round number
            self._write_pending()

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Write everything, then read."""
        self._write_pending()
        return super().read_chunk(index)

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Write everything, then delete."""
        self._write_pending()
        super().delete_chunk(index)

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Write everything, then list."""
        self._write_pending()
        return super().list_chunks()

    def _write_pending(self) -> None:
        while self._pending:
            super().write_chunk(*self._pending.popitem())


@mutant("ZB-OPEN-06", "A chunk that was read once is read from a cache for ever.")
class CachesChunks(Reference):
    """Forgets that it is not alone."""

    def connect(self, *, path: str, array_id: str = "a", timeout_s: float = 30.0) -> None:
        """Begin with an empty cache."""
        super().connect(path=path, array_id=array_id, timeout_s=timeout_s)
        self._cache: dict[ChunkIndex, Buffer] = {}

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Read once."""
        if index not in self._cache:
            self._cache[index] = super().read_chunk(index)
        return self._cache[index]

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Write, and forget what was read."""
        super().write_chunk(index, data)
        self._cache.clear()

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Delete, and forget what was read."""
        super().delete_chunk(index)
        self._cache.clear()


@mutant("ZB-OPEN-06", "A chunk that was missing once is missing for ever, unless written here.")
class CachesMisses(Reference):
    """Saves the requests for what is not there."""

    def connect(self, *, path: str, array_id: str = "a", timeout_s: float = 30.0) -> None:
        """Begin with nothing missing."""
        super().connect(path=path, array_id=array_id, timeout_s=timeout_s)
        self._missing: set[str] = set()

    def get(self, key: str) -> Buffer | None:
        """Return a value, unless it was absent before."""
        value = None if key in self._missing else super().get(key)
        if value is None and key.startswith("c/"):
            self._missing.add(key)
        return value

    def set(self, key: str, value: Buffer) -> None:
        """Set a value, which is there from now on."""
        super().set(key, value)
        self._missing.discard(key)


@mutant("ZB-OPEN-06", "The listing is made once and then kept in step with this instance's writes.")
class CachesListing(Reference):
    """Keeps an index of its own."""

    _listing: set[ChunkIndex] | None = None

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """List once."""
        if self._listing is None:
            self._listing = set(super().list_chunks())
        return iter(sorted(self._listing))

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Write, and list anew."""
        super().write_chunk(index, data)
        self._listing = None

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Delete, and list anew."""
        super().delete_chunk(index)
        self._listing = None


@mutant("ZB-OPEN-07", "`create` clears the chunks of an array that is there.")
class CreateClears(Reference):
    """Begins anew."""

    @classmethod
    def create(cls, **options: Any) -> Self:
        """Connect and clear."""
        backend = super().create(**options)
        for index in list(backend.list_chunks()):
            backend.delete_chunk(index)
        return backend

    @classmethod
    def open(cls, **options: Any) -> Self:
        """Connect without clearing.

        Returns:
            A connected instance.

        Raises:
            ArrayNotFoundError: No array is stored there.
        """
        backend = super().create(**options)
        if not backend.exists():
            message = "no array here"
            raise ArrayNotFoundError(message, backend=cls.backend_id)
        return backend


@mutant("ZB-OPEN-07", "`create` opens the document for writing, which empties it.")
class CreateTruncatesMetadata(BareFiles):
    """Uses the mode "w" to see whether it may write."""

    @classmethod
    def create(cls, *, path: str) -> Self:  # type: ignore[override]
        """Connect and remove the document."""
        backend = cls(path)
        backend._document.unlink(missing_ok=True)
        return backend


@mutant("ZB-OPEN-08", "Metadata is read once; what others write later is not seen.")
class CachesMetadata(Reference):
    """Takes metadata for constant."""

    _cached: str | None = None

    def read_metadata(self) -> dict[str, Any]:
        """Read once, and give copies."""
        if self._cached is None:
            self._cached = repr(super().read_metadata())
        return dict(eval(self._cached))  # noqa: S307  # a literal of this very class

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Write, and read anew."""
        super().write_metadata(metadata, zarr_format)
        self._cached = None


@mutant("ZB-OPEN-08", "Metadata that was absent once is absent until this instance writes it.")
class RemembersAbsence(Reference):
    """Remembers a no."""

    _absent = False

    def read_metadata(self) -> dict[str, Any]:
        """Read the document, unless it was absent before.

        Returns:
            The document.

        Raises:
            MetadataNotFoundError: It is absent, or was.
        """
        if self._absent:
            message = "no metadata"
            raise MetadataNotFoundError(message, backend=self.backend_id)
        try:
            return super().read_metadata()
        except MetadataNotFoundError:
            self._absent = True
            raise

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Write the document, which is there from now on."""
        super().write_metadata(metadata, zarr_format)
        self._absent = False
