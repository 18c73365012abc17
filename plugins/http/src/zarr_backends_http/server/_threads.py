"""Threads in which the storage is asked, so that the event loop waits for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

__all__ = ["Threads"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Threads:
    """Some threads."""

    def __init__(self, number: int) -> None:
        """Prepare; none is started yet."""
        self._executor = ThreadPoolExecutor(number, "zarr-backends-http")

    async def run(self, function: Callable[_P, _T], *arguments: _P.args, **_: _P.kwargs) -> _T:
        """Call a function in one of them; it is done to its end whatever happens here.

        Returns:
            What it returns.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, function, *arguments)

    def close(self) -> None:
        """End them when they have done what they do."""
        self._executor.shutdown(wait=True, cancel_futures=True)
