"""The easy way to write a backend: five methods over string keys.

A subclass writes `connect`, `get`, `set`, `delete` and `list_keys`; the ten members of the
contract, whole hierarchies and the zarr-python store follow from them. This class alone
maps chunk indices to the keys of the Zarr specification, so that what it stores is plain
Zarr, which every other implementation opens.

Where the storage has better primitives a subclass overrides them one by one. Some of them
bring a capability with them, which is found by structure and so must not exist without
its primitive:

===============================  ===================================
overridden                       appears on the class
===============================  ===================================
``get_range``                    ``read_chunk_range``
``open_value``                   ``open_chunk``
``size``                         ``chunk_nbytes``
``get_many``                     ``read_chunks``
``set_many``, ``delete_many``    ``write_chunks``, ``delete_chunks``
``update``                       ``update_chunk``
===============================  ===================================
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from operator import index as as_int
from threading import RLock
from typing import Any, ClassVar, NamedTuple, Self

from zarr_backends._format.chunks.keys import DEFAULT_ENCODING, ChunkKeyEncoding, encoding_of
from zarr_backends._storage.keyvalue.derived import CAPABILITIES
from zarr_backends._storage.keyvalue.node_documents import read_document, write_document
from zarr_backends.contract import (
    Buffer,
    ChunkIndex,
    Snapshot,
    SupportsClose,
    Transform,
    ZarrFormat,
)
from zarr_backends.errors import (
    ArrayNotFoundError,
    ChunkNotFoundError,
    ConfigurationError,
    MetadataNotFoundError,
)

__all__ = ["KeyValueBackend"]


class _Layout(NamedTuple):
    """How the chunks of this array are named."""

    encoding: ChunkKeyEncoding
    ndim: int | None


_UNKNOWN = _Layout(DEFAULT_ENCODING, None)
"""The layout of a place that has no metadata yet."""


class KeyValueBackend(ABC):
    """Base class of backends that keep values under string keys.

    Keys are relative to the place that `connect` was given and have no slash at either
    end. Values are byte-exact. All methods may be called from several threads at once.
    """

    backend_id: ClassVar[str]
    """The name that users pass as ``storage=``."""

    _options: Mapping[str, Any]
    _layout: _Layout | None = None

    # --- What a subclass writes -----------------------------------------------------

    @abstractmethod
    def connect(self, *args: Any, **options: Any) -> None:
        """Take the options and connect; creates and changes nothing.

        The keyword-only parameters of the override are the backend's options. What a
        worker process has to be given instead of them, an absolute path for example, is
        put into ``self._options``.
        """
        # The signature accepts everything, which is what lets type checkers accept an
        # override with parameters of its own.

    @abstractmethod
    def get(self, key: str) -> Buffer | None:
        """Return a value; None only for a key that is definitely absent, else raise."""

    @abstractmethod
    def set(self, key: str, value: Buffer) -> None:
        """Replace a value atomically, keeping no view of `value`."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete a key; one that is absent is no error."""

    @abstractmethod
    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield every key that starts with `prefix` once, lazily, however many."""

    # --- What a subclass may do better ----------------------------------------------

    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return ``value[start:stop]``, cut as a slice would be; None for an absent key."""
        value = self.get(key)
        return None if value is None else memoryview(value)[start:stop]

    def open_value(self, key: str) -> AbstractContextManager[Snapshot] | None:
        """Return a context that gives one version of a value; None for an absent key."""
        value = self.get(key)
        return None if value is None else nullcontext(_Value(memoryview(value)))

    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return the values of `keys` in their order, None for those absent."""
        return [self.get(key) for key in keys]

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Replace several values, each atomically."""
        for key, value in values.items():
            self.set(key, value)

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete several keys."""
        for key in keys:
            self.delete(key)

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists.

        This one is safe only against other calls of itself and of `update` on the same
        instance. A subclass whose storage can do better overrides it.

        Returns:
            Whether the value was set.
        """
        with self._lock:
            if self.size(key) is not None:
                return False
            self.set(key, value)
            return True

    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)``; None stands for absent on both sides.

        This one is safe only against other calls of itself and of `set_if_absent` on the
        same instance, and therefore brings no capability. A subclass whose storage can do
        it atomically overrides it.
        """
        with self._lock:
            value = transform(self.get(key))
            if value is None:
                self.delete(key)
            else:
                self.set(key, value)

    def size(self, key: str) -> int | None:
        """Return the number of bytes of a value, None for an absent key."""
        value = self.get(key)
        return None if value is None else memoryview(value).nbytes

    def list_dir(self, prefix: str = "") -> Iterator[str]:
        """Yield the names just below `prefix` (empty or ending in "/") once each."""
        seen = set()
        for key in self.list_keys(prefix):
            name = key[len(prefix) :].partition("/")[0]
            if name not in seen:
                seen.add(name)
                yield name

    def delete_prefix(self, prefix: str = "") -> None:
        """Delete every key that starts with `prefix`."""
        self.delete_many(list(self.list_keys(prefix)))

    # --- The contract's ten members -------------------------------------------------

    def __init__(self) -> None:
        """Prepare an instance that is not connected; users call `create` or `open`."""
        self._options = {}
        self._lock = RLock()

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Give a subclass the capabilities that its overridden primitives make real."""
        super().__init_subclass__(**keywords)
        earned = (
            member
            for primitives, members in CAPABILITIES
            if all(getattr(cls, p) is not getattr(KeyValueBackend, p) for p in primitives)
            for member in members
        )
        for member in earned:
            if not hasattr(cls, member.__name__):
                setattr(cls, member.__name__, member)

    @classmethod
    def create(cls, **options: Any) -> Self:
        """Connect to a place where an array may be put; see `connect` for the options."""
        backend = cls()
        backend._options = options
        backend.connect(**options)
        return backend

    @classmethod
    def open(cls, **options: Any) -> Self:
        """Connect to an array that exists.

        Returns:
            A connected instance.

        Raises:
            ArrayNotFoundError: No array is stored there.
        """
        backend = cls.create(**options)
        if not backend.exists():
            if isinstance(backend, SupportsClose):
                backend.close()
            message = f"no array at {backend!r}"
            raise ArrayNotFoundError(message, backend=cls.backend_id)
        return backend

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return the bytes of a chunk.

        Raises:
            ChunkNotFoundError: The chunk is not stored.
        """
        key = self._chunk_key(index)
        value = self.get(key)
        if value is None:
            raise self._chunk_not_found(index, key)
        return value

    def write_chunk(self, index: ChunkIndex, data: Buffer) -> None:
        """Replace a chunk atomically."""
        self.set(self._chunk_key(index), data)

    def delete_chunk(self, index: ChunkIndex) -> None:
        """Delete a chunk; one that is not stored is no error."""
        self.delete(self._chunk_key(index))

    def read_metadata(self) -> dict[str, Any]:
        """Return the metadata document; for v2, with the attributes as a member.

        Raises:
            MetadataNotFoundError: No array is stored here.
            MetadataError: What is stored is not a document.
        """
        document = read_document(self)
        if document is None:
            message = f"no array metadata at {self!r}"
            raise MetadataNotFoundError(message, backend=self.backend_id)
        self._layout = _layout_of(document)
        return document

    def write_metadata(self, metadata: Mapping[str, Any], zarr_format: ZarrFormat) -> None:
        """Replace the metadata document under the keys of its format."""
        layout = _layout_of({**metadata, "zarr_format": zarr_format})
        write_document(self, metadata, zarr_format)
        self._layout = layout

    def list_chunks(self) -> Iterator[ChunkIndex]:
        """Yield the index of every stored chunk once, lazily."""
        encoding, ndim = self._current_layout()
        if (ndim == 0 or (ndim is None and encoding.name == "default")) and (
            self.size(encoding.encode(())) is not None
        ):
            yield ()
        if ndim == 0:
            return
        for key in self.list_keys(encoding.prefix):
            index = encoding.decode(key, ndim)
            if index is not None:
                yield index

    def exists(self) -> bool:
        """Whether an array, that is its metadata, is stored here."""
        return read_document(self) is not None

    # --- Names, pickling, display ---------------------------------------------------

    def _current_layout(self) -> _Layout:
        """Return the chunk naming, read from the metadata at most once where there is some."""
        if self._layout is None:
            document = read_document(self)
            if document is None:
                return _UNKNOWN
            self._layout = _layout_of(document)
        return self._layout

    def _chunk_key(self, index: ChunkIndex) -> str:
        """Return the store key of a chunk.

        Raises:
            ConfigurationError: `index` is not that of a chunk of this array.
        """
        encoding, ndim = self._layout or self._current_layout()
        if type(index) is not tuple:
            index = self._checked(index)
        for i in index:
            if type(i) is not int or i < 0:
                index = self._checked(index)
                break
        if ndim is not None and len(index) != ndim:
            message = f"chunk index {index!r} has {len(index)} numbers, the array {ndim} dimensions"
            raise ConfigurationError(message, backend=self.backend_id, option="index")
        return encoding.encode(index)

    def _checked(self, index: ChunkIndex) -> ChunkIndex:
        """Return an index of plain non-negative ints (NumPy's integers are taken)."""
        try:
            plain = tuple(as_int(i) for i in index)
        except TypeError as error:
            message = f"a chunk index is a tuple of integers, not {index!r:.80}"
            raise ConfigurationError(message, backend=self.backend_id, option="index") from error
        if any(i < 0 for i in plain):
            message = f"chunk index {plain!r} is negative"
            raise ConfigurationError(message, backend=self.backend_id, option="index")
        return plain

    def _chunk_not_found(self, index: ChunkIndex, key: str) -> ChunkNotFoundError:
        """Return the error that says that a chunk is absent."""
        message = f"no chunk {index!r} (key {key!r}) at {self!r}"
        return ChunkNotFoundError(message, backend=self.backend_id, index=index, key=key)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the options, so that a worker process connects for itself."""
        return _reconnect, (type(self), dict(self._options))

    def __repr__(self) -> str:
        """Show the class alone; subclasses add the place and never a credential."""
        return f"<{type(self).__name__}>"


class _Value:
    """A snapshot of a value that is in memory."""

    def __init__(self, value: memoryview) -> None:
        self._value = value
        self.nbytes = value.nbytes

    def read(self, start: int, stop: int) -> memoryview:
        return self._value[start:stop]


def _layout_of(document: Mapping[str, Any]) -> _Layout:
    """Return how a document says that chunks are named."""
    shape = document.get("shape")
    return _Layout(encoding_of(document), len(shape) if isinstance(shape, list | tuple) else None)


def _reconnect(cls: type[KeyValueBackend], options: dict[str, Any]) -> KeyValueBackend:
    """Rebuild a pickled backend."""
    return cls.create(**options)
