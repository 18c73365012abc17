"""Files of GridFS: one document for each, and its bytes in parts.

A file is complete when its document is there: parts are written before it, and removed
after it. A name may have several files; the newest is the value.

Source: MongoDB's GridFS specification; there, parts are called chunks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

__all__ = ["FIELDS", "PART_NBYTES", "File", "after", "file_of", "joined", "newest", "parts_of"]

PART_NBYTES = 1_044_480
"""Bytes of a part: GridFS's usual 255 KiB are four times the requests of what arrays need; a
document may have 16 MiB. Whoever reads a file finds the number in its document."""

FIELDS = {"filename": 1, "length": 1, "chunkSize": 1, "uploadDate": 1, "metadata.revision": 1}
"""What is read of a file's document."""

_TICK = timedelta(milliseconds=1)
"""What dates in BSON are counted in."""


class File(NamedTuple):
    """What is known of a file."""

    id: Any
    name: str
    nbytes: int
    part_nbytes: int
    uploaded: datetime
    revision: int
    """Counts the values of a name; 0 where another GridFS client wrote it."""

    @property
    def nparts(self) -> int:
        """How many parts it has."""
        return -(-self.nbytes // self.part_nbytes)


def file_of(document: Mapping[str, Any]) -> File:
    """Return what a file's document says."""
    metadata = document.get("metadata")
    revision = metadata.get("revision", 0) if isinstance(metadata, Mapping) else 0
    return File(
        document["_id"],
        document["filename"],
        int(document["length"]),
        max(1, int(document["chunkSize"])),
        document["uploadDate"],
        revision if isinstance(revision, int) else 0,
    )


def newest(files: Iterable[File]) -> dict[str, File]:
    """Return the newest file of each name."""
    found: dict[str, File] = {}
    for file in files:
        other = found.get(file.name)
        if other is None or (other.uploaded, other.revision) < (file.uploaded, file.revision):
            found[file.name] = file
    return found


def after(dates: Iterable[datetime]) -> datetime:
    """Return the date of a file that is newer than others, whatever clocks wrote theirs."""
    now = datetime.now(UTC).replace(tzinfo=None)
    now -= timedelta(microseconds=now.microsecond % 1000)
    return max([now, *(date + _TICK for date in dates)])


def parts_of(file_id: Any, value: memoryview) -> Iterator[dict[str, Any]]:
    """Yield the parts of a value as documents."""
    for n, start in enumerate(range(0, value.nbytes, PART_NBYTES)):
        yield {"files_id": file_id, "n": n, "data": bytes(value[start : start + PART_NBYTES])}


def joined(file: File, parts: Mapping[int, bytes]) -> bytes | None:
    """Return a file's bytes; None where parts are missing.

    Args:
        file: The file.
        parts: Its parts by their numbers.
    """
    if len(parts) < file.nparts:
        return None
    if file.nparts == 0:
        return b""
    value = parts[0] if file.nparts == 1 else b"".join(parts[n] for n in range(file.nparts))
    return value if len(value) == file.nbytes else None
