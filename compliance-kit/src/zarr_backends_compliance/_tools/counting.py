"""Counters in one chunk, which many increment, and updates that others run into."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable
from typing import Any

from zarr_backends_compliance._kernel.expect import content
from zarr_backends_compliance._kernel.racing import done, until_done
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import violated

__all__ = ["count_there", "count_up", "counted", "increment", "meeting"]

_PLACES = 64
_COUNTERS = struct.Struct(f"<{_PLACES}I")

_THINKING_S = 0.0005
"""Seconds that a transform takes, time in which another may read the same old value."""

_PATIENCE_S = 0.05
"""Seconds that a transform waits for what others do at the same time; it may wait for us."""


def increment(position: int) -> Callable[[Any], bytes]:
    """Return a transform that adds one to one of the counters."""

    def transform(old: Any) -> bytes:
        counters = list(counted(old))
        time.sleep(_THINKING_S)
        counters[position] += 1
        return _COUNTERS.pack(*counters)

    return transform


def counted(value: Any) -> tuple[int, ...]:
    """Return the counters in a chunk; all are zero where it is absent."""
    if value is None:
        return (0,) * _PLACES
    data = content(value, "the chunk of counters")
    if len(data) != _COUNTERS.size:
        violated(f"the chunk of counters has {len(data)} bytes, not {_COUNTERS.size}")
    return _COUNTERS.unpack(data)


def count_up(t: Trial, backend: Any, position: int, times: int) -> None:
    """Increment a counter of chunk (0,) several times."""
    for _ in range(times):
        backend = until_done(t, backend, "update_chunk", (0,), increment(position))


def count_there(t: Trial, position: int, times: int) -> None:
    """Do so in another process."""
    count_up(t, t.open(), position, times)


def meeting(t: Trial, backend: Any, intrude: Callable[[], bool]) -> tuple[bool, bool]:
    """Update chunk (0,) to "<old>+1" while somebody else changes it in the middle of that.

    Args:
        t: The trial.
        backend: Who updates.
        intrude: Changes the chunk; says whether that was done, not refused for a conflict.

    Returns:
        Whether the update was done, and the other change.
    """
    happened: list[bool] = []
    thread = threading.Thread(
        target=lambda: happened.extend(t.threads(1, lambda _: intrude())), daemon=True
    )

    def transform(old: Any) -> bytes:
        if thread.ident is None:
            thread.start()
            thread.join(_PATIENCE_S)
        return content(b"" if old is None else old) + b"+1"

    updated = done(backend, backend.update_chunk, (0,), transform)
    thread.join(30)
    if not happened:
        violated("a change that was made during an update did not end, or failed")
    return updated, happened[0]
