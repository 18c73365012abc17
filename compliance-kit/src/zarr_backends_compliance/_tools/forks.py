"""Instances that go on in a forked child, as with the start method ``fork`` of multiprocessing."""

from __future__ import annotations

import os
import signal
import time
import warnings
from typing import Any

from zarr_backends_compliance._kernel.expect import equal
from zarr_backends_compliance._kernel.racing import in_step, until_done
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import skip, violated
from zarr_backends_compliance._tools.stamps import number_of, stamped

__all__ = ["forked_in_use"]

_HANGS_S = 12
"""Seconds after which a forked child counts as hanging."""


_HEAD_START = 10
"""Moments of the clock until both begin, so that they do everything at the same time."""


def forked_in_use(t: Trial, rounds: int) -> list[int]:
    """Fork with an instance in use; then parent and child write, each its own chunk.

    It is for a process of its own, which has no threads but those of the backend.

    Args:
        t: The trial; there is an array at ``a``.
        rounds: Writes of each.

    Returns:
        The numbers in the two chunks, as the parent reads them in the end.
    """
    if not hasattr(os, "fork"):
        skip("os.fork")
    backend = t.open("a")
    backend = _work(t, backend, 0, rounds=1, start=0)
    start = in_step() + _HEAD_START
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        child = os.fork()
    if child == 0:
        _be_the_child(t, backend, rounds, start)
    backend = _work(t, backend, 0, rounds, start)
    _see_the_end_of(t, child)
    return [number_of(backend.read_chunk((i,)), f"chunk {i}") for i in (0, 1)]


def _work(t: Trial, backend: Any, i: int, rounds: int, start: int) -> Any:
    """Write a chunk at every moment and look at it; return the instance to go on with."""
    for n in range(rounds):
        in_step(start + n)
        backend = until_done(t, backend, "write_chunk", (i,), stamped(i * 1000 + n, 30_000))
        equal(number_of(backend.read_chunk((i,)), f"chunk {i}"), i * 1000 + n, f"chunk {i}")
    return backend


def _be_the_child(t: Trial, backend: Any, rounds: int, start: int) -> None:
    """Do the child's part, and end at once without what the parent does at its end."""
    signal.alarm(_HANGS_S)
    try:
        _work(t, backend, 1, rounds, start)
        os._exit(0)
    except BaseException as error:
        t.log("fork").add(f"{type(error).__name__}: {error}")
    finally:
        os._exit(1)


def _see_the_end_of(t: Trial, child: int) -> None:
    """Wait for the child; fail where it failed or hangs."""
    deadline = time.monotonic() + _HANGS_S + 3
    ended, status = os.waitpid(child, os.WNOHANG)
    while not ended and time.monotonic() < deadline:
        time.sleep(0.005)
        ended, status = os.waitpid(child, os.WNOHANG)
    if not ended:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if not ended or os.WIFSIGNALED(status):
        violated(f"a forked child that uses the instance of its parent hangs ({_HANGS_S} s)")
    if status:
        said = "; ".join(str(entry[0]) for entry in t.log("fork").entries())
        violated(f"a forked child cannot use the instance of its parent: {said:.300}")
