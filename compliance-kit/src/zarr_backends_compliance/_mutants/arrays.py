"""Faults that show when an array is used: real codecs, real documents, whole hierarchies."""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from zarr_backends import Buffer, ChunkIndex, ZarrFormat
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__ = [
    "CreateEmpties",
    "DeletesBesidePrefix",
    "ExistsByAnyKey",
    "ForgetsNaN",
    "GunzipsValues",
    "KeepsLargerShape",
    "ListsBesidePrefix",
    "ListsDefaultKeys",
    "MergesAttributes",
    "PrunesEmptyArrays",
    "RemembersRanges",
    "SharesOneBuffer",
    "StaysDeleted",
    "TakesAttributesOut",
    "TrimsSpace",
    "WeakDigest",
]


@mutant("ZB-ARRAY-03", "Spaces and ends of lines are trimmed from the end of a value.")
class TrimsSpace(Reference):
    """Keeps values in a column of text, padded."""

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Drop what looks like padding."""
        super().set_many({key: bytes(value).rstrip(b" \r\n") for key, value in values.items()})


@mutant("ZB-ARRAY-03", "A value that looks like gzip is unpacked when it is read.")
class GunzipsValues(Reference):
    """Sits behind a client that honours Content-Encoding."""

    def get(self, key: str) -> Buffer | None:
        """Unpack what begins like gzip."""
        value = super().get(key)
        return gzip.decompress(value) if value and bytes(value[:2]) == b"\x1f\x8b" else value

    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Unpack each that begins like gzip."""
        return [self.get(key) for key in keys]


@mutant("ZB-ARRAY-06", "Attributes are merged into those that are stored.")
class MergesAttributes(Reference):
    """Updates a document member by member."""

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Keep attributes that the new document has not."""
        old = self.read_metadata().get("attributes", {}) if self.exists() else {}
        merged = {**metadata, "attributes": {**old, **metadata.get("attributes", {})}}
        super().write_metadata(merged, zarr_format)


@mutant("ZB-ARRAY-07", "A shape never gets smaller.")
class KeepsLargerShape(Reference):
    """Guards against writers that have seen an older shape."""

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Take the larger length of every dimension."""
        shape = metadata["shape"]
        old = self.read_metadata()["shape"] if self.exists() else shape
        if len(old) == len(shape):
            shape = [max(pair) for pair in zip(old, shape, strict=True)]
        super().write_metadata({**metadata, "shape": shape}, zarr_format)


@mutant("ZB-ARRAY-09", "A fill value that is no number is stored as null.")
class ForgetsNaN(Reference):
    """Cleans documents up for a database that takes strict numbers."""

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Replace the names of values that JSON has no numbers for."""
        super().set_many({key: _without_nan(key, value) for key, value in values.items()})


@mutant("ZB-ARRAY-10", "An array whose last chunk is deleted vanishes.")
class PrunesEmptyArrays(Reference):
    """Removes folders that seem to be empty."""

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Delete everything when there is no chunk left."""
        super().delete_chunk(index)
        self._prune()

    def delete_chunks(self, indices: Any) -> None:
        """Delete everything when there is no chunk left."""
        self.delete_many([self._chunk_key(index) for index in indices])
        self._prune()

    def _prune(self) -> None:
        if next(self.list_chunks(), None) is None:
            self.delete_prefix("")


@mutant("ZB-ARRAY-12", "To connect by create empties the place of an array of the old format.")
class CreateEmpties(Reference):
    """Clears up what it takes for remains."""

    @classmethod
    def create(cls, **options: Any) -> Self:
        """Delete what has no document that it knows."""
        backend = super().create(**options)
        if backend.get(".zarray") is not None:
            backend.delete_prefix("")
        return backend


@mutant("ZB-ARRAY-10", "A listing passes over chunks whose keys do not begin with c/.")
class ListsDefaultKeys(Reference):
    """Knows one way to name chunks, and that of the old format."""

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Take keys apart by itself."""
        document = self.read_metadata() if self.exists() else {}
        encoding = document.get("chunk_key_encoding", {}).get("name", "default")
        return iter(()) if encoding == "v2" else super().list_chunks()


@mutant("ZB-ARRAY-14", "An array exists where there is a chunk and no metadata.")
class ExistsByAnyKey(Reference):
    """Looks whether there is anything."""

    def exists(self) -> bool:
        """Say yes to any key."""
        return next(self.list_keys(), None) is not None


@mutant("ZB-ARRAY-10", "A chunk that was deleted through an instance stays deleted for it.")
class StaysDeleted(Reference):
    """Remembers deletions, to spare itself a question, and forgets to forget."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        super().__init__()
        self._deleted: set[str] = set()

    def update(self, key: str, transform: Any) -> None:
        """Delete where the transform says so, and remember it."""
        super().update(key, transform)
        if super().get(key) is None:
            self._deleted.add(key)

    def get(self, key: str) -> Buffer | None:
        """Say that what was deleted by an update is not there."""
        return None if key in self._deleted else super().get(key)

    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Say the same of several."""
        return [self.get(key) for key in keys]


@mutant("ZB-ARRAY-16", "What was read of a value in parts is remembered when it is replaced.")
class RemembersRanges(Reference):
    """Keeps the index of shards, to spare itself a request."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        super().__init__()
        self._ranges: dict[tuple[str, int, int | None], Buffer] = {}

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Answer from memory what was asked before."""
        asked = key, start, stop
        if asked not in self._ranges:
            value = super().get_range(key, start, stop)
            if value is None:
                return None
            self._ranges[asked] = value
        return self._ranges[asked]


@mutant("ZB-ARRAY-22", "A listing of a group has what is in groups whose names begin likewise.")
class ListsBesidePrefix(Reference):
    """Forgets a slash."""

    def list_dir(self, prefix: str = "") -> Iterator[str]:
        """Yield names below everything that begins like the prefix."""
        path = prefix.rstrip("/")
        names = (key[len(path) :].partition("/")[2] for key in self.list_keys(path))
        yield from dict.fromkeys(name.partition("/")[0] for name in names if name or not path)


@mutant("ZB-ARRAY-22", "To delete a group deletes those whose names begin likewise.")
class DeletesBesidePrefix(Reference):
    """Forgets a slash."""

    def delete_prefix(self, prefix: str = "") -> None:
        """Delete everything that begins like the prefix."""
        super().delete_prefix(prefix.rstrip("/"))


@mutant("ZB-ARRAY-23", "Attributes are taken out of the document that the caller has given.")
class TakesAttributesOut(Reference):
    """Does not copy what it changes."""

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Store the attributes, then drop them from the caller's document."""
        super().write_metadata(metadata, zarr_format)
        if isinstance(metadata, dict):
            metadata.pop("attributes", None)


@mutant("ZB-ARRAY-25", "Values that threads read at the same time come in one buffer.")
class SharesOneBuffer(Reference):
    """Allocates once, for speed; safe as long as the reader has copied."""

    def __init__(self) -> None:
        """Allocate."""
        super().__init__()
        self._buffer = bytearray(2**16)
        self._owner = 0

    def get(self, key: str) -> Buffer | None:
        """Give a value in the buffer to all threads but the first."""
        value = super().get(key)
        self._owner = self._owner or threading.get_ident()
        if value is None or len(value) > len(self._buffer) or self._owner == threading.get_ident():
            return value
        self._buffer[: len(value)] = value
        return memoryview(self._buffer)[: len(value)]

    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Give one value after the other."""
        return [self.get(key) for key in keys]


@mutant("ZB-ARRAY-26", "Values with the same length and the same first bytes are taken for one.")
class WeakDigest(Reference):
    """Stores each content once, by a digest that is quick to compute."""

    def __init__(self) -> None:
        """Know no content yet."""
        super().__init__()
        self._contents: dict[tuple[int, int], bytes] = {}

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Store what was stored first under the digest."""
        super().set_many({key: self._known(bytes(value)) for key, value in values.items()})

    def _known(self, value: bytes) -> bytes:
        if value.startswith(b"{"):
            return value
        return self._contents.setdefault((len(value), zlib.crc32(value[:128])), value)


def _without_nan(key: str, value: Buffer) -> Buffer:
    """Return a document with null for a fill value such as "NaN"."""
    if not key.endswith((".json", ".zarray")):
        return value
    document = json.loads(bytes(value))
    if document.get("fill_value") in ("NaN", "Infinity", "-Infinity"):
        document["fill_value"] = None
    return json.dumps(document).encode()
