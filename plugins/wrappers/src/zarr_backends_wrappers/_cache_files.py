"""Entries of a cache on a second backend, such as a local disk."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import RLock

from zarr_backends import KeyValueBackend, ZarrBackendsError
from zarr_backends_wrappers._cache_entries import Entry, Index, Part

__all__ = ["BackendEntries"]

_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}/-?\d+_(-?\d+)?")


class BackendEntries:
    """Keeps entries on a backend, from which they are found again by the next process.

    An entry is stored under a digest of its key and its part. It says in its head what it is
    of, and carries a digest of all that: what is damaged, or something else, is no entry.
    What the backend itself cannot do makes the cache smaller and breaks nothing.

    Args:
        keys: The backend; the cache alone uses its place.
        max_nbytes: Bytes at most.
    """

    def __init__(self, keys: KeyValueBackend, max_nbytes: int) -> None:
        """Look at nothing yet."""
        self._keys = keys
        self._index = Index(max_nbytes)
        self._is_listed = False
        self.renew()

    def renew(self) -> None:
        """Make the lock."""
        self._lock = RLock()

    @property
    def nbytes(self) -> int:
        """Bytes that are kept."""
        with self._listed():
            return self._index.nbytes

    def get(self, part: Part) -> Entry | None:
        """Return an entry, which counts as used."""
        name = _name(part)
        with self._listed():
            if not self._index.touch(name):
                return None
        # Not under the lock: threads read at the same time.
        try:
            stored = self._keys.get(name)
        except ZarrBackendsError:
            return None
        return None if stored is None else _unpacked(part, bytes(stored))

    def put(self, part: Part, entry: Entry) -> None:
        """Keep an entry, if it fits at all."""
        packed = _packed(part, entry)
        name = _name(part)
        if packed is None:
            return
        with self._listed():
            dropped = self._index.add(_group(name), name, len(packed))
            if dropped is None:
                return
            self._remove(dropped)
            try:
                self._keys.set(name, packed)
            except ZarrBackendsError:
                self._index.forget(_group(name), name)

    def drop(self, key: str) -> None:
        """Drop all entries of a key.

        Raises:
            BackendError: An entry cannot be dropped, and would be wrong.
        """
        group = _group(_name(Part(key)))
        with self._listed():
            # Those too that another process has put there.
            self._remove([*self._keys.list_keys(f"{group}/")])

    def clear(self) -> None:
        """Drop everything."""
        with self._listed():
            self._remove(self._index.everything())

    @contextmanager
    def _listed(self) -> Iterator[None]:
        """Hold the lock, and know what an earlier process has left.

        Yields:
            Nothing.
        """
        with self._lock:
            if not self._is_listed:
                self._is_listed = True
                # Whatever else is there is none of ours.
                for name in filter(_NAME.fullmatch, list(self._keys.list_keys())):
                    nbytes = self._keys.size(name) or 0
                    self._remove(self._index.add(_group(name), name, nbytes) or ())
            yield

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            self._keys.delete(name)
            self._index.forget(_group(name), name)


def _name(part: Part) -> str:
    """Return the key under which an entry is stored: a folder a key, a name a part."""
    group = hashlib.sha256(part.key.encode("utf-8", "surrogatepass")).hexdigest()
    stop = "" if part.stop is None else part.stop
    return f"{group[:2]}/{group}/{part.start}_{stop}"


def _group(name: str) -> str:
    """Return what the names of all parts of one key have in common."""
    return name.rpartition("/")[0]


def _packed(part: Part, entry: Entry) -> bytes | None:
    """Return the bytes of an entry; None for one whose version cannot be written down."""
    version = entry.version
    if isinstance(version, bytes):
        version = {"hex": version.hex()}
    elif not isinstance(version, str | int | None):
        return None
    head = json.dumps([*part, entry.value is None, version, entry.stored_at]).encode()
    body = len(head).to_bytes(4, "little") + head + (entry.value or b"")
    return hashlib.blake2b(body, digest_size=16).digest() + body


def _unpacked(part: Part, stored: bytes) -> Entry | None:
    """Return the entry in some bytes, None where they are not one of this part."""
    digest, body = stored[:16], stored[16:]
    if hashlib.blake2b(body, digest_size=16).digest() != digest:
        return None
    end = 4 + int.from_bytes(body[:4], "little")
    key, start, stop, is_absent, version, stored_at = json.loads(body[4:end])
    if Part(key, start, stop) != part or stored_at > time.time() + 1:
        return None
    if isinstance(version, dict):
        version = bytes.fromhex(version["hex"])
    return Entry(None if is_absent else body[end:], version, stored_at)
