"""The folders of tables: made whole, removed when nobody is left who owns them.

A table is a folder with LMDB's two files and four of ours: the record, ``owner`` (locked by
the process that owns the table for as long as it runs), ``writer`` (locked by who changes it)
and ``alive`` (one byte, mapped by all who use the table: 0 when it has been removed).
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from zarr_backends import ConfigurationError, PermissionDeniedError
from zarr_backends_shared_memory._locks import try_lock
from zarr_backends_shared_memory._options import Settings
from zarr_backends_shared_memory._records import (
    Process,
    Record,
    process_of,
    read_record,
    write_record,
)

__all__ = [
    "ALIVE",
    "erase",
    "is_file_of",
    "is_there",
    "make",
    "open_file",
    "owner_runs",
    "path_of",
    "sweep",
]

ALIVE = 1
"""The byte in ``alive`` of a table that is there."""

_PREFIX = "zarr-backends."
_UNFINISHED = ".zarr-backends."
"""Beginnings of the names of tables, and of what is being made or removed."""

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_-.")
_MAX_NAME = 200
"""Bytes of the longest name of a folder that is made from that of a table."""

_READERS_NBYTES = 2**17
"""Bytes of LMDB's table of readers: about 2,000 of them at a time."""

_TRIES = 10
"""Times that a folder is made that others take for a leftover."""


def path_of(folder: str, name: str) -> str:
    """Return the folder of a table; also where case does not count, each has its own."""
    coded = "".join(chr(b) if b in _PLAIN else f"%{b:02x}" for b in name.encode())
    if len(coded) > _MAX_NAME:
        coded = f"{coded[:100]}%{sha256(name.encode()).hexdigest()}"
    return str(Path(folder) / (_PREFIX + coded))


def is_there(path: str) -> bool:
    """Look for a table in a folder.

    Returns:
        Whether there is one.

    Raises:
        PermissionDeniedError: It belongs to another user.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    if not stat.S_ISDIR(status.st_mode) or os.geteuid() not in (0, status.st_uid):
        message = f"{path} belongs to user {status.st_uid}; choose another table_name or folder"
        raise PermissionDeniedError(message, backend="shared_memory", option="table_name")
    return True


def make(settings: Settings, path: str) -> int | None:
    """Make a table that this process owns.

    Returns:
        The open, locked file ``owner``; None where somebody else made the table first.

    Raises:
        OSError: There is no room, or no right.
    """
    for _ in range(_TRIES):
        temporary = str(Path(settings.folder) / (_UNFINISHED + secrets.token_hex(8)))
        try:
            fd = _make_at(settings, temporary)
        except FileNotFoundError:
            continue
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        try:
            Path(temporary).rename(path)
        except OSError:
            os.close(fd)
            shutil.rmtree(temporary, ignore_errors=True)
            if is_there(path):
                return None
            continue
        return fd
    message = f"no table can be made at {path}: somebody else removes it again and again"
    raise OSError(message)


def open_file(path: str, name: str) -> int:
    """Open one of our files of a table."""
    return os.open(Path(path) / name, os.O_RDWR | os.O_CLOEXEC)


def owner_runs(path: str) -> bool:
    """Whether the process that owns a table still runs."""
    fd = open_file(path, "owner")
    try:
        return not try_lock(fd, shared=True)
    finally:
        os.close(fd)


def is_file_of(path: str, name: str, fd: int) -> bool:
    """Whether an open file is the one of that name of the table that is in a folder now."""
    try:
        return os.path.samestat(os.fstat(fd), (Path(path) / name).stat())
    except FileNotFoundError:
        return False


def erase(path: str) -> None:
    """Remove a table; whoever calls has the right to change it."""
    gone = Path(path).parent / (_UNFINISHED + secrets.token_hex(8))
    fd = open_file(path, "alive")
    try:
        os.pwrite(fd, b"\0", 0)
    finally:
        os.close(fd)
    Path(path).rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def sweep(folder: str) -> None:
    """Remove every table of a folder whose owner has ended without an heir."""
    for path in _ours(folder):
        with suppress(OSError, PermissionDeniedError, ValueError, LookupError):
            _sweep(path)


def _make_at(settings: Settings, path: str) -> int:
    """Fill a new folder."""
    Path(path).mkdir(0o700)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    # Zeros are written, so that mapped memory is really there: on a full file system the first
    # touch of a page that is not ends the process.
    for name, content in (
        ("writer", b""),
        ("alive", bytes([ALIVE])),
        ("lock.mdb", bytes(_READERS_NBYTES)),
        ("owner", b""),
    ):
        fd = os.open(Path(path) / name, flags, 0o600)
        try:
            written = os.write(fd, content)
            if written < len(content):
                os.write(fd, content[written:])
            if name == "owner":
                try_lock(fd)
        except BaseException:
            os.close(fd)
            raise
        if name != "owner":
            os.close(fd)
    try:
        write_record(path, _new_record(settings))
    except BaseException:
        os.close(fd)
        raise
    return fd


def _new_record(settings: Settings) -> Record:
    """Return the record of a table that this process makes.

    Raises:
        ConfigurationError: The heir does not run.
    """
    heir: Process | str | None = None
    if isinstance(settings.heir, int):
        heir = process_of(settings.heir)
        if heir is None:
            message = f"heir={settings.heir}: no process has this number"
            raise ConfigurationError(message, backend="shared_memory", option="heir")
    else:
        heir = settings.heir
    owner = process_of(os.getpid()) or Process(os.getpid(), "")
    return Record(settings.table_name, settings.access, owner, heir)


def _ours(folder: str) -> Iterator[str]:
    """Yield the folders of this user's tables, and of unfinished ones."""
    with os.scandir(folder) as entries:
        for entry in entries:
            named = entry.name.startswith((_PREFIX, _UNFINISHED))
            if named and entry.is_dir(follow_symlinks=False) and _is_ours(entry):
                yield entry.path


def _is_ours(entry: os.DirEntry[str]) -> bool:
    """Whether a folder belongs to this user; one that is gone meanwhile does not."""
    try:
        return entry.stat(follow_symlinks=False).st_uid == os.geteuid()
    except FileNotFoundError:
        return False


def _sweep(path: str) -> None:
    """Remove a table, or the remains of one, that nobody owns."""
    if Path(path).name.startswith(_UNFINISHED):
        _sweep_unfinished(path)
        return
    if owner_runs(path):
        return
    fd = open_file(path, "writer")
    try:
        if not is_file_of(path, "writer", fd) or not try_lock(fd) or owner_runs(path):
            return
        record = read_record(path)
        if record is not None and (
            record.heir is None or (isinstance(record.heir, Process) and not record.heir.runs)
        ):
            erase(path)
    finally:
        os.close(fd)


def _sweep_unfinished(path: str) -> None:
    """Remove what somebody who was killed has left of making or removing a table."""
    with suppress(FileNotFoundError):  # of ``owner``, which comes last and may go first
        if owner_runs(path):
            return
    # Under another name, whoever is making it after all cannot finish it: he begins anew.
    gone = Path(path).with_name(_UNFINISHED + secrets.token_hex(8))
    Path(path).rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
