"""The backend ``retry``: tries again what failed for a moment.

Only transient errors are retried. What may be done twice without harm simply is: reads,
writes and deletions. The rest takes care:

- An update is tried again where its transform was not called yet, and after a conflict:
  nothing was written then. After any other failure the write may have happened, and the
  transform would be applied to its own result; the error is passed on, unless
  ``retry_updates`` says that the transforms bear it.
- ``set_if_absent`` may find its own value the second time; a value that is the same, byte
  for byte, is taken for it.
- Nothing is retried inside a transaction: after a failure the whole of it is in doubt.
- A listing that fails begins anew and leaves out what it has given already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from threading import Lock
from typing import Any, ClassVar

import tenacity

from zarr_backends import Buffer, ConflictError, Transform, ZarrBackendsError
from zarr_backends_wrappers._inner import Inner
from zarr_backends_wrappers._interceptor import PAGE, Interceptor
from zarr_backends_wrappers._operations import Operation
from zarr_backends_wrappers._values import count, flag, number

__all__ = ["RetryBackend"]

_UPDATES = ("update", "update_chunk")


class RetryBackend(Interceptor):
    """Retries transient errors with growing pauses."""

    backend_id: ClassVar[str] = "retry"

    def connect(  # noqa: PLR0913  # what makes up a policy
        self,
        *,
        inner: Inner,
        attempts: int = 5,
        initial_s: float = 0.1,
        max_pause_s: float = 10.0,
        deadline_s: float | None = 120.0,
        retry_updates: bool = False,
    ) -> None:
        """Take the options.

        Args:
            inner: What may fail for a moment.
            attempts: How often a call is made at most.
            initial_s: Seconds before the second attempt, at most; each further pause may be
                twice as long. Its length is drawn evenly from 0 to that, so that many
                clients do not come back at once.
            max_pause_s: Seconds that a pause is never longer than.
            deadline_s: Seconds after the first attempt within which the last one begins;
                None for no limit.
            retry_updates: Whether updates may be applied to their own result.

        Raises:
            ConfigurationError: A value is impossible.
        """
        self.take(inner)
        stop: Any = tenacity.stop_after_attempt(count(self.backend_id, "attempts", attempts))
        if deadline_s is not None:
            seconds = number(self.backend_id, "deadline_s", deadline_s, above=0)
            stop |= tenacity.stop_before_delay(seconds)
        self._retrying = tenacity.Retrying(
            stop=stop,
            wait=tenacity.wait_random_exponential(
                multiplier=number(self.backend_id, "initial_s", initial_s),
                max=number(self.backend_id, "max_pause_s", max_pause_s),
            ),
            retry=tenacity.retry_if_exception(_is_transient),
            before_sleep=self._count_retry,
            reraise=True,
        )
        self._retry_updates = flag(self.backend_id, "retry_updates", retry_updates)
        self._in_transaction = False
        self._nretries = 0

    def renew(self) -> None:
        """Make the lock."""
        self._lock = Lock()

    @property
    def retries(self) -> int:
        """Attempts so far that were not the first."""
        return self._nretries

    def _count_retry(self, _state: tenacity.RetryCallState) -> None:
        with self._lock:
            self._nretries += 1

    def intercept(self, operation: Operation) -> Any:
        """Make the call until it does not fail for a moment.

        Returns:
            What the inner backend returns.
        """
        if self._in_transaction or operation.name == "commit":
            return operation.proceed()
        if operation.name in _UPDATES:
            return self._update(operation)
        if operation.name == "set_if_absent":
            return self._retrying(_SetIfAbsent(self.inner, operation))
        if operation.name == "transaction":
            entered = self._retrying(operation.proceed)
            self._in_transaction = True
            return entered
        return self._retrying(operation.proceed)

    def leave_transaction(
        self, leave: Callable[[], bool | None], *, is_commit: bool
    ) -> bool | None:
        """Leave, and retry again from now on."""
        try:
            return super().leave_transaction(leave, is_commit=is_commit)
        finally:
            self._in_transaction = False

    def pages(self, name: str, listing: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        """Yield each entry once; a listing that fails begins anew."""
        given: set[Any] = set()
        entries: Iterator[Any] | None = None

        def page(*_args: Any) -> list[Any]:
            nonlocal entries
            entries = listing() if entries is None else entries
            try:
                return list(islice((entry for entry in entries if entry not in given), PAGE))
            except BaseException:
                entries = None
                raise

        found: list[Any] = [None] * PAGE
        while len(found) == PAGE:
            found = self.run(Operation(name, page, getattr(listing, "args", ())))
            given.update(found)
            yield from found

    def _update(self, operation: Operation) -> Any:
        """Update, again only where nothing can have been written."""
        key, transform = operation.args

        def attempt() -> Any:
            noted = _NotedTransform(transform)
            try:
                return operation.call(key, noted)
            except ZarrBackendsError as error:
                # It is the attempt that is in doubt, not the error that was transient.
                is_safe = not noted.was_called or isinstance(error, ConflictError)
                if error.transient and not (is_safe or self._retry_updates):
                    raise _InDoubtError(error) from error
                raise

        try:
            return self._retrying(attempt)
        except _InDoubtError as doubt:
            raise doubt.error from doubt.error.__cause__


class _InDoubtError(Exception):
    """Carries a transient error past the retries."""

    def __init__(self, error: ZarrBackendsError) -> None:
        super().__init__()
        self.error = error


class _NotedTransform:
    """A transform that knows whether it was called."""

    def __init__(self, transform: Transform) -> None:
        self._transform = transform
        self.was_called = False

    def __call__(self, old: Buffer | None) -> Buffer | None:
        self.was_called = True
        return self._transform(old)


class _SetIfAbsent:
    """Attempts to set a value unless there is one, which remember that one failed."""

    def __init__(self, inner: Any, operation: Operation) -> None:
        self._inner = inner
        self._operation = operation
        self._in_doubt = False

    def __call__(self) -> bool:
        key, value = self._operation.args
        try:
            if self._operation.proceed():
                return True
            if not self._in_doubt:
                return False
            found = self._inner.get(key)
            return found is not None and bytes(found) == bytes(value)
        except ZarrBackendsError:
            self._in_doubt = True
            raise


def _is_transient(error: BaseException) -> bool:
    """Whether a retry can help."""
    return isinstance(error, ZarrBackendsError) and error.transient
