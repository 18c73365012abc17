"""A bucket of GridFS: its collections, its indexes, and who reads and writes it."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from bson.codec_options import CodecOptions
from pymongo import IndexModel
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from zarr_backends import BackendError
from zarr_backends_mongodb._clients import SharedClient
from zarr_backends_mongodb._deadlines import Deadline
from zarr_backends_mongodb._options import Policy
from zarr_backends_mongodb._reading import Reader
from zarr_backends_mongodb._sweeping import Sweeper
from zarr_backends_mongodb._writing import Writer

__all__ = ["Bucket"]

_SWEEP_EVERY_S = 600.0
"""Seconds from one sweep of this process to the next, while it writes."""

_SWEEP_S = 5.0
"""Seconds that a sweep may take."""

_FILE_INDEXES = (
    # The first is what every GridFS client makes.
    IndexModel([("filename", 1), ("uploadDate", 1)]),
    IndexModel(
        [("metadata.name", 1), ("metadata.revision", 1)],
        name="zarr_revisions",
        unique=True,
        partialFilterExpression={"metadata.name": {"$exists": True}},
    ),
    IndexModel(
        [("metadata.deleted", 1)],
        name="zarr_deletions",
        partialFilterExpression={"metadata.deleted": {"$exists": True}},
    ),
    IndexModel(
        [("metadata.expires", 1)],
        name="zarr_retired",
        expireAfterSeconds=0,
        partialFilterExpression={"metadata.expires": {"$exists": True}},
    ),
)

_PART_INDEXES = (IndexModel([("files_id", 1), ("n", 1)], unique=True),)


class Bucket:
    """A bucket, as one instance of the backend uses it.

    Args:
        shared: The client.
        database: Name of the database.
        name: Name of the bucket.
        policy: What reads and writes ask of the servers.
    """

    def __init__(self, shared: SharedClient, database: str, name: str, policy: Policy) -> None:
        """Name the collections; nothing is connected."""
        options: CodecOptions[dict[str, Any]] = CodecOptions()
        kept = shared.client.get_database(
            database,
            codec_options=options,
            read_concern=policy.read_concern,
            read_preference=ReadPreference.PRIMARY,
            write_concern=policy.write_concern,
        )
        self._shared = shared
        self.refusal = shared.refusal
        self._key = database, name
        files, parts = kept[f"{name}.files"], kept[f"{name}.chunks"]
        self._collections = files, parts
        self.reader = Reader(files, parts)
        """Reads what is certain to be there: at the primary."""
        elsewhere = policy.read_preference
        self.nearby = Reader(
            files.with_options(read_preference=elsewhere),
            parts.with_options(read_preference=elsewhere),
        )
        """Reads where the user said."""
        # What is built upon is the latest state there is. Should it be rolled back, then what
        # was built upon it is as well, and was not acknowledged.
        latest = ReadConcern("local")
        now = files.with_options(read_concern=latest), parts.with_options(read_concern=latest)
        self.writer = Writer(*now, shared.turns)
        self.sweeper = Sweeper(*now, kept[f"{name}.sweeps"], self.writer)

    def prepare(self, deadline: Deadline) -> None:
        """Make the indexes, once in this process."""
        if self._key in self._shared.ready:
            return
        files, parts = self._collections
        deadline.take(lambda: files.create_indexes(list(_FILE_INDEXES)))
        deadline.take(lambda: parts.create_indexes(list(_PART_INDEXES)))
        self._shared.ready[self._key] = float("-inf")

    def tidy(self) -> None:
        """Sweep a little, every now and then; whether it works is of no matter to the caller."""
        now = time.monotonic()
        if now - self._shared.ready.get(self._key, now) < _SWEEP_EVERY_S:
            return
        self._shared.ready[self._key] = now
        with suppress(BackendError):
            self.sweeper.sweep(Deadline(_SWEEP_S))
