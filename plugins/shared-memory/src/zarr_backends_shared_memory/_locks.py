"""Locks of files, which the system gives up when their process ends, however it ends."""

from __future__ import annotations

import fcntl
import threading
import time

__all__ = ["WriteLock", "try_lock"]

_MIN_PAUSE_S, _MAX_PAUSE_S = 0.00005, 0.002
"""Seconds before a lock that another process holds is tried again; the pause doubles."""


def try_lock(fd: int, *, shared: bool = False) -> bool:
    """Lock an open file unless somebody else has; return whether it is locked now."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class WriteLock:
    """The right to change one table: of one thread, or one transaction, of one process.

    LMDB has such a lock itself, but waits for it without end, and for a thread alone.
    """

    def __init__(self, fd: int) -> None:
        """Take the open file that is locked."""
        self._fd = fd
        self._changed = threading.Condition()
        self._depth = 0
        self.holder: object = None
        """Thread or transaction that has it."""

    def acquire(self, holder: object, timeout_s: float) -> bool:
        """Wait for the right.

        Whoever has it already gets it again, and gives it back as many times.

        Returns:
            Whether it was had in time.
        """
        until = time.monotonic() + timeout_s
        with self._changed:
            if self.holder == holder:
                self._depth += 1
                return True
            if not self._changed.wait_for(lambda: self.holder is None, timeout_s):
                return False
            self.holder, self._depth = holder, 1
        locked = False
        try:
            locked = self._lock(until)
        finally:
            if not locked:
                self._give_up()
        return locked

    def release(self, holder: object) -> None:
        """Give the right back."""
        if self.holder != holder:
            return
        self._depth -= 1
        if self._depth == 0:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
            self._give_up()

    def _lock(self, until: float) -> bool:
        """Lock the file by a certain time; return whether it is."""
        pause_s = _MIN_PAUSE_S
        while not try_lock(self._fd):
            if time.monotonic() >= until:
                return False
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _MAX_PAUSE_S)
        return True

    def _give_up(self) -> None:
        """Let the next thread try."""
        with self._changed:
            self.holder = None
            self._changed.notify()
