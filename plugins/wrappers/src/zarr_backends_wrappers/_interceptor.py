"""Wrappers that let every operation through one hook and change none of the members.

All members and capabilities of the inner backend are forwarded as they are, keys included.
What is consumed little by little (listings, snapshots, transactions) goes through the hook
while it is consumed: a page of a listing, a read of a snapshot and the commit of a
transaction are operations of their own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial, wraps
from itertools import islice
from types import TracebackType
from typing import Any, ClassVar, TypeVar, cast

from zarr_backends import (
    Backend,
    Buffer,
    KeyValueBackend,
    NotFoundError,
    Snapshot,
    SupportsAtomicUpdate,
    SupportsBatches,
    SupportsBatchReads,
    SupportsFlush,
    SupportsKeys,
    SupportsRangeReads,
    SupportsSizes,
    SupportsSnapshots,
    SupportsTransactions,
)
from zarr_backends_wrappers._inner import Inner
from zarr_backends_wrappers._keys import abilities_of
from zarr_backends_wrappers._operations import Operation
from zarr_backends_wrappers._wrapper import Wrapper

__all__ = ["PAGE", "Interceptor"]

PAGE = 1000
"""Entries of a listing that are one operation, as many as object stores put on a page."""

_F = TypeVar("_F", bound=Callable[..., Any])


def _forwarded(method: _F) -> _F:
    """Return a method that lets the inner backend's method of that name through the hook."""
    name = method.__name__
    parameters = inspect.signature(method)

    @wraps(method)
    def forward(self: Interceptor, *args: Any, **keywords: Any) -> Any:
        if keywords:
            args = parameters.bind(self, *args, **keywords).args[1:]
        return self.run(Operation(name, getattr(self.inner, name), args))

    return cast("_F", forward)


def _listed(method: _F) -> _F:
    """Return a method that lets every page of an inner listing through the hook."""
    name = method.__name__

    @wraps(method)
    def forward(self: Interceptor, *args: Any, **keywords: Any) -> Iterator[Any]:
        return self.pages(name, partial(getattr(self.inner, name), *args, **keywords))

    return cast("_F", forward)


class Interceptor(Wrapper):
    """Forwards everything; a subclass says in `intercept` what happens around it."""

    waits: ClassVar[bool] = True
    """Whether the hook may wait for something, which an event loop must not."""

    inner: Backend
    """The inner backend."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Give `create` and `open` the signature of `connect`, where the options stand."""
        super().__init_subclass__(**keywords)
        if "connect" in vars(cls):
            for name in ("create", "open"):
                setattr(cls, name, _with_signature(name, vars(cls)["connect"]))

    @classmethod
    def _abilities(cls, options: Any) -> frozenset[str]:
        inner = options["inner"]
        found = {name for name, kind in _CAPABILITIES.items() if isinstance(inner, kind)}
        if isinstance(inner, SupportsKeys):
            found |= abilities_of(inner)  # type: ignore[arg-type]  # it is a backend as well
            found |= {"keys"} | ({"set_if_absent", "delete_prefix"} & set(dir(inner)))
        return frozenset(found)

    def take(self, inner: Inner) -> None:
        """Keep the inner backend, which is connected, and what it says about its calls."""
        self.inner = cast("Backend", inner)
        for name in ("max_concurrency", "never_blocks"):
            if hasattr(inner, name) and (name != "never_blocks" or not self.waits):
                setattr(self, name, getattr(inner, name))

    def intercept(self, operation: Operation) -> Any:
        """Return ``operation.proceed()``, with something around it."""
        return operation.proceed()

    def run(self, operation: Operation) -> Any:
        """Let an operation through the hook.

        Returns:
            What comes out of the hook.

        Raises:
            NotFoundError: Something is absent.

        What is absent is absent from this backend; any other error names the one that failed.
        """
        try:
            return self.intercept(operation)
        except NotFoundError as error:
            error.backend = self.backend_id
            raise

    def pages(self, name: str, listing: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        """Yield the entries of a listing; each page of them goes through the hook."""
        entries: Iterator[Any] | None = None

        def page(*_args: Any) -> list[Any]:
            nonlocal entries
            entries = listing() if entries is None else entries
            return list(islice(entries, PAGE))

        found = [None] * PAGE
        while len(found) == PAGE:
            found = self.run(Operation(name, page, getattr(listing, "args", ())))
            yield from found

    def leave_transaction(
        self, leave: Callable[[], bool | None], *, is_commit: bool
    ) -> bool | None:
        """Commit through the hook, or roll back, which nothing stands in the way of."""
        if not is_commit:
            return leave()
        return cast("bool | None", self.run(Operation("commit", leave)))

    # --- The ten members ------------------------------------------------------------

    read_chunk = _forwarded(Backend.read_chunk)
    write_chunk = _forwarded(Backend.write_chunk)
    delete_chunk = _forwarded(Backend.delete_chunk)
    list_chunks = _listed(Backend.list_chunks)
    read_metadata = _forwarded(Backend.read_metadata)
    write_metadata = _forwarded(Backend.write_metadata)
    exists = _forwarded(Backend.exists)


def open_chunk(self: Interceptor, index: Any) -> AbstractContextManager[Snapshot]:
    """Return a context that gives the version of a chunk that is current when it is entered."""
    return _Context(self, "open_chunk", partial(self.inner.open_chunk, index), (index,))  # type: ignore[attr-defined]  # it has it


def open_value(self: Interceptor, key: str) -> AbstractContextManager[Snapshot] | None:
    """Return a context that gives one version of a value; None for an absent key."""
    inner: Any = self.inner
    context = self.run(Operation("open_value", inner.open_value, (key,)))
    return None if context is None else _Context(self, "", lambda: context, (key,))


def transaction(self: Interceptor) -> AbstractContextManager[Any]:
    """Return a context: leaving it commits, an exception in it rolls back."""
    inner: Any = self.inner
    return _Context(self, "transaction", inner.transaction, ())


class _Context:
    """A context of the inner backend: entered, used and left through the hook."""

    def __init__(
        self,
        wrapper: Interceptor,
        name: str,
        make: Callable[[], AbstractContextManager[Any]],
        about: tuple[Any, ...],
    ) -> None:
        self._wrapper = wrapper
        self._name = name
        self._make = make
        self._about = about

    def __enter__(self) -> Any:
        entered = Operation(self._name, self._enter, self._about)
        value = self._wrapper.run(entered) if self._name else self._enter()
        if self._name == "transaction":
            return value
        return _WatchedSnapshot(self._wrapper, value, self._about)

    def _enter(self, *_about: Any) -> Any:
        """Make a new context and enter it: an attempt more begins anew."""
        self._context = self._make()
        return self._context.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        leave = partial(self._context.__exit__, kind, error, trace)
        if self._name != "transaction":
            return leave()
        return self._wrapper.leave_transaction(leave, is_commit=kind is None)


class _WatchedSnapshot:
    """A snapshot whose reads go through the hook."""

    def __init__(self, wrapper: Interceptor, snapshot: Snapshot, about: tuple[Any, ...]) -> None:
        self._wrapper = wrapper
        self._snapshot = snapshot
        self._about = about

    @property
    def nbytes(self) -> int:
        return self._snapshot.nbytes

    def read(self, start: int, stop: int) -> Buffer:
        read = lambda *_about: self._snapshot.read(start, stop)  # noqa: E731  # about the chunk
        return cast("Buffer", self._wrapper.run(Operation("read_snapshot", read, self._about)))


def _version(self: Any, key: str) -> object:
    """Return what changes whenever the value of a key does; None for an absent key."""
    raise NotImplementedError


_version.__name__ = "version"

_CAPABILITIES = {
    "batches": SupportsBatches,
    "batch_reads": SupportsBatchReads,
    "flush": SupportsFlush,
    "ranges": SupportsRangeReads,
    "sizes": SupportsSizes,
    "snapshots": SupportsSnapshots,
    "transaction": SupportsTransactions,
    "updates": SupportsAtomicUpdate,
}

_OPTIONAL: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("batch_reads", _forwarded(SupportsBatchReads.read_chunks)),
    ("batches", _forwarded(SupportsBatches.write_chunks)),
    ("batches", _forwarded(SupportsBatches.delete_chunks)),
    ("flush", _forwarded(SupportsFlush.flush)),
    ("ranges", _forwarded(SupportsRangeReads.read_chunk_range)),
    ("sizes", _forwarded(SupportsSizes.chunk_nbytes)),
    ("snapshots", open_chunk),
    ("transaction", transaction),
    ("updates", _forwarded(SupportsAtomicUpdate.update_chunk)),
    ("keys", _forwarded(SupportsKeys.get)),
    ("keys", _forwarded(SupportsKeys.set)),
    ("keys", _forwarded(SupportsKeys.delete)),
    ("keys", _listed(SupportsKeys.list_keys)),
    ("delete_many", _forwarded(KeyValueBackend.delete_many)),
    ("delete_prefix", _forwarded(KeyValueBackend.delete_prefix)),
    ("get_many", _forwarded(KeyValueBackend.get_many)),
    ("get_range", _forwarded(KeyValueBackend.get_range)),
    ("list_dir", _listed(KeyValueBackend.list_dir)),
    ("open_value", open_value),
    ("set_if_absent", _forwarded(KeyValueBackend.set_if_absent)),
    ("set_many", _forwarded(KeyValueBackend.set_many)),
    ("size", _forwarded(KeyValueBackend.size)),
    ("update", _forwarded(KeyValueBackend.update)),
    ("version", _forwarded(_version)),
)
"""Every method that an inner backend may have beside the ten, and what it needs."""


def _with_signature(name: str, connect: Callable[..., Any]) -> Any:
    """Return `create` or `open` with the options of `connect` in its signature."""
    plain = getattr(Wrapper, name).__func__

    @wraps(plain)
    def method(cls: type[Wrapper], **options: Any) -> Any:
        return plain(cls, **options)

    method.__signature__ = inspect.signature(connect)  # type: ignore[attr-defined]  # as inspect reads it
    return classmethod(cast("Any", method))


def _with_needs(need: str, method: Callable[..., Any]) -> Callable[..., Any]:
    method.__needs__ = (need,)  # type: ignore[attr-defined]  # a note of ours
    return method


Interceptor._optional = {  # noqa: SLF001  # inside the class, they would belong to all
    m.__name__: _with_needs(need, m) for need, m in _OPTIONAL
}
