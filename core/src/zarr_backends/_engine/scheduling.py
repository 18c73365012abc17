"""Work on many chunks at once, by threads that every array of the process shares.

Threads are enough: I/O, zstandard, checksums and NumPy copies release the interpreter
lock. The calling thread works too, so a call always makes progress, also when every pool
thread is busy or the call was itself made from one of them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["default_concurrency", "run", "submit"]

T = TypeVar("T")
R = TypeVar("R")

_MAX_POOL_THREADS = 256
"""Threads of the pool at most; they are made when they are first needed."""

_END: Any = object()


class _Pool:
    """The process's thread pool, made on first use and again in a forked child."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Drop the executor and the lock, which another thread may have held at a fork."""
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None

    def executor(self) -> ThreadPoolExecutor:
        """Return the executor."""
        with self._lock:
            if self._executor is None:
                # Slow to import (it brings logging), and short programs never need it.
                from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

                self._executor = ThreadPoolExecutor(_MAX_POOL_THREADS, "zarr-backends")
            return self._executor


_pool = _Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.forget)


def default_concurrency() -> int:
    """Return how many chunks are worked on at a time where the backend has no wish."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def submit(work: Callable[..., R], *arguments: object) -> Future[R]:
    """Start one call in the pool."""
    return _pool.executor().submit(work, *arguments)


def run(work: Callable[[T], object], items: Iterable[T], concurrency: int) -> None:
    """Call `work` on every item, `concurrency` of them at a time.

    Items are taken from the iterable one by one, so it may be long and lazy. The first
    error of `work` is raised as it was; no further item is begun, and those under way
    have ended when the call returns.

    Args:
        work: Called once an item, from several threads.
        items: What to work on.
        concurrency: Calls at a time at most; 1 keeps everything in this thread.
    """
    source = iter(items)
    first = list(islice(source, max(concurrency, 1)))
    if len(first) <= 1:
        for item in chain(first, source):
            work(item)
        return
    shared = _Shared(work, chain(first, source))
    futures = [submit(shared.drain) for _ in first[1:]]
    shared.drain()
    # A helper that no pool thread has taken up yet is not needed any more; waiting for it
    # could be waiting for ourselves, when all pool threads make calls like this one.
    for future in futures:
        if not future.cancel():
            future.result()
    if shared.error is not None:
        raise shared.error


class _Shared(Generic[T]):
    """Items that several threads take in turn, and the first error among them."""

    def __init__(self, work: Callable[[T], object], source: Iterator[T]) -> None:
        self.work = work
        self.source = source
        self.lock = threading.Lock()
        self.error: BaseException | None = None

    def drain(self) -> None:
        """Work until nothing is left or someone failed."""
        work, source, lock = self.work, self.source, self.lock
        try:
            while self.error is None:
                with lock:
                    item = next(source, _END)
                if item is _END:
                    return
                work(item)
        except BaseException as error:  # noqa: BLE001  # run() raises it in the caller's thread
            self.error = self.error or error
