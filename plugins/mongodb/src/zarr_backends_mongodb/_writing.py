"""Writing: a file a value, and no two writers that both succeed one value.

Every file that this package writes has a revision: 1 for a name's first value, and always
one more than the value that it replaces. A unique index on name and revision makes the
insertion of its document a compare-and-swap: whoever read revision 4 writes revision 5, and
of two who do so the second is refused.

1. Write the parts, which nobody looks for yet.
2. Look at the name's files: they say which revision is next.
3. Insert the document. From now on the value is the new one, for every GridFS client, as
   its date is later than those of the files before. Refused: back to 2.
4. Retire the files before: take their names away, then delete their parts.

A deletion is a document with the next revision and no name, so that it takes part in this.
A retired document goes on to occupy its revision for a while, as a writer may be under way
who read it long ago; the server then removes it by itself.

A writer that is killed leaves parts without a document (between 1 and 3), a file that is not
the newest (before 4), or parts of a retired one: see `_sweeping`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from bson import ObjectId
from pymongo import WriteConcern
from pymongo.errors import BulkWriteError

from zarr_backends import BackendTimeoutError, NetworkError
from zarr_backends_mongodb._deadlines import Deadline
from zarr_backends_mongodb._errors import DUPLICATE_KEY
from zarr_backends_mongodb._files import (
    FIELDS,
    PART_NBYTES,
    File,
    after,
    file_of,
    joined,
    newest,
    parts_of,
)
from zarr_backends_mongodb._reading import Documents, Patience, Reader
from zarr_backends_mongodb._turns import Turns

__all__ = ["Writer"]

_RETIRED_MS = 1_800_000
"""How long a retired document keeps its revision occupied: more than `_FRESH_S` and the longest
time-out together, which is how long ago a writer can have looked. The mark of a deletion stays
twice as long, so that it outlives what was retired with it."""

_FRESH_S = 300.0
"""Seconds after which a file that was read is looked at again before its successor is written."""

_PORTION_NBYTES = 16 * 2**20
"""Bytes of parts in one request."""

_EXPIRES = {
    "$add": [
        "$$NOW",
        {"$cond": [{"$ifNull": ["$metadata.deleted", False]}, 2 * _RETIRED_MS, _RETIRED_MS]},
    ]
}
_RETIRE: list[dict[str, Any]] = [
    {"$set": {"metadata.expires": _EXPIRES, "length": 0}},
    {"$unset": "filename"},
]


class _State(NamedTuple):
    """The files of a name, as they were a moment ago."""

    name: str
    files: list[File]
    revision: int
    """The highest that is known, be it of a file or of a deletion."""
    dates: list[datetime]


class _Upload(NamedTuple):
    """A value whose parts are written, or a deletion."""

    id: ObjectId
    nbytes: int | None
    """None for a deletion."""


class Writer:
    """Writes, replaces and deletes files.

    Args:
        files: Collection of the files' documents, at the primary.
        parts: Collection of their parts.
        turns: Whose turn it is, in this process.
    """

    def __init__(self, files: Documents, parts: Documents, turns: Turns) -> None:
        """Take the collections; nothing is written."""
        self._turns = turns
        # Parts are on disk when the document after them is: a journal has one order.
        early = {**files.write_concern.document, "j": False}
        self._files = files
        self._parts = parts.with_options(write_concern=WriteConcern(**early))
        # What was replaced is no value any more: nobody waits until all servers know it.
        soon = WriteConcern(w=1)
        self._old_files = files.with_options(write_concern=soon)
        self._old_parts = parts.with_options(write_concern=soon)
        self._reader = Reader(files, parts)

    def write(self, deadline: Deadline, values: Mapping[str, memoryview | None]) -> None:
        """Replace the values of names, each atomically; None deletes."""
        uploads = self._upload(deadline, values)
        tries = 0
        while True:
            states = self._states(deadline, uploads)
            for name, state in states.items():
                if uploads[name].nbytes is None and not state.files:
                    del uploads[name]
            if not uploads:
                return
            done = self._commit(deadline, uploads, states)
            self._retire_replaced(deadline, uploads, [states[name] for name in done])
            for name in done:
                del uploads[name]
            if not uploads:
                return
            tries += 1
            deadline.pause(tries)

    def write_if_absent(self, deadline: Deadline, name: str, value: memoryview) -> bool:
        """Write the first value of a name; return False where there is one."""
        uploads: dict[str, _Upload] = {}
        tries = 0
        while True:
            states = self._states(deadline, [name])
            if states[name].files:
                self._discard(deadline, uploads)
                return False
            if not uploads:
                uploads = self._upload(deadline, {name: value})
            if self._commit(deadline, uploads, states):
                return True
            tries += 1
            deadline.pause(tries)

    def update(
        self, deadline: Deadline, name: str, transform: Callable[[bytes | None], memoryview | None]
    ) -> None:
        """Replace a value by ``transform(old)``, again as long as others are faster.

        Args:
            deadline: Time for it, without that of `transform`.
            name: Name of the file.
            transform: Gets None where there is no value, and returns None to delete it.
        """
        tries = 0
        while True:
            with self._turns.taken(name, deadline.left):
                if self._try_update(deadline, name, transform):
                    return
            tries += 1
            deadline.pause(tries)

    def _try_update(
        self, deadline: Deadline, name: str, transform: Callable[[bytes | None], memoryview | None]
    ) -> bool:
        """Update a value once; return False where another was faster."""
        state, old = self._current(deadline, name)
        read_at = time.monotonic()
        new = transform(old)
        if new is None and old is None:
            return True
        uploads = self._upload(deadline, {name: new})
        if self._is_fresh(deadline, state, read_at) and self._commit(
            deadline, uploads, {name: state}
        ):
            self._retire_replaced(deadline, uploads, [state])
            return True
        self._discard(deadline, uploads)
        return False

    # --- Steps ----------------------------------------------------------------------

    def _upload(
        self, deadline: Deadline, values: Mapping[str, memoryview | None]
    ) -> dict[str, _Upload]:
        """Write the parts of values, some at a time."""
        uploads = {
            name: _Upload(ObjectId(), None if value is None else value.nbytes)
            for name, value in values.items()
        }
        parts = (
            part
            for name, value in values.items()
            if value is not None
            for part in parts_of(uploads[name].id, value)
        )
        for portion in _portions(parts):
            self._insert(deadline, self._parts, portion)
        return uploads

    def _states(self, deadline: Deadline, names: Collection[str]) -> dict[str, _State]:
        """Return the files of names, and see deletions through that others left half done."""
        wanted = {"$in": list(names)}
        deletions: list[dict[str, Any]] = [
            {"$match": {"metadata.deleted": wanted}},
            {"$project": {**FIELDS, "metadata.deleted": 1}},
        ]
        pipeline: list[dict[str, Any]] = [
            {"$match": {"filename": wanted}},
            {"$project": FIELDS},
            {"$unionWith": {"coll": self._files.name, "pipeline": deletions}},
        ]
        rows = deadline.take(lambda: list(self._files.aggregate(pipeline)))
        by_name: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        for row in rows:
            by_name[row.get("filename") or row["metadata"]["deleted"]].append(row)
        states = {}
        for name, some in by_name.items():
            states[name], half_done = _state_of(name, some)
            if half_done:
                self.retire(deadline, half_done)
        return states

    def _current(self, deadline: Deadline, name: str) -> tuple[_State, bytes | None]:
        """Return the state of a name, and its value."""
        patience = Patience(deadline)
        while True:
            state = self._states(deadline, [name])[name]
            file = newest(state.files).get(name)
            if file is None:
                return state, None
            value = joined(file, self._reader.parts(deadline, [file])[file.id])
            if value is not None:
                return state, value
            patience.lost(file)

    def _is_fresh(self, deadline: Deadline, state: _State, read_at: float) -> bool:
        """Whether a state may be built upon; it is looked at again where it is old."""
        if time.monotonic() - read_at < _FRESH_S:
            return True
        now = self._states(deadline, [state.name])[state.name]
        return now == state

    def _commit(
        self, deadline: Deadline, uploads: Mapping[str, _Upload], states: Mapping[str, _State]
    ) -> list[str]:
        """Insert the documents of files; return the names for which nobody else was faster."""
        documents = [_document(states[name], upload) for name, upload in uploads.items()]
        refused = self._insert(deadline, self._files, documents)
        if refused:
            # A document that was inserted by an attempt whose reply was lost is ours.
            query = {"_id": {"$in": list(refused)}}
            found = deadline.take(lambda: list(self._files.find(query, {"_id": 1})))
            refused -= {row["_id"] for row in found}
        return [name for name, upload in uploads.items() if upload.id not in refused]

    def _insert(
        self, deadline: Deadline, collection: Documents, documents: list[dict[str, Any]]
    ) -> set[Any]:
        """Insert documents; return the ids of those that a unique index refused."""
        return deadline.take(lambda: _insert(collection, documents))

    def _retire_replaced(
        self, deadline: Deadline, uploads: Mapping[str, _Upload], states: Collection[_State]
    ) -> None:
        """Take away the files before those that were just written, or deleted."""
        deleted = [state for state in states if uploads[state.name].nbytes is None]
        if deleted:
            marks = [uploads[state.name].id for state in deleted]
            self.retire(deadline, [*_ids_of(deleted), *marks])
        replaced = _ids_of(state for state in states if uploads[state.name].nbytes is not None)
        if replaced:
            # The new value is there. What is left of the old one is swept up some time.
            with suppress(NetworkError, BackendTimeoutError):
                self.retire(deadline, replaced, self._old_files)

    def retire(
        self, deadline: Deadline, ids: Collection[Any], files: Documents | None = None
    ) -> None:
        """Take the names of files away, then delete their parts.

        Args:
            deadline: Time for it.
            ids: Ids of files that are no values any more.
            files: The collection of documents, with the write concern that this needs.
        """
        old_files = self._files if files is None else files
        query = {"$in": list(ids)}
        deadline.take(lambda: old_files.update_many({"_id": query}, _RETIRE))
        with suppress(NetworkError, BackendTimeoutError):
            deadline.take(lambda: self._old_parts.delete_many({"files_id": query}))

    def _discard(self, deadline: Deadline, uploads: Mapping[str, _Upload]) -> None:
        """Delete the parts of values that were not wanted."""
        ids = [upload.id for upload in uploads.values() if upload.nbytes]
        if ids:
            with suppress(NetworkError, BackendTimeoutError):
                query = {"files_id": {"$in": ids}}
                deadline.take(lambda: self._old_parts.delete_many(query))


def _insert(collection: Documents, documents: list[dict[str, Any]]) -> set[Any]:
    """Insert documents.

    Returns:
        The ids of those that a unique index refused.

    Raises:
        BulkWriteError: Something else happened to one of them.
    """
    try:
        collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        faults = error.details.get("writeErrors", [])
        others = [fault for fault in faults if fault["code"] != DUPLICATE_KEY]
        if others or error.details.get("writeConcernErrors"):
            raise
        return {documents[fault["index"]]["_id"] for fault in faults}
    return set()


def _state_of(name: str, rows: Collection[Mapping[str, Any]]) -> tuple[_State, list[Any]]:
    """Return a state, and the ids of documents of a deletion that was left half done."""
    deletions = [row for row in rows if "filename" not in row]
    files = [file_of(row) for row in rows if "filename" in row]
    deleted_at = max((row["uploadDate"] for row in deletions), default=datetime.min)  # noqa: DTZ901  # as BSON has it
    half_done = [file.id for file in files if file.uploaded < deleted_at]
    if half_done:
        half_done += [row["_id"] for row in deletions]
        files = [file for file in files if file.uploaded >= deleted_at]
    revisions = [file.revision for file in files]
    revisions += [row["metadata"]["revision"] for row in deletions]
    dates = [row["uploadDate"] for row in rows]
    return _State(name, files, max(revisions, default=0), dates), half_done


def _document(state: _State, upload: _Upload) -> dict[str, Any]:
    """Return the document of the next file of a name, or of its deletion."""
    metadata = {"name": state.name, "revision": state.revision + 1}
    named = {"filename": state.name}
    if upload.nbytes is None:
        metadata["deleted"], named = state.name, {}
    return {
        "_id": upload.id,
        **named,
        "length": upload.nbytes or 0,
        "chunkSize": PART_NBYTES,
        "uploadDate": after(state.dates),
        "metadata": metadata,
    }


def _ids_of(states: Iterable[_State]) -> list[Any]:
    """Return the ids of all files."""
    return [file.id for state in states for file in state.files]


def _portions(parts: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield parts in lists that fit into a request."""
    portion: list[dict[str, Any]] = []
    nbytes = 0
    for part in parts:
        portion.append({"_id": ObjectId(), **part})
        nbytes += len(part["data"])
        if nbytes >= _PORTION_NBYTES:
            yield portion
            portion, nbytes = [], 0
    if portion:
        yield portion
