"""The backend ``checksum``: detects any change of stored bytes when they are read.

Behind every value stand digests of its blocks (see `_sealing`). What is read, be it the whole
or a part, is checked. What nobody can see from the bytes alone is not detected: a whole
older value, or the value of another chunk, put in the place of this one.

Metadata documents are stored as they are, so that a place stays recognisable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar

from zarr_backends import (
    Buffer,
    ChunkCorruptionError,
    ChunkIndex,
    CorruptStorageError,
    Snapshot,
    Transform,
    contiguous_view,
)
from zarr_backends_wrappers._inner import Inner
from zarr_backends_wrappers._keys import abilities_of, is_metadata
from zarr_backends_wrappers._sealing import (
    TRAILER_NBYTES,
    Seal,
    SealError,
    seal,
    seal_nbytes,
    seal_of,
    unsealed,
)
from zarr_backends_wrappers._transformer import Transformer
from zarr_backends_wrappers._wrapper import where_inner_has

__all__ = ["ChecksumBackend"]

_END_NBYTES = 16_384
"""Bytes of the end of a value that are asked for first: the digests of up to 63 MiB."""

_TRIES = 8
"""Times that a part is read again because the value was replaced in between."""


class ChecksumBackend(Transformer):
    """Stores digests behind the values and checks them."""

    backend_id: ClassVar[str] = "checksum"

    def connect(self, *, inner: Inner) -> None:
        """Take the inner backend.

        Args:
            inner: Where to store.
        """
        self.take(inner)
        self._has_ranges = "get_range" in abilities_of(self.inner)

    def get(self, key: str) -> Buffer | None:
        """Return a value that is what was written."""
        return self._opened(key, self._keys.get(key))

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value."""
        self._keys.set(key, _sealed(key, value))

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists; return whether it was set."""
        return self._keys.set_if_absent(key, _sealed(key, value))

    @where_inner_has("size")
    def size(self, key: str) -> int | None:
        """Return the number of bytes of a value, which its end says."""
        if is_metadata(key) or not self._has_ranges:
            value = self.get(key)
            return None if value is None else memoryview(value).nbytes
        end = self._keys.get_range(key, -TRAILER_NBYTES)
        return None if end is None else self._seal_in(key, memoryview(end))[0]

    @where_inner_has("get_many")
    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return several values, all of them checked."""
        found = self._keys.get_many(keys)
        return [self._opened(key, value) for key, value in zip(keys, found, strict=True)]

    @where_inner_has("set_many", "delete_many")
    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Set several values."""
        self._keys.set_many({key: _sealed(key, value) for key, value in values.items()})

    @where_inner_has("update")
    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)``, where the old one is what was written."""

        def sealed(old: Buffer | None) -> Buffer | None:
            value = transform(self._opened(key, old))
            return None if value is None else _sealed(key, value)

        self._keys.update(key, sealed)

    @where_inner_has("get_range")
    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return a part of a value; the blocks around it are read and checked."""
        if is_metadata(key):
            return self._keys.get_range(key, start, stop)
        for left in reversed(range(_TRIES)):
            found = self._seal_of(key)
            if found is None:
                return None
            try:
                return self._part(key, found, *slice(start, stop).indices(found.nbytes)[:2])
            except SealError as error:
                # Another value may have come between the two reads.
                if not left or self._seal_of(key) == found:
                    failure = self._corrupt(key, error)
                    raise failure from error
        raise AssertionError  # the last try returns or raises

    @where_inner_has("open_value")
    def open_value(self, key: str) -> AbstractContextManager[Snapshot] | None:
        """Return one version of a value, whose parts are checked when they are read."""
        context = self._keys.open_value(key)
        return context if context is None or is_metadata(key) else self._unsealed(key, context)

    @where_inner_has("get_range")
    def version(self, key: str) -> object:
        """Return what changes whenever a value does: its digests; None for an absent key."""
        if is_metadata(key):
            value = self._keys.get(key)
            return None if value is None else bytes(value)
        return self._seal_of(key)

    @contextmanager
    def _unsealed(self, key: str, context: AbstractContextManager[Snapshot]) -> Iterator[Snapshot]:
        """Give a snapshot without its seal."""
        with context as stored:
            end = stored.read(max(0, stored.nbytes - _END_NBYTES), stored.nbytes)
            nbytes, found = self._seal_in(key, memoryview(end))
            if found is None:
                start = max(0, stored.nbytes - seal_nbytes(nbytes))
                _, found = self._seal_in(key, memoryview(stored.read(start, stored.nbytes)))
            if found is None or nbytes + found.own_nbytes != stored.nbytes:
                error = SealError("its length is not what was written")
                failure = self._corrupt(key, error)
                raise failure
            yield _CheckedSnapshot(self, key, stored, found)

    def _opened(self, key: str, stored: Buffer | None) -> Buffer | None:
        """Return the value in what is stored.

        Raises:
            ChunkCorruptionError: It is not what was written.
        """
        if stored is None or is_metadata(key):
            return stored
        try:
            return unsealed(contiguous_view(stored))
        except SealError as error:
            failure = self._corrupt(key, error)
            raise failure from error

    def _seal_of(self, key: str) -> Seal | None:
        """Return the seal of a stored value, None for an absent key."""
        needed = _END_NBYTES
        for _ in range(_TRIES):
            end = self._keys.get_range(key, -needed)
            if end is None:
                return None
            nbytes, found = self._seal_in(key, memoryview(end))
            if found is not None:
                return found
            if memoryview(end).nbytes < needed:  # that was the whole of it
                break
            needed = seal_nbytes(nbytes)
        failure = self._corrupt(key, SealError("its length is not what was written"))
        raise failure

    def _seal_in(self, key: str, end: memoryview) -> tuple[int, Seal | None]:
        """Return the seal in the end of a value; see `seal_of`."""
        try:
            return seal_of(end)
        except SealError as error:
            failure = self._corrupt(key, error)
            raise failure from error

    def _part(self, key: str, found: Seal, start: int, stop: int) -> Buffer:
        """Return a part of a value after checking the blocks around it.

        Raises:
            SealError: They are not those that the seal is of.
        """
        if stop <= start:
            return b""
        first, last = found.borders(start, stop)
        part = self._keys.get_range(key, first, last)
        view = memoryview(b"" if part is None else part)
        found.check(first, last, view)
        return view[start - first : stop - first]

    def _corrupt(self, key: str, error: SealError) -> Exception:
        """Return the error that says which chunk is not what was written."""
        index = self._index_of(key)
        if index is None:
            message = f"the value of {key!r} is damaged: {error}"
            return CorruptStorageError(message, backend=self.backend_id, key=key)
        return _damaged_chunk(self.backend_id, key, index, error)


class _CheckedSnapshot:
    """One version of a value."""

    def __init__(self, owner: ChecksumBackend, key: str, stored: Snapshot, found: Seal) -> None:
        self._owner = owner
        self._key = key
        self._stored = stored
        self._seal = found
        self.nbytes = found.nbytes

    def read(self, start: int, stop: int) -> Buffer:
        """Return a part, checked."""
        if stop <= start:
            return b""
        first, last = self._seal.borders(start, stop)
        part = memoryview(self._stored.read(first, last))
        try:
            self._seal.check(first, last, part)
        except SealError as error:
            failure = self._owner._corrupt(self._key, error)  # noqa: SLF001  # of this module
            raise failure from error
        return part[start - first : stop - first]


def _damaged_chunk(
    backend: str, key: str, index: ChunkIndex, error: SealError
) -> ChunkCorruptionError:
    message = f"chunk {index} (key {key!r}) is damaged: {error}; write it again from its source"
    return ChunkCorruptionError(message, backend=backend, index=index, key=key)


def _sealed(key: str, value: Buffer) -> Buffer:
    """Return what is stored of a value."""
    view = contiguous_view(value)
    return view if is_metadata(key) else seal(view)
