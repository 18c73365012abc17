"""Taking turns within a process: what spares those who would be refused their work.

Nothing depends on it. Who has waited too long goes ahead, so that a caller's own code that
changes another key inside of an update never waits for itself.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Turns"]

_COUNT = 64
"""Names that are told apart, by their hashes."""

_PATIENCE_S = 1.0


class Turns:
    """Whose turn it is to update a name."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._locks = [threading.Lock() for _ in range(_COUNT)]

    @contextmanager
    def taken(self, name: str, most_s: float) -> Iterator[None]:
        """Wait for a turn, but not for long, and take it.

        Args:
            name: What is updated.
            most_s: Seconds that there are.

        Yields:
            Nothing.
        """
        lock = self._locks[hash(name) % _COUNT]
        has_turn = lock.acquire(timeout=max(0.0, min(_PATIENCE_S, most_s / 2)))
        try:
            yield
        finally:
            if has_turn:
                lock.release()
