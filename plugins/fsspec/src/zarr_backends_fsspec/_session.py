"""One file system in use: its event loop, how many requests it takes at a time, the deadline.

Instances with the same options share a session, so that they share its connections. A forked
child opens its own; the last instance that closes ends it.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from fsspec.asyn import get_loop  # type: ignore[import-untyped]  # has no types

from zarr_backends_fsspec._files import Files, Folder

__all__ = ["Session", "frozen", "release", "shared_session"]

T = TypeVar("T")

_CLOSE_S = 1.0
"""Seconds that closing connections may take; whatever is open then is dropped."""


class Session:
    """Runs the coroutines of a `Files` for threads that wait for them.

    Args:
        files: The file system.
        timeout_s: Seconds that one request may take, from when it is its turn.
        max_concurrency: Requests under way at a time.
    """

    def __init__(self, files: Files, *, timeout_s: float, max_concurrency: int) -> None:
        """Prepare; nothing is connected."""
        self.files = files
        self.pid = os.getpid()
        self.users = 0
        self._loop = get_loop()
        self._timeout_s = timeout_s
        self._max_concurrency = max_concurrency
        self._slots = asyncio.Semaphore(max_concurrency)
        self._turns: dict[str, _Turn] = {}
        self._turns_lock = threading.Lock()

    def run(self, operation: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Make one request and wait for it.

        Returns:
            What it returns.

        Raises:
            TimeoutError: It took longer than the time-out.
        """
        return self._wait(self._request(operation, *args))

    def run_many(
        self, operation: Callable[..., Coroutine[Any, Any, T]], calls: Sequence[tuple[Any, ...]]
    ) -> list[T]:
        """Make requests together and wait for all; after an error no other is begun."""
        if len(calls) == 1:
            return [self.run(operation, *calls[0])]
        return self._wait(self._gather(operation, calls))

    def pages(
        self, prefix: str, *, is_deep: bool = True, folders: list[str] | None = None
    ) -> Iterator[list[str]]:
        """Yield the paths that begin with `prefix`, page by page.

        Args:
            prefix: Of paths; see `Files.first_page`.
            is_deep: Whether to list what is in folders too.
            folders: Gets the folders that were listed, where there are folders.
        """
        pages: list[Any] = [self.files.first_page(prefix, is_deep=is_deep)]
        while pages:
            some, pages = pages[-self._max_concurrency :], pages[: -self._max_concurrency]
            if folders is not None:
                folders += [page.path for page in some if isinstance(page, Folder)]
            for paths, more in self.run_many(self.files.list_page, [(page,) for page in some]):
                pages += more
                if paths:
                    yield paths

    @contextmanager
    def turn(self, path: str) -> Iterator[None]:
        """Let one thread at a time in, of those that change the same file on a condition.

        The condition keeps their changes apart anyway; but all except one would be in vain.
        """
        with self._turns_lock:
            turn = self._turns.setdefault(path, _Turn())
            turn.waiting += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._turns_lock:
                turn.waiting -= 1
                if not turn.waiting:
                    del self._turns[path]

    @property
    def is_foreign(self) -> bool:
        """Whether another process made it: this one was forked."""
        return self.pid != os.getpid()

    def close(self) -> None:
        """Close the connections, unless another process opened them."""
        if not self.is_foreign and self._loop.is_running():
            with suppress(Exception):
                asyncio.run_coroutine_threadsafe(self.files.close(), self._loop).result(_CLOSE_S)

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait in this thread for what is done in the loop's."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # of no effect unless this thread was interrupted
            raise

    async def _request(self, operation: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Make a request when it is its turn, and give it up at the deadline.

        A task that does not care that it was cancelled is left behind: clients are known to.

        Returns:
            What the request returns.

        Raises:
            TimeoutError: The deadline has passed.
            CancelledError: The waiting thread was interrupted.
        """
        async with self._slots:
            task = asyncio.ensure_future(operation(*args))
            task.add_done_callback(_forget)
            try:
                done, _ = await asyncio.wait((task,), timeout=self._timeout_s)
            except asyncio.CancelledError:
                task.cancel()
                raise
            if done:
                return task.result()
            task.cancel()
            message = f"no answer within timeout_s={self._timeout_s:g}"
            raise TimeoutError(message)

    async def _gather(
        self, operation: Callable[..., Coroutine[Any, Any, T]], calls: Sequence[tuple[Any, ...]]
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


class _Turn:
    """A lock, and how many threads have it or wait for it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.waiting = 0


class _Sessions:
    """The sessions of this process."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Drop all, without closing: after a fork they are the parent's."""
        self.lock = threading.Lock()
        self.by_key: dict[Hashable, Session] = {}


_sessions = _Sessions()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_sessions.forget)


def shared_session(key: Hashable, make: Callable[[], Session]) -> Session:
    """Return the session of a key, made where there is none; `release` gives it back."""
    with _sessions.lock:
        session = _sessions.by_key.get(key)
        if session is None:
            session = _sessions.by_key[key] = make()
        session.users += 1
        return session


def release(key: Hashable, session: Session) -> None:
    """Give a session back; the last user closes it."""
    if session.is_foreign:
        return
    with _sessions.lock:
        session.users -= 1
        if session.users or _sessions.by_key.get(key) is not session:
            return
        del _sessions.by_key[key]
    session.close()


def frozen(value: Any) -> Hashable:
    """Return something hashable that is equal for equal options."""
    if isinstance(value, Mapping):
        return tuple((str(name), frozen(value[name])) for name in sorted(value, key=str))
    if isinstance(value, list | tuple):
        return tuple(map(frozen, value))
    if isinstance(value, str | bytes | int | float | bool | None):
        return (type(value).__name__, value)
    return _Same(value)


class _Same:
    """An object that equals itself alone, and is kept alive by that."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def _forget(task: asyncio.Task[Any]) -> None:
    """Take note of the error of a task that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
