"""Faults in flushing, and in writes that nobody flushes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from zarr_backends import Buffer
from zarr_backends._storage.zip.backend import ZipBackend
from zarr_backends_compliance._mutants.capable import Buffered
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__: list[str] = []


@mutant("ZB-FLUSH-01", "flush stores chunks, and leaves the metadata for close.")
class FlushesChunks(Buffered):
    """Has documents in a buffer of their own, once there are some."""

    def store(self, pending: Mapping[str, bytes | None]) -> None:
        """Leave out documents that replace others."""
        super().store(
            {
                key: value
                for key, value in pending.items()
                if key != "zarr.json" or self._stored.size(key) is None
            }
        )


@mutant("ZB-FLUSH-02", "flush makes writes visible to this process alone.")
class FlushesNothing(ZipBackend):
    """Leaves the archive to close."""

    def flush(self) -> None:
        """Do nothing."""


@mutant("ZB-FLUSH-03", "A flush of nothing makes an empty array.")
class FlushMakesArray(Buffered):
    """Makes sure that there is something to open."""

    def flush(self) -> None:
        """Store a document where there is none."""
        if not self._pending and next(iter(self._stored.list_keys()), None) is None:
            self._stored.set("zarr.json", b'{"zarr_format":3,"node_type":"array"}')
        super().flush()


@mutant("ZB-FLUSH-04", "What is written over a flushed chunk is not seen before the next flush.")
class ReadsStoredFirst(Buffered):
    """Looks at the store first, then at what is pending."""

    def get(self, key: str) -> Buffer | None:
        """Prefer what is stored."""
        stored = self._stored.get(key)
        return super().get(key) if stored is None or key == "zarr.json" else stored


@mutant("ZB-FLUSH-05", "flush hands the writes to a thread and returns.")
class FlushesLater(Buffered):
    """Does not wait for its thread, where there is a lot to write."""

    def flush(self) -> None:
        """Begin to flush."""
        later = threading.Thread(target=self._store_later, args=(dict(self._pending),), daemon=True)
        later.start()

    def _store_later(self, pending: Mapping[str, bytes | None]) -> None:
        """Store after a moment, over a connection of its own."""
        time.sleep(0.05)
        stored = Reference.create(**self._options)
        stored.set_many({key: value for key, value in pending.items() if value is not None})
        stored.delete_many([key for key, value in pending.items() if value is None])
        stored.close()

    def close(self) -> None:
        """Store what is pending now."""
        super().flush()
        self._stored.close()


class _Late(Buffered):
    """Stores at once, but not what `is_late` says, which is stored by the next call."""

    flush = None  # type: ignore[assignment]  # it offers none

    def is_late(self, value: bytes | None) -> bool:
        """Whether a value waits for the next call."""
        raise NotImplementedError

    def set(self, key: str, value: Buffer) -> None:
        """Store what waited, and this, unless it waits."""
        super().set(key, value)
        self._settle()

    def delete(self, key: str) -> None:
        """Store what waited, and delete."""
        super().delete(key)
        self._settle()

    def _settle(self) -> None:
        """Store what does not wait."""
        with self._lock:
            now = {k: v for k, v in self._pending.items() if not self.is_late(v)}
            self._pending = {k: v for k, v in self._pending.items() if k not in now}
            self.store(now)

    def close(self) -> None:
        """Store what waits, and close."""
        with self._lock:
            self.store(self._pending)
            self._pending = {}
        self._stored.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the options."""
        return Reference.__reduce__(self)


@mutant("ZB-FLUSH-06", "Without flush among its methods, large chunks wait for close.")
class LargeOnesWait(_Late):
    """Buffers uploads, and offers no flush."""

    def is_late(self, value: bytes | None) -> bool:
        """Whether it is large."""
        return value is not None and len(value) >= 2**20


_in_process: dict[tuple[str, str], bytes | None] = {}


@mutant("ZB-FLUSH-07", "Without flush among its methods, writes stay in the process until close.")
class StaysInProcess(Reference):
    """Shares a write-back cache among the instances of the process."""

    def get(self, key: str) -> Buffer | None:
        """Look into the cache first."""
        found = _in_process.get((self._path + self._place, key))
        return found if found is not None else super().get(key)

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Keep in memory what replaces a stored chunk."""
        for key, value in values.items():
            if key.startswith("c/") and self.size(key) is not None:
                _in_process[self._path + self._place, key] = bytes(value)
            else:
                super().set_many({key: value})

    def delete_many(self, keys: Any) -> None:
        """Delete in both."""
        for key in keys:
            _in_process.pop((self._path + self._place, key), None)
        super().delete_many(keys)

    def size(self, key: str) -> int | None:
        """Return the length of what is current."""
        value = self.get(key)
        return None if value is None else len(value)

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Cut what is current."""
        value = self.get(key)
        return None if value is None else bytes(value)[start:stop]

    def get_many(self, keys: Any) -> list[Buffer | None]:
        """Return what is current."""
        return [self.get(key) for key in keys]


@mutant("ZB-FLUSH-08", "A flush replaces everything by what this instance knows.")
class RewritesWhole(Buffered):
    """Writes the whole archive anew, as it was when it was opened."""

    def __init__(self) -> None:
        """Know nothing yet."""
        super().__init__()
        self._known: set[str] = set()

    def get(self, key: str) -> Buffer | None:
        """Know what is read."""
        value = super().get(key)
        if value is not None:
            self._known.add(key)
        return value

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Know what is listed."""
        for key in super().list_keys(prefix):
            self._known.add(key)
            yield key

    def store(self, pending: Mapping[str, bytes | None]) -> None:
        """Delete what is not known."""
        self._known |= set(pending)
        super().store(pending)
        self._stored.delete_many([k for k in self._stored.list_keys() if k not in self._known])
