"""Ends threads that run a check which is no longer wanted.

A check that hangs, or that the user interrupts, must write nothing more, or it would write
after everything has been deleted. Python can end a thread only by raising an exception in
it, at its next step; one that waits inside of a library gets it when it comes back.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterable

__all__ = ["Stopped", "stop_threads"]

_STEP_S = 0.05


class Stopped(BaseException):
    """The check is to end at once; raised in its threads from outside."""


def stop_threads(threads: Iterable[threading.Thread], timeout_s: float) -> bool:
    """Raise `Stopped` in threads and wait until they have ended.

    Args:
        threads: Those that run a check; ended ones may be among them.
        timeout_s: Seconds to wait for all of them.

    Returns:
        Whether all have ended.
    """
    running = [thread for thread in threads if thread.is_alive()]
    for thread in running:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(Stopped)
        )
    deadline = time.monotonic() + timeout_s
    while any(thread.is_alive() for thread in running) and time.monotonic() < deadline:
        time.sleep(_STEP_S)
    return not any(thread.is_alive() for thread in running)
