"""Other processes: fresh ones, which know nothing of the backends of this one.

They come from a server that has imported the libraries once and then forks, where the
system can, so that one costs milliseconds; elsewhere each starts from nothing. Either way
no connection, lock or cache of a backend is inherited.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any, cast

from zarr_backends_compliance._kernel.blame import finding_of
from zarr_backends_compliance._kernel.verdicts import EnvironmentFailure, violated

__all__ = ["Child"]

_PRELOADED = ["numpy", "zarr_backends", "zarr_backends_compliance._kernel.trial"]

_STARTING = threading.Lock()
"""Held while a process is started."""

_STOP_S = 5.0
"""Seconds that a process has to end after its result."""


class Child:
    """A function that runs in a process of its own.

    Args:
        function: Function at the top of a module.
        *arguments: What it is given; they are pickled.
    """

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Start the process."""
        context = _context()
        self._receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_work, args=(sender, function, arguments), daemon=True
        )
        with _STARTING, _without_main_program():
            self._process.start()
        sender.close()
        self._name = getattr(function, "__name__", "function")

    @property
    def pid(self) -> int:
        """Process id."""
        return cast("int", self._process.pid)

    def result(self, timeout_s: float = 30.0) -> Any:
        """Return what the function returned.

        Args:
            timeout_s: Seconds to wait.

        Raises:
            Violation: The backend raised in it, it hangs, or its process died.
        """
        try:
            if not self._receiver.poll(timeout_s):
                violated(f"{self._name} did not end in another process within {timeout_s:g} s")
            failed, value = self._receiver.recv()
        except EOFError:
            self._process.join(_STOP_S)
            violated(f"the process that ran {self._name} died (exit code {self._process.exitcode})")
        finally:
            self.end()
        if failed:
            raise value
        return value

    def is_running(self) -> bool:
        """Whether the process still runs."""
        return self._process.is_alive()

    def kill(self) -> None:
        """End the process at once, with SIGKILL where there is such a thing."""
        os.kill(self.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        self._process.join(_STOP_S)

    def end(self) -> None:
        """Wait a moment for the process and end it if it stays."""
        self._process.join(0.5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(_STOP_S)


@contextmanager
def _without_main_program() -> Iterator[None]:
    """Let the new process not run the main program again, as it otherwise would.

    That program may be the very one that a failed check printed; and nothing that a process
    is given is defined there.

    Yields:
        Nothing.
    """
    main = vars(sys.modules["__main__"])
    hidden: dict[str, Any] = {name: main[name] for name in ("__file__", "__spec__") if name in main}
    main.pop("__file__", None)
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(hidden)


def _context() -> ForkServerContext | SpawnContext:
    """Return the way to start processes."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def _work(sender: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Run a function and send what came of it."""
    try:
        answer = False, function(*arguments)
    except BaseException as error:
        answer = True, finding_of(error)
    try:
        sender.send(answer)
    except (TypeError, ValueError, AttributeError, pickle.PicklingError) as error:
        sender.send(
            (True, EnvironmentFailure(f"{function.__name__}: {answer[1]!r:.300} ({error})"))
        )
