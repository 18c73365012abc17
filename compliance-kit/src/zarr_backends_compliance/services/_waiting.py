"""Waiting for several servers to agree."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from zarr_backends_compliance.services._errors import ServiceStartError

__all__ = ["wait_for"]


def wait_for(state: str, holds: Callable[[], bool], deadline_s: float = 30.0) -> None:
    """Wait until several servers agree.

    Args:
        state: What is waited for; shown in the error.
        holds: Whether it has come; an OSError that it raises means no.
        deadline_s: Seconds until it must have come.

    Raises:
        ServiceStartError: It has not come in time.
    """
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        with suppress(OSError):
            if holds():
                return
        time.sleep(0.02)
    message = f"{state}: not so after {deadline_s:g} s"
    raise ServiceStartError(message)
