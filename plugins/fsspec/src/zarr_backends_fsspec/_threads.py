"""Threads that belong to nobody: blocking calls on them can be given up.

The threads of executors are waited for at the end of a program, so one call that hangs would
keep it for ever. These are daemons, and a call that is given up takes its thread with it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

__all__ = ["Worker", "in_new_thread"]

T = TypeVar("T")

_Job = tuple[Callable[[], Any], asyncio.AbstractEventLoop | None, "asyncio.Future[Any] | None"]


class Worker:
    """One thread that makes one blocking call after the other."""

    def __init__(self, name: str = "zarr-backends-fsspec") -> None:
        """Start the thread."""
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    async def call(self, function: Callable[[], T]) -> T:
        """Make a blocking call; when this is cancelled the call goes on, unheard."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put((function, loop, future))
        return await future

    def end(self, last: Callable[[], Any] = lambda: None) -> None:
        """Let the thread end after the call that it is in, and one more of which nobody hears."""
        self._jobs.put((last, None, None))
        self._jobs.put(None)

    def _work(self) -> None:
        """Make calls until the end."""
        while (job := self._jobs.get()) is not None:
            function, loop, future = job
            try:
                result, error = function(), None
            except BaseException as raised:  # noqa: BLE001  # handed to whoever waits
                result, error = None, raised
            if loop is None:
                continue
            try:
                loop.call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:  # the loop was closed meanwhile: nobody waits
                return
            del job, function, future, result, error


async def in_new_thread(function: Callable[[], T]) -> T:
    """Make one blocking call in a thread of its own."""
    worker = Worker()
    try:
        return await worker.call(function)
    finally:
        worker.end()


def _settle(future: asyncio.Future[Any] | None, result: Any, error: BaseException | None) -> None:
    """Hand a result over, if somebody still waits for it."""
    if future is None or future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):
        future.set_exception(RuntimeError(f"StopIteration: {error}"))
    else:
        future.set_exception(error)
