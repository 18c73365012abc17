"""Faults in transactions."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from zarr_backends import BackendError, Buffer, Transform
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__: list[str] = []


@mutant("ZB-TXN-01", "A transaction in which nothing was done raises when it ends.")
class NothingToCommit(Reference):
    """Passes on what the library says."""

    _changed = False

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Take note."""
        self._changed = True
        super().set_many(values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Raise at the end if nothing was written.

        Yields:
            Nothing.

        Raises:
            BackendError: Nothing was written.
        """
        with super().transaction():
            self._changed = False
            yield
        if not self._changed:
            message = "no transaction is active"
            raise BackendError(message, backend=self.backend_id)


@mutant("ZB-TXN-01", "Leaving a transaction does not commit the metadata.")
class MetadataOutside(Reference):
    """Keeps documents apart, and forgets them."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write the old document again before the commit.

        Yields:
            Nothing.
        """
        with super().transaction():
            document = self.get("zarr.json")
            yield
            if document is not None:
                self.set("zarr.json", document)


@mutant("ZB-TXN-02", "An interruption commits what was done until then.")
class CommitsInterrupted(Reference):
    """Rolls back on Exception alone."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit on anything else.

        Yields:
            Nothing.
        """
        stop: BaseException | None = None
        with super().transaction():
            try:
                yield
            except Exception:
                raise
            except BaseException as error:  # noqa: BLE001  # that is the fault
                stop = error
        if stop is not None:
            raise stop


@mutant("ZB-TXN-02", "An exception in a transaction rolls back and is swallowed.")
class SwallowsErrors(Reference):
    """Returns True from __exit__."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Swallow what was rolled back.

        Yields:
            Nothing.
        """
        try:
            with super().transaction():
                yield
        except ValueError:
            pass


@mutant("ZB-TXN-04", "Listings in a transaction show what was committed before it.")
class ListsCommitted(Reference):
    """Lists over a connection of its own."""

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """List what others see."""
        if self._shared is None:
            return super().list_keys(prefix)
        other = Reference.create(path=self._path, array_id=self._place)
        try:
            return iter(list(other.list_keys(prefix)))
        finally:
            other.close()


@mutant("ZB-TXN-05", "A second transaction of another thread takes part in the first one.")
class JoinsTransactions(Reference):
    """Refuses its own thread alone."""

    _owner = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do nothing where another thread has begun.

        Yields:
            Nothing.
        """
        if self._shared is not None and self._owner != threading.get_ident():
            yield
            return
        with super().transaction():
            self._owner = threading.get_ident()
            yield


@mutant("ZB-TXN-05", "A second transaction rolls the first one back before it is refused.")
class RefusalRollsBack(Reference):
    """Cleans up too much."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Roll back what is open.

        Yields:
            Nothing.
        """
        if self._shared is not None:
            self._shared.execute("ROLLBACK")
            self._shared.execute("BEGIN IMMEDIATE")
        with super().transaction():
            yield


@mutant("ZB-TXN-06", "The first write after a rollback is lost.")
class SpoiledConnection(Reference):
    """Leaves the connection in a transaction that nobody ends."""

    _spoiled = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Spoil the connection by a rollback.

        Yields:
            Nothing.
        """
        try:
            with super().transaction():
                self._spoiled = False
                yield
        except BaseException:
            self._spoiled = self._shared is None
            raise

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Write nowhere, once."""
        if self._spoiled:
            self._spoiled = False
            return
        super().set_many(values)


@mutant("ZB-TXN-08", "An update in a transaction commits what was done until then.")
class UpdateCommits(Reference):
    """Ends a transaction in every update."""

    def update(self, key: str, transform: Transform) -> None:
        """Commit, and begin again."""
        super().update(key, transform)
        if self._shared is not None:
            self._shared.execute("COMMIT")
            self._shared.execute("BEGIN IMMEDIATE")


@mutant("ZB-TXN-09", "After an update that failed a transaction can only be rolled back.")
class SpoiledByError(Reference):
    """Is as servers are that spoil a transaction at the first error."""

    _failed = False

    def update(self, key: str, transform: Transform) -> None:
        """Take note of an error."""
        try:
            super().update(key, transform)
        except BaseException:
            self._failed = True
            raise

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Roll back at the end.

        Yields:
            Nothing.

        Raises:
            BackendError: There was an error.
        """
        with super().transaction():
            self._failed = False
            yield
            if self._failed:
                message = "current transaction is aborted"
                raise BackendError(message, backend=self.backend_id)


@mutant("ZB-TXN-11", "A transaction is committed after every 100 writes.")
class CommitsInParts(Reference):
    """Keeps transactions small, as the server likes them."""

    _written = 0

    def set_many(self, values: Mapping[str, Buffer]) -> None:
        """Commit now and then."""
        super().set_many(values)
        self._written += 1
        if self._shared is not None and self._written % 100 == 0:
            self._shared.execute("COMMIT")
            self._shared.execute("BEGIN IMMEDIATE")


@mutant("ZB-TXN-13", "After a rollback chunks are named as the metadata of the transaction said.")
class RemembersEncoding(Reference):
    """Keeps what was learnt from a document that is gone."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Learn, and do not forget.

        Yields:
            Nothing.
        """
        learnt = self._layout
        try:
            with super().transaction():
                try:
                    yield
                finally:
                    learnt = self._layout
        except BaseException:
            self._layout = learnt
            raise
