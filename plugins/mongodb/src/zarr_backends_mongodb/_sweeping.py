"""What killed writers leave, and its collection: some documents at a time.

* Parts without a document. They may be of a file that is being written, so that only those
  count whose file was begun a day ago.
* Files that are not the newest of their name.

Where a sweep stopped is kept in the bucket, so that the next one goes on there, in whatever
process it is.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId

from zarr_backends_mongodb._deadlines import Deadline
from zarr_backends_mongodb._files import FIELDS, file_of, newest
from zarr_backends_mongodb._reading import Documents
from zarr_backends_mongodb._writing import Writer

__all__ = ["Sweeper"]

_PORTION = 1000
"""Documents that one sweep looks at, of each kind."""

_FIRST_ID = ObjectId("0" * 24)
"""A part's file has an id of this kind if we wrote it."""

_GRACE = timedelta(days=1)
"""Age of parts without a document that nobody is still about to write."""


class Sweeper:
    """Collects what killed writers left.

    Args:
        files: Collection of the files' documents.
        parts: Collection of their parts.
        state: Collection that says where to go on.
        writer: Who retires files.
    """

    def __init__(
        self, files: Documents, parts: Documents, state: Documents, writer: Writer
    ) -> None:
        """Take the collections; nothing is read."""
        self._files = files
        self._parts = parts
        self._state = state
        self._writer = writer

    def sweep(self, deadline: Deadline) -> None:
        """Look at some parts and some files."""
        self._sweep(deadline, "parts", _FIRST_ID, self.some_parts)
        self._sweep(deadline, "files", "", self.some_files)

    def sweep_all(self, deadline: Deadline) -> None:
        """Look at all parts and files."""
        for first, step in ((_FIRST_ID, self.some_parts), ("", self.some_files)):
            last: Any = first
            while (last := step(deadline, last)) is not None:
                pass

    def some_parts(self, deadline: Deadline, after: ObjectId) -> ObjectId | None:
        """Delete old parts without a document, among some.

        Args:
            deadline: Time for it.
            after: Id of the last file that was looked at.

        Returns:
            The id to go on after, None at the end.
        """
        pipeline: list[dict[str, Any]] = [
            {"$match": {"files_id": {"$gt": after}}},
            {"$sort": {"files_id": 1, "n": 1}},
            {"$limit": _PORTION},
            {"$project": {"_id": 0, "files_id": 1}},
        ]
        rows = deadline.take(lambda: list(self._parts.aggregate(pipeline)))
        ids = {row["files_id"] for row in rows}
        begun_before = datetime.now(UTC) - _GRACE
        old = [one for one in ids if one.generation_time < begun_before]
        orphans = set(old) - self._existing(deadline, old)
        if orphans:
            query = {"files_id": {"$in": list(orphans)}}
            deadline.take(lambda: self._parts.delete_many(query))
        return max(ids) if len(rows) == _PORTION else None

    def some_files(self, deadline: Deadline, after: str) -> str | None:
        """Retire files of ours that are not the newest of their name, among some names.

        Args:
            deadline: Time for it.
            after: The last name that was looked at.

        Returns:
            The name to go on after, None at the end.
        """
        query = {"filename": {"$gt": after}, "metadata.revision": {"$gt": 0}}
        rows = deadline.take(
            lambda: list(self._files.find(query, FIELDS).sort("filename", 1).limit(_PORTION))
        )
        files = [file_of(row) for row in rows]
        current = {file.id for file in newest(files).values()}
        replaced = [file.id for file in files if file.id not in current]
        if replaced:
            self._writer.retire(deadline, replaced)
        return files[-1].name if len(files) == _PORTION else None

    def _existing(self, deadline: Deadline, ids: list[ObjectId]) -> set[Any]:
        """Return those of some ids that are ids of files."""
        query = {"_id": {"$in": ids}}
        return {
            row["_id"] for row in deadline.take(lambda: list(self._files.find(query, {"_id": 1})))
        }

    def _sweep(self, deadline: Deadline, kind: str, first: Any, step: Any) -> None:
        """Take a step from where the last one stopped."""
        found = deadline.take(lambda: self._state.find_one({"_id": kind}))
        last = step(deadline, first if found is None else found["after"])
        change = {"$set": {"after": first if last is None else last}}
        deadline.take(lambda: self._state.update_one({"_id": kind}, change, upsert=True))
