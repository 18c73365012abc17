"""The options, checked."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn, TypeAlias

from zarr_backends import ConfigurationError

__all__ = ["Access", "Heir", "Settings", "checked"]

Access: TypeAlias = Literal["public", "protected", "private"]
"""Who may use a table: anyone; only its owner changes it; only its owner."""

Heir: TypeAlias = int | Literal["keep"] | None
"""Who owns a table when its owner has ended."""

_ACCESS = ("public", "protected", "private")
_SHM = "/dev/shm"  # noqa: S108  # shared memory is what it is for
_MIN_MAP_NBYTES = 2**16
_MAX_MAP_NBYTES = 2**46
"""Bytes of the largest map: half of what a process can address."""


class Settings(NamedTuple):
    """The options of one instance."""

    table_name: str
    folder: str
    access: Access
    heir: Heir
    map_size: int | None
    timeout_s: float


def checked(  # noqa: PLR0913, PLR0917  # the options
    table_name: object,
    folder: object,
    access: object,
    heir: object,
    map_size: object,
    timeout_s: object,
) -> Settings:
    """Return the options as they are used; a ConfigurationError names one that is impossible."""
    if sys.platform == "win32":
        _refuse("folder", folder, "used on Linux or macOS: this system has no such files")
    if access not in _ACCESS:
        _refuse("access", access, f"one of {', '.join(_ACCESS)}")
    return Settings(
        _name(table_name),
        _folder(folder),
        access,  # type: ignore[arg-type]  # one of them, as was seen
        _heir(heir),
        None if map_size is None else _map_size(map_size),
        _seconds(timeout_s),
    )


def _name(value: object) -> str:
    """Return the name of a table, a new one for None."""
    if value is None:
        return f"table-{secrets.token_hex(8)}"
    try:
        if isinstance(value, str) and value.encode():
            return value
    except UnicodeEncodeError:
        pass
    return _refuse("table_name", value, "a text that is not empty, or None for a new name")


def _folder(value: object) -> str:
    """Return an absolute folder that exists."""
    if value is None:
        return _SHM if os.access(_SHM, os.W_OK | os.X_OK) else tempfile.gettempdir()
    try:
        path = Path(os.fsdecode(value)).absolute()  # type: ignore[arg-type]  # or TypeError
        if value and path.is_dir():
            return str(path)
    except (TypeError, ValueError):
        pass
    return _refuse("folder", value, "a folder that exists, on a file system in memory")


def _heir(value: object) -> Heir:
    """Return who inherits."""
    if value is None or value == "keep":
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    return _refuse("heir", value, "None, a process id, or 'keep'")


def _map_size(value: object) -> int:
    """Return bytes in whole pages."""
    if isinstance(value, int) and not isinstance(value, bool):
        pages = -(-value // _MIN_MAP_NBYTES)
        if _MIN_MAP_NBYTES <= value <= _MAX_MAP_NBYTES:
            return pages * _MIN_MAP_NBYTES
    return _refuse("map_size", value, f"bytes, {_MIN_MAP_NBYTES} to {_MAX_MAP_NBYTES}, or None")


def _seconds(value: object) -> float:
    """Return a number of seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9:  # noqa: PLR2004  # 30 years
        return float(value)
    return _refuse("timeout_s", value, "a positive number of seconds")


def _refuse(option: str, value: Any, remedy: str) -> NoReturn:
    """Say what is wrong with an option.

    Raises:
        ConfigurationError: Always.
    """
    message = f"{option}={value!r:.80} is impossible; it must be {remedy}"
    raise ConfigurationError(message, backend="shared_memory", option=option)
