"""Reading the newest complete files.

1. Find the documents of a name and take the newest.
2. Read its parts. Where some are missing, the file was replaced or deleted in between (its
   document goes before its parts do): begin again.
3. A file that stays and whose parts stay away is damaged, which is an error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeAlias

from pymongo.collection import Collection as MongoCollection

from zarr_backends import CorruptStorageError
from zarr_backends_mongodb._deadlines import Deadline
from zarr_backends_mongodb._files import FIELDS, File, file_of, joined, newest
from zarr_backends_mongodb._options import BACKEND_ID

__all__ = ["Documents", "Patience", "Reader"]

Documents: TypeAlias = MongoCollection[dict[str, Any]]

_TRIES = 8
"""Times that one and the same file is found without all its parts until it is damaged; a
standby that is read may be behind the one that was read before."""

_PAGE = 2000
"""Names in one reply of a listing."""


class Reader:
    """Reads files.

    Args:
        files: Collection of the files' documents.
        parts: Collection of their parts.
    """

    def __init__(self, files: Documents, parts: Documents) -> None:
        """Take the collections; nothing is read."""
        self._files = files
        self._parts = parts

    def value(self, deadline: Deadline, name: str) -> bytes | None:
        """Return the bytes of a name's newest file in one round trip; None without any."""
        pipeline: list[dict[str, Any]] = [
            {"$match": {"filename": name}},
            {"$sort": {"uploadDate": -1}},
            {"$limit": 1},
            {"$project": FIELDS},
            {
                "$lookup": {
                    "from": self._parts.name,
                    "localField": "_id",
                    "foreignField": "files_id",
                    "as": "part",
                }
            },
            {"$unwind": {"path": "$part", "preserveNullAndEmptyArrays": True}},
            {"$project": {**FIELDS, "part.n": 1, "part.data": 1}},
        ]
        patience = Patience(deadline)
        while True:
            rows = deadline.take(lambda: list(self._files.aggregate(pipeline)))
            if not rows:
                return None
            file = file_of(rows[0])
            value = joined(
                file, {row["part"]["n"]: row["part"]["data"] for row in rows if "part" in row}
            )
            if value is not None:
                return value
            patience.lost(file)

    def values(self, deadline: Deadline, names: Collection[str]) -> dict[str, bytes]:
        """Return the bytes of several names in two round trips, without those that are absent."""
        files = self.newest(deadline, names)
        parts = self.parts(deadline, files.values())
        values = {name: joined(file, parts[file.id]) for name, file in files.items()}
        for name in [name for name, value in values.items() if value is None]:
            values[name] = self.value(deadline, name)
        return {name: value for name, value in values.items() if value is not None}

    def slice(self, deadline: Deadline, name: str, start: int, stop: int | None) -> bytes | None:
        """Return ``value[start:stop]`` of a name, reading only the parts that hold it."""
        patience = Patience(deadline)
        while True:
            file = self.newest(deadline, [name]).get(name)
            if file is None:
                return None
            first, end, _ = slice(start, stop).indices(file.nbytes)
            if end <= first:
                return b""
            numbers = range(first // file.part_nbytes, -(-end // file.part_nbytes))
            parts = self.parts(deadline, [file], numbers)[file.id]
            data = b"".join(parts[n] for n in numbers) if len(parts) == len(numbers) else b""
            skipped = numbers.start * file.part_nbytes
            if len(data) >= end - skipped:
                return data if len(data) == end - first else data[first - skipped : end - skipped]
            patience.lost(file)

    def newest(self, deadline: Deadline, names: Collection[str]) -> dict[str, File]:
        """Return the newest file of each of several names, without those that have none."""
        query = {"filename": {"$in": list(names)}}
        found = deadline.take(lambda: list(self._files.find(query, FIELDS)))
        return newest(map(file_of, found))

    def parts(
        self, deadline: Deadline, files: Iterable[File], numbers: range | None = None
    ) -> Mapping[Any, dict[int, bytes]]:
        """Return parts of several files, as far as they are there.

        Args:
            deadline: Time for it.
            files: Files.
            numbers: Which parts, all by default.
        """
        found: dict[Any, dict[int, bytes]] = {file.id: {} for file in files}
        query: dict[str, Any] = {"files_id": {"$in": list(found)}}
        if numbers is not None:
            query["n"] = {"$gte": numbers.start, "$lt": numbers.stop}
        fields = {"_id": 0, "files_id": 1, "n": 1, "data": 1}
        rows = deadline.take(lambda: list(self._parts.find(query, fields))) if found else []
        for row in rows:
            found[row["files_id"]][row["n"]] = row["data"]
        return found

    def names(self, deadline: Deadline, start: str, end: str) -> tuple[list[str], bool]:
        """Return some names in order, and whether there may be more.

        Args:
            deadline: Time for it.
            start: The first name that counts.
            end: The first one that does not.
        """
        query = {"filename": {"$gte": start, "$lt": end}}
        fields = {"_id": 0, "filename": 1}
        found = deadline.take(
            lambda: list(self._files.find(query, fields).sort("filename", 1).limit(_PAGE))
        )
        return list(dict.fromkeys(row["filename"] for row in found)), len(found) == _PAGE


class Patience:
    """Waits where a file has lost its parts, until it is clear that they stay away.

    Args:
        deadline: Time for it.
    """

    def __init__(self, deadline: Deadline) -> None:
        """Begin."""
        self._deadline = deadline
        self._last: Any = None
        self._tries = 0

    def lost(self, file: File) -> None:
        """Take note that parts of a file are missing, and wait.

        Args:
            file: The newest file of its name.

        Raises:
            CorruptStorageError: It has been so again and again.
        """
        self._tries = self._tries + 1 if file.id == self._last else 1
        self._last = file.id
        if self._tries == _TRIES:
            message = f"the file {file.name!r} has not all of its {file.nbytes:,} bytes"
            raise CorruptStorageError(message, backend=BACKEND_ID)
        self._deadline.pause(self._tries)
