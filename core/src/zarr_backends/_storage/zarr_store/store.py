"""Any backend as a zarr-python store: groups, xarray, dask and all that stands on them.

zarr-python calls a store from event loops, several at a time, and, where a version has
the synchronous surface, from its worker threads. Backends are synchronous and safe
between threads, so each call goes to one of the backend's threads and nothing is bound to
a loop. What the backend raises passes through: to zarr-python an absent key is a chunk of
fill values, so no error may ever look like one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from typing import Any, Self

from zarr.abc.buffer import Buffer, BufferPrototype
from zarr.abc.store import ByteRequest, Store
from zarr.buffer import default_buffer_prototype

from zarr_backends import contract
from zarr_backends._storage.keyvalue.backend import KeyValueBackend
from zarr_backends._storage.zarr_store.all_keys import has_own
from zarr_backends._storage.zarr_store.buffers import buffer_of, bytes_of, call_for
from zarr_backends._storage.zarr_store.shared_backend import SharedBackend

__all__ = ["BackendStore", "zarr_store"]


def zarr_store(
    backend: contract.Backend | contract.SupportsKeys,
    *,
    read_only: bool = False,
    close_backend: bool = False,
) -> BackendStore:
    """Return a store over a connected backend.

    Args:
        backend: With keys it becomes a store of whole hierarchies; with only the ten
            members of the contract, a store of its one array, at the root.
        read_only: Whether the store refuses to write.
        close_backend: Whether closing the last store over it also closes the backend;
            otherwise whoever made the backend closes it.

    Raises:
        InvalidBackendError: `backend` is not a backend.
    """
    return BackendStore(SharedBackend(backend, owned=close_backend), read_only=read_only)


class BackendStore(Store):
    """A zarr-python store over any backend.

    Closing flushes what the backend holds back; a closed store opens again when it is
    used. Copies, by `with_read_only`, share the backend, its connection and its threads.
    Two stores are equal if their backends have the same class and options and both or
    neither are read-only. Pickled stores connect for themselves where they are unpickled.

    Args:
        backend: A connected backend, or what another store has of it.
        read_only: Whether to refuse to write.

    Raises:
        InvalidBackendError: `backend` is not a backend.
    """

    supports_writes: bool = True
    supports_deletes: bool = True
    supports_listing: bool = True

    def __init__(
        self,
        backend: contract.Backend | contract.SupportsKeys | SharedBackend,
        *,
        read_only: bool = False,
    ) -> None:
        """Prepare a store that opens when it is first used."""
        super().__init__(read_only=read_only)
        shared = backend if isinstance(backend, SharedBackend) else SharedBackend(backend)
        self._shared = shared

    @property
    def backend(self) -> contract.Backend | contract.SupportsKeys:
        """The backend under the store."""
        return self._shared.backend

    # --- Opening and closing --------------------------------------------------------

    async def _open(self) -> None:
        """Open the store.

        Raises:
            ValueError: It is open.
        """
        if not self._open_once():
            message = "store is already open"
            raise ValueError(message)

    async def _ensure_open(self) -> None:
        """Open the store unless it is open."""
        self._open_once()

    def _open_once(self) -> bool:
        """Open the store unless it is open; return whether it was not."""
        with self._shared.lock:
            if self._is_open:
                return False
            self._shared.enter(self)
            self._is_open = True
            return True

    def close(self) -> None:
        """Make what was written durable; an open copy of the store stays usable."""
        super().close()
        self._shared.leave(self, flush=not self.read_only)

    def with_read_only(self, read_only: bool = False) -> Self:  # noqa: FBT001, FBT002  # as zarr-python has it
        """Return a store over the same backend, not open yet, that may or may not write."""
        return type(self)(self._shared, read_only=read_only)

    # --- Reading --------------------------------------------------------------------

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return a value or the requested bytes of it, None for a key that is absent.

        Bytes that are not there are left out, as in a slice.

        Raises:
            ValueError: `byte_range` is no byte request, or a number in it is negative.
            BackendError: The backend failed.
        """
        read = call_for(self._opened(), key, byte_range)
        return buffer_of(await self._shared.run(*read), prototype)

    def get_sync(
        self,
        key: str,
        *,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Do what `get` does, in the calling thread."""
        function, *arguments = call_for(self._opened(), key, byte_range)
        return buffer_of(function(*arguments), prototype or default_buffer_prototype())

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return what `get` would for each key and range, in their order."""
        keys = self._opened()
        reads = [call_for(keys, key, byte_range) for key, byte_range in key_ranges]
        return [buffer_of(raw, prototype) for raw in await self._shared.run_all(reads)]

    async def _get_many(
        self, requests: Iterable[tuple[str, BufferPrototype, ByteRequest | None]]
    ) -> AsyncGenerator[tuple[str, Buffer | None], None]:
        """Yield each key and what `get` would return, read at once or concurrently."""
        keys = self._opened()
        wanted = list(requests)
        if has_own(keys, "get_many") and all(request[2] is None for request in wanted):
            names = [request[0] for request in wanted]
            values = await self._shared.run(keys.get_many, names) if names else []
        else:
            values = await self._shared.run_all(
                [call_for(keys, key, part) for key, _, part in wanted]
            )
        for (key, prototype, _), raw in zip(wanted, values, strict=True):
            yield key, buffer_of(raw, prototype)

    async def exists(self, key: str) -> bool:
        """Whether there is a value under exactly this key."""
        return await self._shared.run(self._opened().size, key) is not None

    async def getsize(self, key: str) -> int:
        """Return the number of bytes of a value.

        Raises:
            FileNotFoundError: The key is absent.
            BackendError: The backend failed.
        """
        nbytes = await self._shared.run(self._opened().size, key)
        if nbytes is None:
            raise FileNotFoundError(key)
        return nbytes

    async def getsize_prefix(self, prefix: str) -> int:
        """Return the bytes of all values below a directory.

        A value that someone else deletes meanwhile counts nothing.
        """
        keys = self._opened()
        names = await self._shared.run(_listed, keys.list_keys, _directory(prefix))
        sizes = await self._shared.run_all([(keys.size, name) for name in names])
        return sum(nbytes or 0 for nbytes in sizes)

    # --- Writing --------------------------------------------------------------------

    async def set(self, key: str, value: Buffer) -> None:
        """Replace a value atomically; no view of `value` is kept.

        Raises:
            ValueError: The store is read-only.
            TypeError: `value` is not a buffer of zarr-python.
            BackendError: The backend failed.
        """
        keys = self._writable()
        # Copied here and not in the thread, which goes on where its caller is cancelled.
        await self._shared.run(keys.set, key, bytes_of(value))

    def set_sync(self, key: str, value: Buffer) -> None:
        """Do what `set` does, in the calling thread."""
        self._writable().set(key, bytes_of(value))

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Set a value unless there is one, so that of several writers one succeeds.

        Raises:
            ValueError: The store is read-only.
            TypeError: `value` is not a buffer of zarr-python.
            BackendError: The backend failed.
        """
        keys = self._writable()
        await self._shared.run(keys.set_if_absent, key, bytes_of(value))

    async def _set_many(self, values: Iterable[tuple[str, Buffer]]) -> None:
        """Set several values, at once or concurrently."""
        keys = self._writable()
        encoded = {key: bytes_of(value) for key, value in values}
        if has_own(keys, "set_many"):
            await self._shared.run(keys.set_many, encoded)
        else:
            await self._shared.run_all([(keys.set, key, value) for key, value in encoded.items()])

    async def delete(self, key: str) -> None:
        """Delete a key; one that is absent is no error.

        Raises:
            ValueError: The store is read-only.
            BackendError: The backend failed.
        """
        await self._shared.run(self._writable().delete, key)

    def delete_sync(self, key: str) -> None:
        """Do what `delete` does, in the calling thread."""
        self._writable().delete(key)

    async def delete_dir(self, prefix: str) -> None:
        """Delete every key below a directory; ``""`` is the whole store.

        Raises:
            ValueError: The store is read-only.
            BackendError: The backend failed.
        """
        await self._shared.run(self._writable().delete_prefix, _directory(prefix))

    async def clear(self) -> None:
        """Delete every key.

        Raises:
            ValueError: The store is read-only.
            BackendError: The backend failed.
        """
        await self.delete_dir("")

    # --- Listing --------------------------------------------------------------------
    # What is listed may be changed by whoever iterates, and a backend's own iterator may
    # hold a cursor or a connection: it is therefore read to its end first, by one thread.

    async def list(self) -> AsyncIterator[str]:
        """Yield every key."""
        async for key in self.list_prefix(""):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yield every key that starts with `prefix`, from the root of the store."""
        list_keys = self._opened().list_keys
        for key in await self._shared.run(_listed, list_keys, prefix):
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield the names just below a directory, each once."""
        list_dir = self._opened().list_dir
        for name in await self._shared.run(_listed, list_dir, _directory(prefix)):
            if name:
                yield name

    async def is_empty(self, prefix: str) -> bool:
        """Whether there is no key below a directory."""
        list_keys = self._opened().list_keys
        return await self._shared.run(_has_none, list_keys, _directory(prefix))

    # --- What Python asks -----------------------------------------------------------

    @property
    def _supports_sync_io(self) -> bool:
        """Whether zarr-python may prefer the synchronous methods.

        It calls these from one thread a processor, too few where calls wait for a network.
        """
        return self._shared.prefers_few_calls

    def __eq__(self, other: object) -> bool:
        """Whether another store means the same place, in the same way."""
        return (
            isinstance(other, BackendStore)
            and type(other) is type(self)
            and self.read_only == other.read_only
            and self._shared.is_same_place(other._shared)
        )

    def __hash__(self) -> int:
        """Return a hash by the place and whether it is read-only."""
        return hash((type(self), self.read_only, self._shared.place_hash))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the backend, which pickles as its options, and whether it is read-only."""
        return _unpickled, (type(self), self._shared, self.read_only)

    def __repr__(self) -> str:
        """Show the backend, as it shows itself, and what cannot be done."""
        limits = ", one array" if self._shared.holds_one_array else ""
        limits += ", read_only=True" if self.read_only else ""
        return f"{type(self).__name__}({self.backend!r}{limits})"

    # --- Helpers --------------------------------------------------------------------

    def _opened(self) -> KeyValueBackend:
        """Return the keys of the backend, with the store open."""
        if not self._is_open:
            self._open_once()
        return self._shared.keys

    def _writable(self) -> KeyValueBackend:
        """Return the keys of the backend for writing.

        Raises:
            ValueError: The store is read-only.
        """
        self._check_writable()
        return self._opened()


def _unpickled(cls: type[BackendStore], shared: SharedBackend, read_only: bool) -> BackendStore:  # noqa: FBT001  # positional as pickle calls it
    """Rebuild a pickled store."""
    return cls(shared, read_only=read_only)


def _directory(prefix: str) -> str:
    """Return a prefix as the contract has it: empty, or with a slash at its end alone."""
    name = prefix.rstrip("/")
    return f"{name}/" if name else ""


def _listed(function: Callable[[str], Iterator[str]], prefix: str) -> list[str]:
    """Return all that a listing yields, each once."""
    return list(dict.fromkeys(function(prefix)))


def _has_none(function: Callable[[str], Iterator[str]], prefix: str) -> bool:
    """Whether a listing yields nothing."""
    return next(iter(function(prefix)), None) is None
