"""The backend ``content_addressed``: equal chunks are stored once.

A chunk is stored under its digest, and under its key stands a reference to that. How the
blobs that nobody refers to any more are removed, and what that takes for granted, is told in
`_blobs`. Metadata documents are stored as they are. All that shares blobs is below one place:
to share them between arrays, open a hierarchy at its root.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, ClassVar, Literal, NamedTuple

from zarr_backends import (
    Buffer,
    ChunkCorruptionError,
    CorruptStorageError,
    Snapshot,
    Transform,
    ZarrBackendsError,
    contiguous_view,
)
from zarr_backends_wrappers._blobs import PREFIX, Blobs, Reference, SweepReport
from zarr_backends_wrappers._digests import ALGORITHMS, digest_named
from zarr_backends_wrappers._inner import Inner
from zarr_backends_wrappers._keys import is_metadata
from zarr_backends_wrappers._transformer import Transformer
from zarr_backends_wrappers._values import choice, flag, number
from zarr_backends_wrappers._wrapper import where_inner_has

__all__ = ["ContentAddressedBackend", "DeduplicationStatistics"]

_TRIES = 8
"""Times that a reference is read again whose blob is gone: the value was replaced."""


class DeduplicationStatistics(NamedTuple):
    """What storing equal values once saves."""

    values: int
    """Number of values."""
    nbytes: int
    """Bytes that they have together."""
    blobs: int
    """Number of different values, those without a reference included."""
    stored_nbytes: int
    """Bytes that they take."""

    @property
    def saved_nbytes(self) -> int:
        """Bytes that are not stored twice."""
        return self.nbytes - self.stored_nbytes


class ContentAddressedBackend(Transformer):
    """Stores every content once, under its digest."""

    backend_id: ClassVar[str] = "content_addressed"
    _reserved = PREFIX

    def connect(
        self,
        *,
        inner: Inner,
        algorithm: Literal["sha256", "blake3"] = "sha256",
        verify: bool = True,
        grace_s: float = 86_400.0,
    ) -> None:
        """Take the options.

        Args:
            inner: Where to store.
            algorithm: Digest of what is written from now on; older ones stay readable.
            verify: Whether a value that is read whole is checked against its digest.
            grace_s: Seconds between the two steps in which `sweep` removes something; no
                write may take longer.

        Raises:
            ConfigurationError: A value is impossible, or the inner backend has no keys.
        """
        self.take(inner, with_any_key=True)
        self._algorithm = choice(self.backend_id, "algorithm", algorithm, ALGORITHMS)
        self._digest = digest_named(self.backend_id, self._algorithm)
        self._verify = flag(self.backend_id, "verify", verify)
        self._blobs = Blobs(self._keys, number(self.backend_id, "grace_s", grace_s))

    # --- Reading --------------------------------------------------------------------

    def get(self, key: str) -> Buffer | None:
        """Return a value."""
        stored = self._keys.get(self._stored_key(key))
        return self._value(key, stored)

    def size(self, key: str) -> int | None:
        """Return the number of bytes of a value, which its reference says."""
        if is_metadata(key):
            return self._keys.size(key)
        found = self._reference(key)
        return None if found is None else found.nbytes

    def version(self, key: str) -> object:
        """Return what changes whenever a value does: its digest; None for an absent key."""
        stored = self._keys.get(self._stored_key(key))
        return None if stored is None else bytes(stored)

    @where_inner_has("get_range")
    def get_range(self, key: str, start: int, stop: int | None = None) -> Buffer | None:
        """Return a part of a value, which cannot be checked against the digest of the whole."""
        if is_metadata(key):
            return self._keys.get_range(key, start, stop)
        found: Buffer | None
        found = self._in_blob(key, lambda name: self._blobs.get_range(name, start, stop))
        return found

    @where_inner_has("open_value")
    def open_value(self, key: str) -> AbstractContextManager[Snapshot] | None:
        """Return one version of a value, which cannot be checked in parts."""
        if is_metadata(key):
            return self._keys.open_value(key)
        found: AbstractContextManager[Snapshot] | None
        found = self._in_blob(key, self._blobs.open_value)
        return found

    @where_inner_has("get_many")
    def get_many(self, keys: Sequence[str]) -> list[Buffer | None]:
        """Return several values; their references are read at once."""
        found = self._keys.get_many([self._stored_key(key) for key in keys])
        return [self._value(key, stored) for key, stored in zip(keys, found, strict=True)]

    # --- Changing -------------------------------------------------------------------

    def set(self, key: str, value: Buffer) -> None:
        """Replace a value: first the blob, then the reference."""
        self._keys.set(self._stored_key(key), self._stored(key, value))

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists; return whether it was set."""
        return self._keys.set_if_absent(self._stored_key(key), self._stored(key, value))

    @where_inner_has("set_many", "delete_many")
    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Set several values; their references are written at once."""
        self._keys.set_many({self._stored_key(k): self._stored(k, v) for k, v in values.items()})

    @where_inner_has("update")
    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)``.

        Blobs are read and written outside of the update of the reference, which is taken
        only if the reference is still the one that was read.
        """
        if is_metadata(key):
            self._keys.update(key, transform)
            return
        is_done = False
        while not is_done:
            before = self._keys.get(self._stored_key(key))
            value = transform(self._value(key, before))
            after = None if value is None else self._stored(key, value)

            def exchange(
                old: Buffer | None, before: Buffer | None = before, after: Buffer | None = after
            ) -> Buffer | None:
                nonlocal is_done
                is_done = (old is None and before is None) or (
                    old is not None and before is not None and bytes(old) == bytes(before)
                )
                return after if is_done else old

            self._keys.update(key, exchange)

    # --- Looking after it -----------------------------------------------------------

    def sweep(self) -> SweepReport:
        """Remove blobs without a reference, in two steps that are a grace apart.

        Returns:
            What was done. Call it now and then, from one place.
        """
        began = time.time()
        referred = {found.blob for _, found in self._references()}
        return self._blobs.sweep(referred, began)

    def statistics(self) -> DeduplicationStatistics:
        """Count what is stored, and what would be without references."""
        sizes = [found.nbytes for _, found in self._references()]
        blobs = [self._blobs.size(name) for name in self._blobs.names()]
        return DeduplicationStatistics(len(sizes), sum(sizes), len(blobs), sum(blobs))

    # --- References -----------------------------------------------------------------

    def _references(self) -> list[tuple[str, Reference]]:
        """Return every key with its reference."""
        keys = [key for key in self.list_keys() if not is_metadata(key)]
        return [(key, found) for key in keys if (found := self._reference(key)) is not None]

    def _reference(self, key: str) -> Reference | None:
        """Return the reference under a key, None where there is none."""
        stored = self._keys.get(self._stored_key(key))
        return None if stored is None else Reference.parsed(stored, key)

    def _in_blob(self, key: str, look: Callable[[str], Any]) -> Any:
        """Return what is found in the blob that a key refers to; None for an absent key.

        Raises:
            CorruptStorageError: The blob is gone.
        """
        found = self._reference(key)
        for _ in range(_TRIES):
            if found is None:
                return None
            answer = look(found.blob)
            if answer is not None:
                return answer
            before, found = found, self._reference(key)
            if found == before:
                break
        failure = self._gone(key, found)
        raise failure

    def _stored(self, key: str, value: Buffer) -> Buffer:
        """Store the blob of a value; return what is to be stored under its key."""
        view = contiguous_view(value)
        if is_metadata(key):
            return view
        name = self._blobs.put(f"{self._algorithm}-{self._digest(view)}", view)
        return Reference(name, view.nbytes).packed()

    def _value(self, key: str, stored: Buffer | None) -> Buffer | None:
        """Return the value that is meant by what is stored under a key.

        Raises:
            CorruptStorageError: The blob is gone.
        """
        for _ in range(_TRIES):
            if stored is None or is_metadata(key):
                return stored
            found = Reference.parsed(stored, key)
            value = self._blobs.get(found.blob)
            if value is not None:
                return self._verified(key, found, value)
            again = self._keys.get(key)
            if again is not None and bytes(again) == bytes(stored):
                break
            stored = again
        failure = self._gone(key, Reference.parsed(stored or b"", key))
        raise failure

    def _verified(self, key: str, found: Reference, value: Buffer) -> Buffer:
        """Return a value that has its digest.

        Raises:
            ChunkCorruptionError: It has not.
            CorruptStorageError: It has not, and is no chunk.
        """
        if not self._verify:
            return value
        algorithm, _, digest = found.digest.partition("-")
        if algorithm not in ALGORITHMS:
            message = f"{key!r} names an unknown digest, {algorithm!r:.40}"
            raise CorruptStorageError(message, backend=self.backend_id, key=key)
        view = contiguous_view(value)
        if digest_named(self.backend_id, algorithm)(view) == digest:
            return value
        # Who writes the same content again shall not be referred to the damaged one.
        with suppress(ZarrBackendsError):
            self._blobs.condemn(found.blob)
        index = self._index_of(key)
        message = f"chunk {index} (key {key!r}) is damaged: it has not its digest; write it anew"
        if index is None:
            raise CorruptStorageError(message, backend=self.backend_id, key=key)
        raise ChunkCorruptionError(message, backend=self.backend_id, index=index, key=key)

    def _gone(self, key: str, found: Reference | None) -> CorruptStorageError:
        """Return the error about a reference to nothing."""
        name = "" if found is None else found.blob
        message = (
            f"{key!r} refers to {name!r:.90}, which is not there: something else removed it, or "
            "a write took longer than grace_s; write the chunk again"
        )
        return CorruptStorageError(message, backend=self.backend_id, key=key)
