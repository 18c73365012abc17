"""One connected store: its event loop, how many requests it takes at a time, the deadline.

Instances with the same options share a session, and with it the connections. A forked child
makes its own; the last instance that closes drops it.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterator, Sequence
from typing import Any, TypeVar

from zarr_backends_obstore._objects import Objects

__all__ = ["Session", "release", "shared_session"]

T = TypeVar("T")


class Session:
    """Runs the coroutines of `Objects` for threads that wait for them.

    Args:
        objects: The bucket.
        timeout_s: Seconds that one request may take, from when it is its turn.
        max_concurrency: Requests under way at a time.
    """

    def __init__(self, objects: Objects, *, timeout_s: float, max_concurrency: int) -> None:
        """Prepare; nothing is connected."""
        self.objects = objects
        self.pid = os.getpid()
        self.users = 0
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(max_concurrency)

    def run(self, operation: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Make one request and wait for it.

        Returns:
            What it returns.

        Raises:
            TimeoutError: It took longer than the time-out.
        """
        return _wait(self._request(operation, *args))

    def run_many(
        self, operation: Callable[..., Awaitable[T]], calls: Sequence[tuple[Any, ...]]
    ) -> list[T]:
        """Make requests together and wait for all; after an error no other is begun."""
        if len(calls) == 1:
            return [self.run(operation, *calls[0])]
        return _wait(self._gather(operation, calls))

    @property
    def is_foreign(self) -> bool:
        """Whether another process made it: this one was forked."""
        return self.pid != os.getpid()

    def pages(self, folder: str) -> Iterator[list[str]]:
        """Yield the paths in a folder and below it, a page of them at a time."""
        listing = self.run(self.objects.listing, folder)
        is_empty = True
        while (page := self.run(self.objects.next_page, listing)) is not None:
            is_empty = False
            yield page
        if is_empty:
            self.run(self.objects.see_service, folder)

    async def _request(self, operation: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Make a request when it is its turn, and give it up at the deadline.

        Returns:
            What it returns.

        Raises:
            TimeoutError: The deadline has passed.
        """
        async with self._slots:
            try:
                async with asyncio.timeout(self._timeout_s) as deadline:
                    return await operation(*args)
            except TimeoutError as error:
                if not deadline.expired():
                    raise
                message = f"no answer within timeout_s={self._timeout_s:g}"
                raise TimeoutError(message) from error

    async def _gather(
        self, operation: Callable[..., Awaitable[T]], calls: Sequence[tuple[Any, ...]]
    ) -> list[T]:
        """Make requests together; the first error is raised when all that began have ended."""
        errors: list[BaseException] = []

        async def request(args: tuple[Any, ...]) -> Any:
            if errors:
                return None
            try:
                return await self._request(operation, *args)
            except Exception as error:  # noqa: BLE001  # raised below
                errors.append(error)

        results = await asyncio.gather(*[request(args) for args in calls])
        if errors:
            raise errors[0]
        return results


class _Process:
    """What belongs to this process: the loop's thread and the sessions."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Drop all: after a fork they are the parent's."""
        self.lock = threading.Lock()
        self.sessions: dict[Hashable, Session] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop, whose thread lasts as long as the process."""
        if self._loop is None:
            with self.lock:
                if self._loop is None:
                    loop = asyncio.new_event_loop()
                    name = "zarr-backends-obstore"
                    threading.Thread(target=loop.run_forever, name=name, daemon=True).start()
                    self._loop = loop
        return self._loop


_process = _Process()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.forget)


def shared_session(key: Hashable, make: Callable[[], Session]) -> Session:
    """Return the session of a key, made where there is none; `release` gives it back."""
    with _process.lock:
        session = _process.sessions.get(key)
        if session is None:
            session = _process.sessions[key] = make()
        session.users += 1
        return session


def release(key: Hashable, session: Session) -> None:
    """Give a session back; its connections end with the last user."""
    if session.is_foreign:
        return
    with _process.lock:
        session.users -= 1
        if not session.users and _process.sessions.get(key) is session:
            del _process.sessions[key]


def _wait(coroutine: Coroutine[Any, Any, T]) -> T:
    """Wait in this thread for what is done in the loop's."""
    future = asyncio.run_coroutine_threadsafe(coroutine, _process.loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()  # of no effect unless this thread was interrupted
        raise
