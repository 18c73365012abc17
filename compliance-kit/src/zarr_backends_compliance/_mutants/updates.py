"""Faults in read-modify-write."""

from __future__ import annotations

import threading

from zarr_backends import BackendError, Buffer, Transform
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__: list[str] = []


@mutant("ZB-UPD-01", "The transform is given None for an empty chunk.")
class EmptyIsAbsent(Reference):
    """Tests the value instead of comparing it with None."""

    def update(self, key: str, transform: Transform) -> None:
        """Take empty for absent."""
        super().update(key, lambda old: transform(old or None))


@mutant("ZB-UPD-01", "The transform is given empty bytes for an absent chunk.")
class AbsentIsEmpty(Reference):
    """Has no None in its protocol."""

    def update(self, key: str, transform: Transform) -> None:
        """Take absent for empty."""
        super().update(key, lambda old: transform(b"" if old is None else old))


@mutant("ZB-UPD-02", "A transform that returns None leaves an empty chunk.")
class NoneIsEmpty(Reference):
    """Writes whatever it gets."""

    def update(self, key: str, transform: Transform) -> None:
        """Store empty bytes for None."""
        super().update(key, lambda old: transform(old) or b"")


@mutant("ZB-UPD-02", "A transform that returns None leaves the chunk as it is.")
class NoneIsNoChange(Reference):
    """Takes None for 'no change'."""

    def update(self, key: str, transform: Transform) -> None:
        """Keep the old bytes for None."""

        def kept(old: Buffer | None) -> Buffer | None:
            new = transform(old)
            return old if new is None else new

        super().update(key, kept)


@mutant("ZB-UPD-03", "An OSError of the transform comes out as one of the backend.")
class TranslatesTheCaller(Reference):
    """Has the call of the transform inside its boundary."""

    def update(self, key: str, transform: Transform) -> None:
        """Translate what the system raises, or seems to."""
        try:
            super().update(key, transform)
        except OSError as error:
            message = f"update failed: {error}"
            raise BackendError(message, backend=self.backend_id, key=key) from error


@mutant("ZB-UPD-03", "When the transform raises, the chunk is gone.")
class TakesFirst(Reference):
    """Takes the old value out before there is a new one."""

    def update(self, key: str, transform: Transform) -> None:
        """Take, transform, put back."""
        with self._lock:
            old = self.get(key)
            self.delete(key)
            new = transform(old)
            if new is not None:
                self.set(key, new)


@mutant("ZB-UPD-04", "The transform is given no more than 64 KiB.")
class ShortUpdate(Reference):
    """Hands the value to a script, which has a limit."""

    def update(self, key: str, transform: Transform) -> None:
        """Cut what is handed over."""
        super().update(key, lambda old: transform(old if old is None else old[: 2**16]))


@mutant("ZB-UPD-05", "What the transform returned is remembered as the caller's memory.")
class RemembersResult(Reference):
    """Answers reads of what it has just updated from memory."""

    def __init__(self) -> None:
        """Begin with nothing remembered."""
        super().__init__()
        self._views: dict[str, Buffer] = {}

    def update(self, key: str, transform: Transform) -> None:
        """Keep what was returned, unless it is bytes."""

        def kept(old: Buffer | None) -> Buffer | None:
            new = transform(old)
            self._views.pop(key, None)
            if isinstance(new, bytearray | memoryview):
                self._views[key] = new
            return new

        super().update(key, kept)

    def get(self, key: str) -> Buffer | None:
        """Take what was kept for what is stored, if it is as long."""
        value, view = super().get(key), self._views.get(key)
        return bytes(view) if value is not None and view and len(view) == len(value) else value


@mutant("ZB-UPD-06", "An update that others were faster than twice gives up, and says nothing.")
class GivesUp(Reference):
    """Compares and swaps, but not for ever."""

    def update(self, key: str, transform: Transform) -> None:
        """Try three times."""
        for _ in range(3):
            old = self.get(key)
            new = transform(old)
            with self._writing():
                if self.get(key) == old:
                    if new is None:
                        self.delete(key)
                    else:
                        self.set(key, new)
                    return


@mutant("ZB-UPD-06", "Updates exclude each other within one instance alone.")
class LockOfTheInstance(Reference):
    """Has a lock where a transaction is needed."""

    def update(self, key: str, transform: Transform) -> None:
        """Read and write under the lock of this instance."""
        with self._lock:
            new = transform(self.get(key))
            if new is None:
                self.delete(key)
            else:
                self.set(key, new)


@mutant("ZB-UPD-07", "The key is kept in the instance while the update waits for its turn.")
class SharedKey(Reference):
    """Forgets that threads share the instance."""

    def update(self, key: str, transform: Transform) -> None:
        """Remember the key, wait, and use what is remembered."""
        self._key = key
        with self._writing():
            old = self.get(key)
            new = transform(old)
            if new is None:
                self.delete(self._key)
            else:
                self.set(self._key, new)


_ALL_UPDATES = threading.RLock()


@mutant("ZB-UPD-08", "Updates exclude each other, but not writes.")
class WritesAreNotExcluded(Reference):
    """Locks in update_chunk alone."""

    def update(self, key: str, transform: Transform) -> None:
        """Read and write while no other update does."""
        with _ALL_UPDATES:
            new = transform(self.get(key))
            if new is None:
                self.delete(key)
            else:
                self.set(key, new)


@mutant("ZB-UPD-09", "The transform is given what this instance updated the chunk to last.")
class RemembersOwnUpdate(Reference):
    """Saves the read."""

    def __init__(self) -> None:
        """Begin with nothing remembered."""
        super().__init__()
        self._known: dict[str, Buffer | None] = {}

    def set(self, key: str, value: Buffer) -> None:
        """Remember what is written here."""
        self._known[key] = bytes(value)
        super().set(key, value)

    def delete(self, key: str) -> None:
        """Remember what is deleted here."""
        self._known[key] = None
        super().delete(key)

    def update(self, key: str, transform: Transform) -> None:
        """Give the transform what is remembered."""
        super().update(key, lambda old: transform(self._known.get(key, old)))


@mutant("ZB-UPD-10", "The transform is called twice, and its first result stored.")
class FirstResult(Reference):
    """Tries the transform before it takes the lock."""

    def update(self, key: str, transform: Transform) -> None:
        """Call it with what is there, and again under the lock."""
        results: list[Buffer | None] = []

        def first(old: Buffer | None) -> Buffer | None:
            results.extend((transform(old), transform(old)))
            return results[0]

        super().update(key, first)


@mutant("ZB-UPD-11", "A transform that returns a text has it stored as UTF-8.")
class TakesTexts(Reference):
    """Encodes what is no bytes."""

    def update(self, key: str, transform: Transform) -> None:
        """Encode texts."""

        def encoded(old: Buffer | None) -> Buffer | None:
            new = transform(old)
            return new.encode() if isinstance(new, str) else new

        super().update(key, encoded)
