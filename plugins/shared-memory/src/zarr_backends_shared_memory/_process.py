"""The tables that this process uses, and those that it owns.

LMDB allows one open environment of a table in a process, and none that was inherited by a
fork. A process owns a table for as long as it holds the lock of the table's file ``owner``.
"""

from __future__ import annotations

import atexit
import os
from collections import deque
from contextlib import suppress
from threading import Lock
from typing import NoReturn

from zarr_backends import ConfigurationError, ZarrBackendsError
from zarr_backends_shared_memory._folders import (
    ALIVE,
    erase,
    is_file_of,
    is_there,
    make,
    path_of,
    sweep,
)
from zarr_backends_shared_memory._options import Settings
from zarr_backends_shared_memory._records import Process, Record
from zarr_backends_shared_memory._table import Table

__all__ = ["lease", "release"]

_FORK_S = 1.0
"""Seconds that a fork waits for threads that read."""

_EXIT_S = 1.0
"""Seconds that the end of the process waits to remove a table that others are changing."""

_TRIES = 100
"""Times that a table is looked for that others make and remove meanwhile."""


class _Tables:
    """What this process has open, and what it owns."""

    def __init__(self) -> None:
        """Begin without any."""
        self.lock = Lock()
        self.tables: dict[str, Table] = {}
        self.owned: dict[str, int] = {}
        """Locked files ``owner`` of tables that are not open at the moment."""
        self.swept: set[str] = set()
        self.leaving: deque[tuple[Table, int]] = deque()
        """Tables that have lost users, and how many."""


_mine = _Tables()
_inherited: list[Table] = []
"""Tables of the parent of this process, kept so that nothing of LMDB is ever freed."""


def lease(settings: Settings, *, create: bool) -> Table | None:
    """Return the table of a name, for one user more.

    Args:
        settings: Options of the instance.
        create: Make the table where there is none.

    Returns:
        The table; None where there is none.

    Raises:
        ConfigurationError: It is there with other options.
        OSError: It cannot be used.
    """
    path = path_of(settings.folder, settings.table_name)
    try:
        with _mine.lock:
            return _leased(settings, path, create=create)
    finally:
        _see_off()


def release(table: Table, users: int = 1) -> None:
    """Take users away; when there are none and nothing is pinned, close the table.

    It never waits, as it is also called where an object is collected as garbage, which may be
    anywhere, in a thread that has any lock.
    """
    if not table.forked:
        _mine.leaving.append((table, users))
        _see_off()


def _see_off() -> None:
    """Close what nobody uses any more, unless another thread is there to do it."""
    while _mine.leaving and _mine.lock.acquire(blocking=False):
        try:
            while _mine.leaving:
                table, users = _mine.leaving.popleft()
                table.users -= users
                if table.is_idle:
                    _close(table)
        finally:
            _mine.lock.release()


def _close(table: Table) -> None:
    """Close a table, and remember it if this process owns it."""
    if _mine.tables.get(table.path) is table:
        del _mine.tables[table.path]
    if table.owner_fd is not None:
        if table.alive[0] == ALIVE:
            _mine.owned[table.path] = table.owner_fd
        else:
            os.close(table.owner_fd)
    table.close()


def _leased(settings: Settings, path: str, *, create: bool) -> Table | None:
    """Find or make a table for one user more.

    Returns:
        The table; None where there is none.

    Raises:
        ConfigurationError: It is there with other options.
        OSError: Others do not let it be.
    """
    for _ in range(_TRIES):
        table = _open(path) or _found(settings, path)
        if table is None and create:
            table = _made(settings, path)
        if table is not None:
            _mine.tables[path] = table
            try:
                _check_agreement(settings, table.record)
            except ConfigurationError:
                if table.is_idle:
                    _close(table)
                raise
            table.users += 1
            return table
        if not create:
            return None
    message = f"table at {path}: others make and remove it again and again"
    raise OSError(message)


def _open(path: str) -> Table | None:
    """Return a table that is open, and there: who begins to use it hears of no other."""
    table = _mine.tables.get(path)
    return table if table is not None and table.is_there(at_once=True) else None


def _found(settings: Settings, path: str) -> Table | None:
    """Open a table that is there."""
    if settings.folder not in _mine.swept:
        _mine.swept.add(settings.folder)
        sweep(settings.folder)
    if not is_there(path):
        return None
    try:
        table = Table(path, settings.map_size, _owner_fd(path))
    except FileNotFoundError:
        return None  # it is just being removed
    if table.is_there():
        return table
    _close(table)
    return None


def _made(settings: Settings, path: str) -> Table | None:
    """Make a table and open it."""
    sweep(settings.folder)
    fd = make(settings, path)
    if fd is None:
        return None
    _mine.owned[path] = fd
    return _found(settings, path)


def _owner_fd(path: str) -> int | None:
    """Return the locked file of a table that this process owns."""
    fd = _mine.owned.pop(path, None)
    if fd is None or is_file_of(path, "owner", fd):
        return fd
    os.close(fd)  # of a former table of this name
    return None


def _check_agreement(settings: Settings, record: Record) -> None:
    """Refuse options that a table contradicts, by a ConfigurationError."""
    if settings.access not in ("public", record.access):
        _refuse(record, "access", settings.access)
    heir = record.heir.pid if isinstance(record.heir, Process) else record.heir
    if settings.heir not in (None, heir, record.owner.pid):
        _refuse(record, "heir", settings.heir)


def _refuse(record: Record, option: str, value: object) -> NoReturn:
    """Say that a name is occupied.

    Raises:
        ConfigurationError: Always.
    """
    heir = record.heir.pid if isinstance(record.heir, Process) else record.heir
    message = (
        f"table {record.name!r:.80} is there already, made by process {record.owner.pid} with "
        f"access={record.access!r} and heir={heir!r}; {option}={value!r} cannot be had: leave it "
        "out, delete the table, or choose another table_name"
    )
    raise ConfigurationError(message, backend="shared_memory", option=option)


# --- Forks and the end ------------------------------------------------------------------

_paused: list[Table] = []


def _before_fork() -> None:
    """Close every environment, as a child cannot do that without harm to its parent."""
    _mine.lock.acquire()
    _paused[:] = _mine.tables.values()
    for table in _paused:
        table.pause(_FORK_S)


def _in_parent() -> None:
    """Go on; environments open again when they are needed."""
    for table in _paused:
        table.resume()
    _paused.clear()
    _mine.lock.release()


def _in_child() -> None:
    """Own nothing, and begin without any table."""
    global _mine  # noqa: PLW0603  # one object for everything that a fork makes invalid
    _inherited.extend([table for table in _paused if table.forget()])
    for fd in _mine.owned.values():
        os.close(fd)
    _paused.clear()
    _mine = _Tables()


def _at_exit() -> None:
    """Remove the tables that nobody inherits."""
    with _mine.lock:
        owned = {path: table for path, table in _mine.tables.items() if table.is_mine}
        for path, fd in list(_mine.owned.items()):
            with suppress(OSError):
                owned[path] = Table(path, None, fd)
        for path, table in owned.items():
            heir = table.record.heir
            if table.alive[0] == ALIVE and (
                heir is None or (isinstance(heir, Process) and not heir.runs)
            ):
                with suppress(OSError, ZarrBackendsError), table.locked(_EXIT_S):
                    erase(path)


os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
atexit.register(_at_exit)
