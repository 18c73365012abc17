"""Faults that show when several threads, instances or processes work at once."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from zarr_backends import (
    Buffer,
    contiguous_view,
)
from zarr_backends._storage.filesystem.backend import FilesystemBackend
from zarr_backends._storage.memory.backend import MemoryBackend
from zarr_backends_compliance._mutants.connection import Connection
from zarr_backends_compliance._mutants.guards import Guarded
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__ = [
    "DeletesThenInserts",
    "KeepsOneIndexOfAll",
    "ListsByOffset",
    "LooksBeforeItDeletes",
    "MetadataInTwoSteps",
    "MetadataInTwoStepsForOthers",
    "TruncatesAndWrites",
    "TwoStepsUnderItsLock",
    "TwoStepsUnderTheLockOfItsProcess",
    "UsesOneConnectionForAll",
    "WalksOverTheLiveTable",
]


_LATENCY_S = 0.002
"""Seconds that an answer of a store on a network takes."""


@mutant("ZB-CONC-01", "A chunk is truncated and then written.")
class TruncatesAndWrites(FilesystemBackend):
    """Opens the file itself."""

    def set(self, key: str, value: Buffer) -> None:
        """Write chunks in place."""
        path = Path(self._options["path"]) / key
        if not key.startswith("c"):
            super().set(key, value)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contiguous_view(value))


@mutant("ZB-CONC-01", "A large chunk is deleted before the new one is inserted.")
class DeletesThenInserts(Reference):
    """Knows no REPLACE."""

    def set(self, key: str, value: Buffer) -> None:
        """Delete, then insert."""
        if contiguous_view(value).nbytes > 500_000:  # noqa: PLR2004  # large
            super().delete(key)
            time.sleep(_LATENCY_S / 10)
        super().set(key, value)


class _TwoSteps(Guarded):
    """Writes a half and then the whole, inside its guard."""

    def _applies(self, key: str) -> bool:
        """Whether a key is written so."""
        return key.startswith("c/")

    def set(self, key: str, value: Buffer) -> None:
        """Write in two steps."""
        view = contiguous_view(value)
        with self._guard():
            if self._applies(key):
                super().set(key, view[: len(view) // 2])
                time.sleep(_LATENCY_S / 10)
            super().set(key, view)


@mutant("ZB-CONC-02", "A chunk is written in two steps, under a lock of the instance.")
class TwoStepsUnderItsLock(_TwoSteps):
    """Forgets that there are other instances."""

    def _guard(self) -> AbstractContextManager[object]:
        """Return the lock of the instance."""
        return self._lock


@mutant("ZB-CONC-03", "A chunk is written in two steps, under a lock of the process.")
class TwoStepsUnderTheLockOfItsProcess(_TwoSteps):
    """Forgets that there are other processes."""

    def _guard(self) -> AbstractContextManager[object]:
        """Return the lock of the process."""
        return self._process


@mutant("ZB-CONC-04", "All threads use one connection, and so one transaction.")
class UsesOneConnectionForAll(Reference):
    """Takes a connection for something that threads can share."""

    def _connection(self) -> Connection:
        """Return the first connection of this process."""
        mine = [key for key in list(self._connections) if key[0] == os.getpid()]
        return self._connections[mine[0]] if mine else super()._connection()


@mutant("ZB-CONC-05", "A listing goes on at an offset, which deletions move.")
class ListsByOffset(Reference):
    """Counts the keys that it has yielded."""

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield pages of keys."""
        offset = 0
        while True:
            rows = self._rows(
                "SELECT key FROM entries WHERE place = ? AND substr(key, 1, ?) = ?"
                " ORDER BY key LIMIT 500 OFFSET ?",
                *(self._place, len(prefix), prefix, offset),
            )
            yield from (key for (key,) in rows)
            if not rows:
                return
            offset += len(rows)


@mutant("ZB-CONC-05", "A listing walks over the table that others change.")
class WalksOverTheLiveTable(MemoryBackend):
    """Makes no copy of the keys."""

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield keys from the dictionary itself."""
        start, cut = self._prefix + prefix, len(self._prefix)
        values = self._store._values  # noqa: SLF001  # the fault
        return (key[cut:] for key in values if key.startswith(start))


@mutant("ZB-CONC-06", "A deletion looks first; where another one is faster, it fails.")
class LooksBeforeItDeletes(FilesystemBackend):
    """Takes the file that was there for one that is there."""

    def delete(self, key: str) -> None:
        """Look, then remove."""
        path = Path(self._options["path"]) / key
        if path.exists():
            path.unlink()


@mutant("ZB-CONC-07", "Metadata is deleted before the new document is written.")
class MetadataInTwoSteps(_TwoSteps):
    """Makes room first."""

    def set(self, key: str, value: Buffer) -> None:
        """Delete the document, then write it."""
        if key == "zarr.json":
            self.delete(key)
            time.sleep(_LATENCY_S / 10)
        Guarded.set(self, key, value)


@mutant("ZB-CONC-08", "Metadata is written in two steps, under a lock of the process.")
class MetadataInTwoStepsForOthers(_TwoSteps):
    """Forgets that other processes read metadata."""

    def _applies(self, key: str) -> bool:
        """Whether it is metadata."""
        return key == "zarr.json"

    def _guard(self) -> AbstractContextManager[object]:
        """Return the lock of the process."""
        return self._process


@mutant("ZB-CONC-09", "The keys are in one index, which two processes overwrite for each other.")
class KeepsOneIndexOfAll(Guarded):
    """Lists by the index, to spare the store a listing."""

    def _guard(self) -> AbstractContextManager[object]:
        """Return the lock of the process."""
        return self._process

    def _index(self) -> set[str]:
        """Return the keys that are in the index."""
        return set(json.loads(bytes(super().get("~index") or b"[]")))

    def set(self, key: str, value: Buffer) -> None:
        """Write, and put the key into the index."""
        with self._process:
            super().set(key, value)
            index = self._index() | {key}
            time.sleep(_LATENCY_S / 10)
            super().set("~index", json.dumps(sorted(index)).encode())

    def delete(self, key: str) -> None:
        """Delete, and take the key out of the index."""
        with self._process:
            super().delete(key)
            super().set("~index", json.dumps(sorted(self._index() - {key})).encode())

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Write, and put the keys into the index unless it is itself written."""
        super().set_many(values)
        if len(values) > 1:
            super().set_many({"~index": json.dumps(sorted(self._index() | set(values))).encode()})

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield what the index has."""
        return (key for key in sorted(self._index()) if key.startswith(prefix))
