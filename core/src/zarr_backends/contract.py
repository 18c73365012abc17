"""What a backend is: ten members, and the optional capabilities beside them.

A backend holds the chunks and the metadata of ONE array. Chunk bytes arrive encoded and
are never looked into. A class conforms by its structure: nothing has to be inherited and
nothing of this package has to be imported.

Required are the ten members of `Backend`. A capability (``Supports...``) is a small
protocol more; a backend has it if it has the methods, there are no flags. Whoever calls
asks ``isinstance(backend, SupportsRangeReads)`` and falls back where the answer is no.

An instance may also carry ``max_concurrency: int``, how many calls at a time serve it
best; without it, local processors decide. One whose calls wait for nothing, neither disk nor
network, may carry ``never_blocks = True``: they are then made on an event loop directly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, ClassVar, Literal, Protocol, Self, TypeAlias, runtime_checkable

__all__ = [
    "CONTRACT_VERSION",
    "Backend",
    "Buffer",
    "ChunkIndex",
    "Snapshot",
    "SupportsAtomicUpdate",
    "SupportsBatchReads",
    "SupportsBatches",
    "SupportsClose",
    "SupportsFlush",
    "SupportsKeys",
    "SupportsRangeReads",
    "SupportsSizes",
    "SupportsSnapshots",
    "SupportsTransactions",
    "SupportsUrls",
    "Transform",
    "ZarrFormat",
    "contiguous_view",
]

CONTRACT_VERSION = 1
"""Version of this contract. A backend class may carry ``contract_version``; where it is
another number the backend is reported as incompatible instead of being used."""

Buffer: TypeAlias = bytes | bytearray | memoryview
"""Bytes of a chunk or a key. What a backend returns is the caller's to read, not to write."""

ChunkIndex: TypeAlias = tuple[int, ...]
"""A chunk's grid coordinates, one non-negative ``int`` a dimension; ``()`` for 0-d arrays."""

Transform: TypeAlias = Callable[[Buffer | None], Buffer | None]
"""Old bytes (None: absent) to new bytes (None: delete). May be called more than once."""

ZarrFormat: TypeAlias = Literal[2, 3]
"""Zarr format of a metadata document."""


@runtime_checkable
class Backend(Protocol):
    """The chunks and the metadata of one array, kept somewhere.

    Every method may be called from several threads at once. Errors are those of
    `zarr_backends.errors`; an absent thing is a ``NotFoundError``, everything else that
    goes wrong is any other ``BackendError``: the two are never mixed up.
    """

    backend_id: ClassVar[str]
    """The name that users pass as ``storage=``."""

    @classmethod
    def create(cls, **options: Any) -> Self:
        """Connect to a place where an array may be put; writes no metadata.

        The keyword-only parameters of an implementation are its options.
        """
        ...

    @classmethod
    def open(cls, **options: Any) -> Self:
        """Connect to an array that exists.

        Raises:
            ArrayNotFoundError: No array is stored there.
        """
        ...

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return the bytes last written to a chunk.

        Raises:
            ChunkNotFoundError: The chunk is not stored: never None, never empty bytes.
        """
        ...

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Replace a chunk atomically: every reader sees the old bytes or the new, whole.

        No view of `data` is kept after the call.
        """
        ...

    def read_metadata(self) -> dict[str, Any]:
        """Return the JSON object last written.

        For Zarr v2 it is the ``.zarray`` document with the user's attributes as its
        member ``attributes``.

        Raises:
            MetadataNotFoundError: None was written.
        """
        ...

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Replace the metadata document atomically."""
        ...

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Yield the index of every stored chunk once, in any order, lazily."""
        ...

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Delete a chunk; one that is not stored is no error."""
        ...

    def exists(self) -> bool:
        """Whether an array, that is its metadata, is stored here."""
        ...


@runtime_checkable
class SupportsRangeReads(Protocol):
    """Can read a part of a chunk without reading the whole; needed for fast shards."""

    def read_chunk_range(self, index: ChunkIndex, start: int, stop: int | None = None) -> Buffer:
        """Return ``chunk[start:stop]``, cut to what there is, as a slice of bytes would be.

        Args:
            index: Chunk index.
            start: First byte, counted from the end where negative (then `stop` is None).
            stop: Byte after the last one; None reads to the end.

        Raises:
            ChunkNotFoundError: The chunk is not stored.
        """
        ...


class Snapshot(Protocol):
    """One version of a stored value, which stays readable while others replace the value."""

    @property
    def nbytes(self) -> int:
        """Length of the value in bytes."""
        ...

    def read(self, start: int, stop: int) -> Buffer:
        """Return ``value[start:stop]`` for ``0 <= start <= stop <= nbytes``."""
        ...


@runtime_checkable
class SupportsSnapshots(Protocol):
    """Can read several parts of one version of a chunk.

    A shard is read in two steps, its index and what the index points to. Without this
    capability they may fall on two versions, which costs a third step to find out.
    """

    def open_chunk(self, index: ChunkIndex) -> AbstractContextManager[Snapshot]:
        """Return a context that gives the version of a chunk that is current now.

        Raises:
            ChunkNotFoundError: The chunk is not stored.
        """
        ...


@runtime_checkable
class SupportsSizes(Protocol):
    """Can tell how large a chunk is without reading it."""

    def chunk_nbytes(self, index: ChunkIndex) -> int:
        """Return the length of a stored chunk in bytes.

        Raises:
            ChunkNotFoundError: The chunk is not stored.
        """
        ...


@runtime_checkable
class SupportsBatchReads(Protocol):
    """Can read many chunks for less than what reading each of them takes."""

    def read_chunks(self, indices: Sequence[ChunkIndex]) -> list[Buffer | None]:
        """Return the chunks in the order asked for; None stands for one that is not stored."""
        ...


@runtime_checkable
class SupportsBatches(SupportsBatchReads, Protocol):
    """Can move many chunks in one round trip, in both directions."""

    def write_chunks(self, chunks: Mapping[ChunkIndex, Buffer]) -> None:
        """Write several chunks, each atomically."""
        ...

    def delete_chunks(self, indices: Sequence[ChunkIndex]) -> None:
        """Delete several chunks; those that are not stored are no error."""
        ...


@runtime_checkable
class SupportsAtomicUpdate(Protocol):
    """Can read, modify and write a chunk so that no concurrent update is lost."""

    def update_chunk(self, index: ChunkIndex, transform: Transform) -> None:
        """Replace a chunk by ``transform(old)``, as if nothing else happened meanwhile.

        Args:
            index: Chunk index.
            transform: Gets the bytes (None where the chunk is not stored) and returns the
                new ones (None deletes). It may be called again when the store changed in
                between; when it raises, nothing is changed and the error is passed on.
        """
        ...


@runtime_checkable
class SupportsTransactions(Protocol):
    """Can commit several chunks and the metadata together or not at all."""

    def transaction(self) -> AbstractContextManager[Any]:
        """Return a context: leaving it commits, an exception in it rolls back.

        What is done through this instance meanwhile, from any thread, belongs to it and is
        seen by this instance alone until then; a rollback takes back what the instance
        remembers of it too. There is one at a time: a second one on the same instance is
        refused.

        Raises:
            ConfigurationError: A transaction of this instance has not ended.
        """
        ...


@runtime_checkable
class SupportsKeys(Protocol):
    """Holds a whole hierarchy under string keys, the chunks and metadata of one node among them.

    Keys have no slash at either end. Values are byte-exact, metadata included.
    """

    def get(self, key: str) -> Buffer | None:
        """Return a value, or None for a key that is definitely absent."""
        ...

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value atomically."""
        ...

    def delete(self, key: str) -> None:
        """Delete a key; one that is absent is no error."""
        ...

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield every key that starts with `prefix` once, in any order, lazily."""
        ...


@runtime_checkable
class SupportsFlush(Protocol):
    """Buffers writes; what is not flushed can be lost with the process.

    Without this capability a write that returned is there for every other instance and
    process, and outlives this one.
    """

    def flush(self) -> None:
        """Make every write up to now durable and visible to others."""
        ...


@runtime_checkable
class SupportsClose(Protocol):
    """Holds resources that are given back by `close`, also at the end of a ``with`` block."""

    def close(self) -> None:
        """Flush what is pending and give back resources; a second call does nothing."""
        ...

    def __enter__(self) -> Self:
        """Return the instance itself."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> bool | None:
        """Close."""
        ...


@runtime_checkable
class SupportsUrls(Protocol):
    """Understands urls; without it, a backend with an option ``url`` is given the url as it is."""

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Return the options that a url stands for.

        Raises:
            ConfigurationError: The url lacks something; it is quoted without its password.
        """
        ...


def contiguous_view(data: object) -> memoryview:
    """Return a flat view of bytes on `data`, without a copy.

    Backends call it on what they are given, so that all refuse the same things.

    Args:
        data: ``bytes``, ``bytearray``, ``memoryview``, NumPy array or other C-contiguous
            buffer of any item size.

    Raises:
        TypeError: `data` is not a buffer (a ``str``, say).
        ValueError: `data` is not C-contiguous.
    """
    try:
        view = memoryview(data)  # type: ignore[arg-type]  # that is what is being tested
    except TypeError as error:
        message = f"chunk data must be bytes or another buffer, not {type(data).__name__}"
        raise TypeError(message) from error
    if not view.c_contiguous:
        message = "chunk data must be C-contiguous; pass bytes(data) or numpy.ascontiguousarray"
        raise ValueError(message)
    if view.format == "B" and view.ndim == 1:
        return view
    return memoryview(b"") if view.nbytes == 0 else view.cast("B")
