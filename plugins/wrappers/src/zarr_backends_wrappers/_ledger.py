"""When values were last written and used, as far as one instance has seen it.

The ledger of earlier instances is a document in a backend. It only serves to choose what is
moved: that some of it may be lost with a process does no harm.
"""

from __future__ import annotations

import json
import time
from threading import Lock
from typing import NamedTuple

from zarr_backends import KeyValueBackend

__all__ = ["Ledger", "Times"]


class Times(NamedTuple):
    """Seconds of the epoch."""

    written: float
    used: float


class Ledger:
    """Times by key.

    Args:
        key: Of the document.
    """

    def __init__(self, key: str) -> None:
        """Begin empty."""
        self._key = key
        self._times: dict[str, Times] = {}
        self.renew()

    def renew(self) -> None:
        """Make the lock."""
        self._lock = Lock()

    def used(self, key: str) -> None:
        """Take note of a read."""
        now = time.time()
        with self._lock:
            found = self._times.get(key)
            self._times[key] = Times(now if found is None else found.written, now)

    def written(self, key: str) -> None:
        """Take note of a write."""
        now = time.time()
        with self._lock:
            self._times[key] = Times(now, now)

    def forget(self, key: str) -> None:
        """Take note that a key is gone."""
        with self._lock:
            self._times.pop(key, None)

    def times(self, key: str) -> Times:
        """Return the times of a key; one that was never seen counts as new."""
        with self._lock:
            now = time.time()
            return self._times.setdefault(key, Times(now, now))

    def load(self, keys: KeyValueBackend) -> None:
        """Take over what earlier instances have seen; what cannot be read is passed over."""
        stored = keys.get(self._key)
        try:
            found = json.loads(bytes(stored)) if stored is not None else {}
            times = {str(k): Times(float(w), float(u)) for k, (w, u) in found.items()}
        except (AttributeError, TypeError, ValueError):
            return
        with self._lock:
            for key, old in times.items():
                new = self._times.get(key, old)
                self._times[key] = Times(
                    new.written if new.written != new.used else max(old.written, new.written),
                    max(old.used, new.used),
                )

    def save(self, keys: KeyValueBackend) -> None:
        """Write the document."""
        with self._lock:
            document = json.dumps(self._times)
        keys.set(self._key, document.encode())
