"""Whose fault an exception is: the backend's, the kit's, or that of what is around them.

An exception that no check expected came either out of the backend, which had no business
to raise it, or out of the kit itself. The innermost frame of the kit tells: where it is the
innermost of all, the kit raised it.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

from zarr_backends import BackendTimeoutError, NetworkError
from zarr_backends_compliance._kernel.verdicts import EnvironmentFailure, Skip, Violation

__all__ = ["finding_of", "is_connection_trouble", "raised_by_kit"]

_FOLDERS = ("_kernel", "_line", "_tools", "_checks")
_KIT = tuple(str(Path(__file__).parent.parent / name) for name in _FOLDERS)
"""Folders of the kit whose code calls backends. The kit's own backends are not in them."""


def raised_by_kit(error: BaseException) -> bool:
    """Whether the kit itself raised an exception, not something that it called."""
    frames = traceback.extract_tb(error.__traceback__)
    return not frames or frames[-1].filename.startswith(_KIT)


def finding_of(error: BaseException) -> BaseException:
    """Return an exception of a check as what it says: a finding, a skip, or itself.

    Args:
        error: What a check raised.

    Returns:
        A `Violation` where the backend raised what it should not have; otherwise `error`.
    """
    if isinstance(error, Violation | Skip | EnvironmentFailure) or raised_by_kit(error):
        return error
    where = traceback.extract_tb(error.__traceback__)
    called = next((frame for frame in reversed(where) if frame.filename.startswith(_KIT)), where[0])
    line = f" in `{called.line}`" if called.line else ""
    found = Violation(f"{type(error).__name__}{line}: {error!s:.300}")
    found.__cause__ = error
    return found


def is_connection_trouble(error: BaseException) -> bool:
    """Whether an exception, or one of its causes, says that a server cannot be reached."""
    return any(
        isinstance(link, NetworkError | BackendTimeoutError | EnvironmentFailure)
        for link in _chain(error)
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and its causes."""
    while error is not None:
        yield error
        error = error.__cause__
