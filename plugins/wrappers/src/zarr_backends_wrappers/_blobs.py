"""Values under their digests, and how those that nobody refers to are removed safely.

A blob is written before the reference to it. So a writer that is killed leaves at worst a
blob without a reference. These are removed in two steps, a grace apart:

1. A sweep finds that no reference names a blob, and condemns it by a key of its own. From
   then on no writer refers to it any more: who has the same content writes a new blob, with
   a number behind the digest.
2. A later sweep removes blobs that were condemned a grace ago and still have no reference.
   One that has, by a writer who looked just before, is spared.

So nothing is lost as long as no writer takes longer than the grace between looking for a
blob and writing its reference. Clocks of sweeping machines may differ by less than that.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

from zarr_backends import Buffer, CorruptStorageError, KeyValueBackend, Snapshot

__all__ = ["PREFIX", "Blobs", "Reference", "SweepReport"]

PREFIX = ".zarr-backends-"
_BLOBS = f"{PREFIX}blobs/"
_CONDEMNED = f"{PREFIX}condemned/"


class Reference(NamedTuple):
    """What is stored under a key instead of its value."""

    blob: str
    """Name of the blob: its digest, and a number where an older one is condemned."""
    nbytes: int
    """Length of the value."""

    def packed(self) -> bytes:
        """Return what is stored."""
        return json.dumps({"blob": self.blob, "nbytes": self.nbytes}).encode()

    @classmethod
    def parsed(cls, stored: Buffer, key: str) -> Reference:
        """Return the reference that is stored under a key.

        Raises:
            CorruptStorageError: It is none.
        """
        try:
            found = json.loads(bytes(stored))
            return cls(str(found["blob"]), int(found["nbytes"]))
        except (KeyError, TypeError, ValueError) as error:
            message = f"{key!r} holds no reference: something else wrote it, or it is damaged"
            raise CorruptStorageError(message, backend="content_addressed", key=key) from error

    @property
    def digest(self) -> str:
        """Digest of the value."""
        return self.blob.partition(".")[0]


class SweepReport(NamedTuple):
    """What a sweep did."""

    removed: int
    """Blobs that were removed."""
    removed_nbytes: int
    """Bytes of these."""
    condemned: int
    """Blobs that a later sweep will remove."""
    kept: int
    """Blobs that somebody refers to."""


class Blobs:
    """The blobs in a backend.

    Args:
        keys: The backend.
        grace_s: Seconds between the two steps of removal.
    """

    def __init__(self, keys: KeyValueBackend, grace_s: float) -> None:
        """Look at nothing yet."""
        self._keys = keys
        self._grace_s = grace_s

    def put(self, digest: str, value: Buffer) -> str:
        """Store a value, if it is not stored yet.

        Args:
            digest: Its digest.
            value: Bytes.

        Returns:
            The name of its blob.
        """
        if self._keys.get(_CONDEMNED + digest) is not None:
            digest = f"{digest}.{os.urandom(8).hex()}"
        if self._keys.size(_path(digest)) != memoryview(value).nbytes:
            self._keys.set(_path(digest), value)
        return digest

    def condemn(self, name: str) -> None:
        """Let nobody refer to a blob any more."""
        self._keys.set(_CONDEMNED + name, repr(time.time()).encode())

    def get(self, name: str) -> Buffer | None:
        """Return the value of a blob, None where there is none."""
        return self._keys.get(_path(name))

    def get_range(self, name: str, start: int, stop: int | None) -> Buffer | None:
        """Return a part of the value of a blob."""
        return self._keys.get_range(_path(name), start, stop)

    def open_value(self, name: str) -> AbstractContextManager[Snapshot] | None:
        """Return a context that gives the value of a blob in parts."""
        return self._keys.open_value(_path(name))

    def names(self) -> Iterator[str]:
        """Yield the name of every blob."""
        for path in self._keys.list_keys(_BLOBS):
            yield path.rpartition("/")[2]

    def size(self, name: str) -> int:
        """Return the bytes of a blob, 0 where there is none."""
        return self._keys.size(_path(name)) or 0

    def sweep(self, referred: Collection[str], now: float) -> SweepReport:
        """Remove blobs that were condemned a grace ago, and condemn others.

        Args:
            referred: Names of the blobs that references name.
            now: When their listing began, in seconds of the epoch.

        Returns:
            What was done.
        """
        removed = removed_nbytes = condemned = kept = 0
        dates = self._condemned()
        for name in list(self.names()):
            if name in referred:
                kept += 1
                if name in dates:
                    self._keys.delete(_CONDEMNED + name)
            elif name not in dates:
                self.condemn(name)
                condemned += 1
            elif now < dates[name] + self._grace_s:
                condemned += 1
            else:
                removed_nbytes += self.size(name)
                removed += 1
                self._keys.delete(_path(name))
                # Last: while it stands, nobody refers to the name.
                self._keys.delete(_CONDEMNED + name)
        return SweepReport(removed, removed_nbytes, condemned, kept)

    def _condemned(self) -> dict[str, float]:
        """Return when blobs were condemned, in seconds of the epoch, by name."""
        found = {}
        for key in list(self._keys.list_keys(_CONDEMNED)):
            stored = self._keys.get(key)
            if stored is None:
                continue
            try:
                found[key.removeprefix(_CONDEMNED)] = float(bytes(stored))
            except ValueError as error:
                message = f"{key!r} is damaged; delete it"
                raise CorruptStorageError(message, backend="content_addressed") from error
        return found


def _path(name: str) -> str:
    """Return the key of a blob."""
    digits = name.partition("-")[2]
    return f"{_BLOBS}{digits[:2]}/{name}"
