"""Calls that are made while a server is out of order.

Each call has a backend of its own and a thread of its own, in which the backend is used
before the fault, during it and after it: its connection is open when the fault strikes, and
the next call finds whatever the fault left of it. A thread that hangs is left behind.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from zarr_backends_compliance._line.operations import Operation

__all__ = ["Call"]

_Work: TypeAlias = tuple[Callable[[], Any], threading.Event]
"""What is to be done, and what says that it has been."""


class Call:
    """One operation on one backend.

    Args:
        operation: What is done.
        connect: Returns the backend, connected.
    """

    def __init__(self, operation: Operation, connect: Callable[[], Any]) -> None:
        """Start the thread and connect in it."""
        self.operation = operation
        self.name = operation.name
        self.backend: Any = None
        self.returned: Any = None
        """What came of the last thing that was done."""
        self.error: BaseException | None = None
        """What it raised, None where it returned."""
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._done = threading.Event()
        threading.Thread(target=self._run, name=f"call {self.name}", daemon=True).start()
        self._begin(lambda: setattr(self, "backend", connect()))

    def start(self) -> None:
        """Make the call."""
        self._begin(lambda: self.operation.act(self.backend))

    def start_with(self, work: Callable[[Any], Any]) -> None:
        """Do something else with the backend, in the same thread."""
        self._begin(lambda: work(self.backend))

    def ended(self, timeout_s: float) -> bool:
        """Wait for the end of what was started last; return whether it came."""
        return self._done.wait(timeout_s)

    def end(self) -> None:
        """Let the thread end when it has nothing more to do."""
        self._work.put(None)

    def _begin(self, work: Callable[[], Any]) -> None:
        """Hand work to the thread."""
        self._done = threading.Event()
        self._work.put((work, self._done))

    def _run(self) -> None:
        """Work off what is handed over."""
        while (given := self._work.get()) is not None:
            work, done = given
            self.returned = self.error = None
            try:
                self.returned = work()
            except BaseException as error:
                self.error = error
            done.set()
