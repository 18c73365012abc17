"""Delays as a network has them: a time for every call, and one for every byte."""

from __future__ import annotations

import time
from random import Random
from threading import Lock
from typing import Any

from zarr_backends_wrappers._values import choice, number

__all__ = ["Line", "delay_of"]

_DISTRIBUTIONS = ("exponential", "fixed", "uniform")


def delay_of(random: Random, latency_s: float, distribution: str) -> float:
    """Return seconds to wait: `latency_s` on average, spread as `distribution` says."""
    if distribution == "exponential":
        return random.expovariate(1 / latency_s) if latency_s else 0.0
    return random.uniform(0, 2 * latency_s) if distribution == "uniform" else latency_s


class Line:
    """A line that delays every call and carries so many bytes a second for all threads.

    Args:
        wrapper: Id of the wrapper, for errors.
        latency_s: Seconds that a call takes on average.
        distribution: ``"fixed"``, ``"uniform"`` (0 to twice the average) or ``"exponential"``.
        nbytes_per_s: Bytes that go through in a second; None for no limit.
    """

    def __init__(self, wrapper: str, latency_s: Any, distribution: Any, nbytes_per_s: Any) -> None:
        """Check the values.

        Raises:
            ConfigurationError: One of them is impossible.
        """
        self._latency_s = number(wrapper, "latency_s", latency_s)
        self._distribution = choice(wrapper, "distribution", distribution, _DISTRIBUTIONS)
        self._rate = (
            None if nbytes_per_s is None else number(wrapper, "nbytes_per_s", nbytes_per_s, above=0)
        )
        self._random = Random()  # noqa: S311  # not for secrecy
        self._free_at = 0.0
        self.renew()

    def renew(self) -> None:
        """Make the lock."""
        self._lock = Lock()

    def wait(self) -> None:
        """Wait as long as a call takes."""
        seconds = delay_of(self._random, self._latency_s, self._distribution)
        if seconds:
            time.sleep(seconds)

    def carry(self, nbytes: int) -> None:
        """Wait until so many bytes have gone through, behind those of other threads."""
        if self._rate is None or not nbytes:
            return
        with self._lock:
            begin = max(time.monotonic(), self._free_at)
            self._free_at = end = begin + nbytes / self._rate
        time.sleep(max(0.0, end - time.monotonic()))
