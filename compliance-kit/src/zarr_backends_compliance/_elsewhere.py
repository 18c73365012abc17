"""Instances that live in another process and are called from here.

>>> with elsewhere(t) as other:            # doctest: +SKIP
...     there = other.open("a")
...     there.write_chunk((0,), b"x")

What a call returns is sent back: buffers as bytes, listings as lists. What it raises is
raised here. (This module stands outside the kernel because what comes out of it came out of
the backend under test.)
"""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from zarr_backends_compliance._kernel.children import Child
from zarr_backends_compliance._kernel.racing import done
from zarr_backends_compliance._kernel.trial import Trial
from zarr_backends_compliance._kernel.verdicts import Violation, violated

__all__ = ["Elsewhere", "Remote", "elsewhere"]

_ANSWER_S = 30.0
"""Seconds that one call may take."""

_KINDS = (bool, bytes, dict, float, int, list, str, tuple, type(None))
"""Types that are sent back as they are."""


class Remote:
    """An instance in another process; its methods are called as if it were here."""

    def __init__(self, process: Elsewhere, number: int) -> None:
        """Take the process and the instance's number in it."""
        self._process = process
        self._number = number

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a method."""
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*arguments: Any, **options: Any) -> Any:
            return self._process.ask("call", self._number, name, arguments, options)

        call.__name__ = f"{name} in another process"
        return call

    def settle(self) -> None:
        """Flush, where the instance buffers."""
        self._process.ask("settle", self._number)

    def done(self, name: str, *arguments: Any) -> bool:
        """Call a method and flush; return whether it was done, not refused for a conflict."""
        return bool(self._process.ask("done", self._number, name, arguments))

    def pickled(self) -> bytes:
        """Return the instance's pickle."""
        found: bytes = self._process.ask("pickle", self._number)
        return found


class Elsewhere:
    """Another process, which does what it is asked to."""

    def __init__(self, t: Trial) -> None:
        """Start it."""
        self._connection, theirs = multiprocessing.Pipe()
        self._child = t.start(_serve, theirs)
        theirs.close()

    def open(self, name: str = "a", **more: Any) -> Remote:
        """Open an instance at a place of the trial."""
        return Remote(self, self.ask("open", name, more))

    def create(self, name: str = "a", **more: Any) -> Remote:
        """Create an instance at a place of the trial."""
        return Remote(self, self.ask("create", name, more))

    def unpickled(self, pickled: bytes) -> Remote:
        """Take an instance over from its pickle."""
        return Remote(self, self.ask("unpickle", pickled))

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run ``function(trial, *arguments)`` there."""
        return self.ask("run", function, arguments)

    def ask(self, *question: Any) -> Any:
        """Send a request and wait for the answer.

        Returns:
            The answer.

        Raises:
            BaseException: What was raised there.
        """
        self._connection.send(question)
        try:
            if not self._connection.poll(_ANSWER_S):
                violated(f"{question[0]} did not end in another process within {_ANSWER_S:g} s")
            failed, value = self._connection.recv()
        except EOFError:
            violated(f"the other process died while it was asked to {question[0]}")
        if failed:
            raise value
        return value

    def end(self) -> None:
        """End it."""
        self._connection.close()
        self._child.end()

    @property
    def child(self) -> Child:
        """The process."""
        return self._child


@contextmanager
def elsewhere(t: Trial) -> Iterator[Elsewhere]:
    """Give another process for the time of a block.

    Yields:
        The process.
    """
    process = Elsewhere(t)
    try:
        yield process
    finally:
        process.end()


def _serve(trial: Trial, connection: Connection) -> None:
    """Answer requests until the other side goes."""
    instances: list[Any] = []
    while True:
        try:
            question = connection.recv()
        except (EOFError, OSError):
            break
        try:
            answer = False, _answer(trial, instances, *question)
        except Exception as error:  # noqa: BLE001  # it is raised again where it was asked for
            answer = True, _sendable(error)
        connection.send(answer)


def _answer(trial: Trial, instances: list[Any], request: str, *arguments: Any) -> Any:
    """Do what is asked."""
    if request in ("open", "create", "unpickle"):
        instances.append(_instance(trial, request, *arguments))
        return len(instances) - 1
    if request == "run":
        function, values = arguments
        return function(trial, *values)
    backend = instances[arguments[0]]
    if request == "settle":
        return trial.settle(backend)
    if request == "pickle":
        return pickle.dumps(backend)
    if request == "done":
        return done(backend, getattr(backend, arguments[1]), *arguments[2])
    _, name, values, options = arguments
    return _sent(getattr(backend, name)(*values, **options))


def _instance(trial: Trial, request: str, first: Any, more: Any = None) -> Any:
    """Return a new instance."""
    if request == "unpickle":
        return pickle.loads(first)  # noqa: S301  # made by the kit itself
    return getattr(trial, request)(first, **more)


def _sent(value: Any) -> Any:
    """Return a value as it can be sent."""
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    return value if isinstance(value, _KINDS) else list(value)


def _sendable(error: Exception) -> Exception:
    """Return an error, or a finding where it does not survive pickling."""
    try:
        same = pickle.loads(pickle.dumps(error))  # noqa: S301  # made by the kit itself
    except Exception:  # noqa: BLE001  # an error that cannot be sent is told in words
        same = None
    if type(same) is type(error):
        return error
    return Violation(f"in another process {type(error).__name__} was raised: {error!s:.300}")
