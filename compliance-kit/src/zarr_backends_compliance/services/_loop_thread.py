"""A thread that runs an asyncio loop, so that tests without one can use what needs it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["LoopThread"]

_Result = TypeVar("_Result")


class LoopThread:
    """An event loop in a thread of its own, from construction until `close`.

    Args:
        name: Name of the thread, as a debugger shows it.
    """

    def __init__(self, name: str) -> None:
        self._ended = asyncio.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self._started.wait()

    @property
    def running(self) -> bool:
        """Whether the loop still runs."""
        return self._thread.is_alive()

    def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine in the loop, and raise what it raises.

        Returns:
            Its result.

        Raises:
            RuntimeError: The loop does not run: it was closed, or this process was forked.
        """
        if not self.running:
            coroutine.close()
            message = f"{self._thread.name} is closed"
            raise RuntimeError(message)
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def call(self, function: Callable[[], _Result]) -> _Result:
        """Call a function in the loop's thread and return its result; raises what it raises."""

        async def called() -> _Result:
            return function()

        return self.run(called())

    def close(self) -> None:
        """Cancel every task and join the thread; a second call does nothing."""
        if self.running:
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join()

    def _run(self) -> None:
        # The runner cancels what is left and waits for it before it closes the loop.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            self._loop = runner.get_loop()
            self._started.set()
            runner.run(self._wait())

    async def _wait(self) -> None:
        await self._ended.wait()
