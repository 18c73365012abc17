"""Which connection a call of an instance uses: one of the pool, or that of its transaction.

1. Outside of a transaction every call takes a connection from the pool. One statement
   commits by itself. What failed because of others (a deadlock, a serialization failure) was
   rolled back and is done again until the time is over; so is reading after a connection
   broke, once.
2. In a transaction all threads of the instance use its connection, one after the other. What
   fails in it spoils it: everything after that is refused, and so is the commit. Only its very
   first statement is done again after a conflict, since nobody has seen anything of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TypeVar

from sqlalchemy import Connection, Table

from zarr_backends import (
    BackendError,
    ConfigurationError,
    ConflictError,
    NetworkError,
    ZarrBackendsError,
)
from zarr_backends_sql._databases import Database
from zarr_backends_sql._deadlines import Deadline
from zarr_backends_sql._drivers import Mode
from zarr_backends_sql._errors import BACKEND_ID, TableGoneError, translated

__all__ = ["Session", "Step"]

T = TypeVar("T")

Step = Callable[[Connection], T]


class Session:
    """The connections of one instance in one process.

    Args:
        database: Where everything is done.
        standby: Where reads may be done, if anywhere else.
        table: The table.
        timeout_s: Seconds that a call may take.
    """

    def __init__(
        self, database: Database, standby: Database | None, table: Table, timeout_s: float
    ) -> None:
        """Prepare; nothing is connected."""
        self.lock = threading.RLock()
        self._database = database
        self._standby = standby
        self._table = table
        self._timeout_s = timeout_s
        self._transaction: _Transaction | None = None

    def read(self, step: Step[T], absent: T, *, may_be_old: bool = False) -> T:
        """Take a step that changes nothing.

        Args:
            step: What to do.
            absent: What comes of it where there is no table.
            may_be_old: Whether a standby may answer.

        Returns:
            What the step returns, or `absent`.
        """
        if self._transaction is not None:
            with self.lock:
                if self._transaction is not None:
                    return self._transaction.take(step)
        database = (may_be_old and self._standby) or self._database
        return self._read_alone(database, step, absent)

    def write(self, step: Step[T], *, together: bool = False) -> T:
        """Take a step that may be taken again after it was rolled back.

        Args:
            step: What to do.
            together: Whether it has more than one statement.

        Returns:
            What the step returns.
        """
        if self._transaction is not None:
            with self.lock:
                if self._transaction is not None:
                    return self._transaction.take(step)
        return self._write_alone(step, together=together)

    @contextmanager
    def transaction(self, mode: Mode) -> Iterator[None]:
        """Do everything that this session is asked for in one transaction.

        Args:
            mode: ``"transaction"``, or ``"snapshot"`` for one that reads alone.

        Yields:
            Nothing.

        Raises:
            ConfigurationError: There is one already.
        """
        with self.lock:
            if self._transaction is not None:
                message = "a transaction of this instance has not ended; end it first"
                raise ConfigurationError(message, backend=BACKEND_ID, option="transaction")
            own = _Transaction(self._database, self._table, mode, self._timeout_s)
            self._transaction = own
        try:
            yield
        except BaseException:
            self._end(own, commit=False)
            raise
        self._end(own, commit=True)

    def close(self) -> None:
        """Roll back what has not been committed."""
        with self.lock:
            if self._transaction is not None:
                self._transaction.abandon()

    def _end(self, own: _Transaction, *, commit: bool) -> None:
        """End the transaction."""
        with self.lock:
            self._transaction = None
            own.end(commit=commit)

    def _read_alone(self, database: Database, step: Step[T], absent: T) -> T:
        """Take a step on a connection of the pool."""
        deadline = Deadline(self._timeout_s)
        was_lost = False
        while True:
            if not database.driver.is_there():
                return absent
            reached = False
            try:
                with deadline, database.connection(deadline) as connection:
                    reached = True
                    with translated(deadline):
                        if not database.has(connection, self._table):
                            return absent
                        return step(connection)
            except TableGoneError:
                database.forget(self._table)
            except ConflictError:
                if not deadline.remaining:
                    raise
            except NetworkError:
                if not reached or was_lost:
                    raise
                was_lost = True

    def _write_alone(self, step: Step[T], *, together: bool) -> T:
        """Take a step on a connection of the pool, and commit it."""
        database, deadline = self._database, Deadline(self._timeout_s)
        while True:
            try:
                with (
                    deadline,
                    database.writing(deadline),
                    database.connection(deadline) as connection,
                    translated(deadline),
                ):
                    database.ensure(connection, self._table)
                    if together:
                        database.driver.begin(connection, "update")
                    result = step(connection)
                    connection.commit()
                    return result
            except TableGoneError:
                database.forget(self._table)
                if not deadline.remaining:
                    raise
            except ConflictError:
                if not deadline.remaining:
                    raise

    # --- Read, modify, write --------------------------------------------------------

    def update(
        self, read: Step[T], change: Callable[[T], T], write: Callable[[Connection, T, T], bool]
    ) -> None:
        """Replace what a step reads by what a function makes of it.

        Args:
            read: Reads and locks.
            change: The caller's function, whose errors are its own.
            write: Writes, given what was read and what is to be written; returns False where
                somebody else was faster.
        """
        if self._transaction is not None:
            with self.lock:
                transaction = self._transaction
                if transaction is not None:
                    new = change(old := transaction.take(read))
                    transaction.take(lambda connection: write(connection, old, new))
                    return
        deadline = Deadline(self._timeout_s)
        while not self._updated(deadline, read, change, write):
            pass

    def _updated(
        self,
        deadline: Deadline,
        read: Step[T],
        change: Callable[[T], T],
        write: Callable[[Connection, T, T], bool],
    ) -> bool:
        """Try to update once; return whether nobody was in the way."""
        database = self._database
        with ExitStack() as stack:
            try:
                stack.enter_context(database.writing(deadline))
                connection = stack.enter_context(database.connection(deadline))
                with deadline, translated(deadline):
                    _watch(deadline, database, connection)
                    database.ensure(connection, self._table)
                    database.driver.begin(connection, "update")
                    old = read(connection)
            except (ConflictError, TableGoneError):
                return self._again(deadline)
            new = change(old)
            try:
                with deadline, translated(deadline):
                    _watch(deadline, database, connection)
                    if not write(connection, old, new):
                        connection.rollback()
                        return self._again(deadline)
                    connection.commit()
            except (ConflictError, TableGoneError):
                return self._again(deadline)
        return True

    def _again(self, deadline: Deadline) -> bool:
        """Return False, to try again.

        Raises:
            ConflictError: The time is over.
        """
        self._database.forget(self._table)
        if not deadline.remaining:
            message = f"others changed the same value for {self._timeout_s:g} s"
            raise ConflictError(message, backend=BACKEND_ID)
        return False


class _Transaction:
    """A transaction, from its beginning to its end."""

    def __init__(self, database: Database, table: Table, mode: Mode, timeout_s: float) -> None:
        """Begin."""
        self._database = database
        self._mode: Mode = mode
        self._timeout_s = timeout_s
        self._failure: ZarrBackendsError | None = None
        self._is_fresh = True
        self._held = ExitStack()
        deadline = Deadline(timeout_s)
        try:
            with deadline:
                if mode != "snapshot":
                    self._held.enter_context(database.writing(deadline))
                self._connection = self._held.enter_context(database.connection(deadline))
                with translated(deadline):
                    database.ensure(self._connection, table)
                    database.driver.begin(self._connection, mode)
        except BaseException:
            self._held.close()
            raise

    def take(self, step: Step[T]) -> T:
        """Take a step in it.

        Returns:
            What the step returns.

        Raises:
            BackendError: It failed before.
            ConflictError: Others were faster.
            ZarrBackendsError: It fails now.
        """
        if self._failure is not None:
            error = self._refusal(self._failure, "will be")
            raise error from self._failure
        deadline = Deadline(self._timeout_s)
        while True:
            try:
                with deadline, translated(deadline):
                    _watch(deadline, self._database, self._connection)
                    result = step(self._connection)
            except ConflictError as error:
                if not self._is_fresh or not deadline.remaining or not self._began_anew(deadline):
                    self._failure = error
                    raise
            except ZarrBackendsError as error:
                self._failure = error
                raise
            else:
                self._is_fresh = False
                return result

    def end(self, *, commit: bool) -> None:
        """Commit or roll back.

        Raises:
            BackendError: It cannot be committed; nothing of it has been, unless the connection
                broke at this very moment.
        """
        deadline = Deadline(self._timeout_s)
        with self._held, deadline:
            if not commit or self._failure is not None:
                with suppress(ZarrBackendsError), translated(deadline):
                    _watch(deadline, self._database, self._connection)
                    self._connection.rollback()
                if commit and self._failure is not None:
                    error = self._refusal(self._failure, "was")
                    raise error from self._failure
                return
            with translated(deadline):
                _watch(deadline, self._database, self._connection)
                self._connection.commit()

    def abandon(self) -> None:
        """Roll back; nothing more can be done in it."""
        message = "the instance was closed in a transaction, which was rolled back"
        self._failure = BackendError(message, backend=BACKEND_ID)
        deadline = Deadline(self._timeout_s)
        with suppress(ZarrBackendsError), deadline, translated(deadline):
            _watch(deadline, self._database, self._connection)
            self._connection.rollback()

    def _began_anew(self, deadline: Deadline) -> bool:
        """Begin once more; return whether that was possible."""
        try:
            with deadline, translated(deadline):
                self._connection.rollback()
                self._database.driver.begin(self._connection, self._mode)
        except ZarrBackendsError:
            return False
        return True

    @staticmethod
    def _refusal(cause: ZarrBackendsError, verb: str) -> BackendError:
        """Return the error about a transaction in which something failed before."""
        kind = type(cause) if isinstance(cause, BackendError) else BackendError
        message = f"the transaction has failed and {verb} rolled back: {cause}"
        return kind(message, backend=BACKEND_ID, transient=cause.transient)


def _watch(deadline: Deadline, database: Database, connection: Connection) -> None:
    """Have a deadline interrupt what is done with a connection."""
    held = connection.connection.dbapi_connection
    deadline.watch(lambda: database.driver.interrupt(held))
