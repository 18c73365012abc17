"""What may be refused, and how: by an error of ours or one that Python itself would raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zarr_backends import NotFoundError, ZarrBackendsError
from zarr_backends_compliance._kernel.expect import shown
from zarr_backends_compliance._kernel.verdicts import violated

__all__ = ["accepted", "refused"]

_REFUSALS = (ZarrBackendsError, TypeError, ValueError, IndexError, BufferError, OverflowError)
"""Errors that say that an argument is wrong."""


def accepted(call: Callable[..., object], *arguments: Any) -> bool:
    """Call something that may be refused; fail where the error says nothing about an argument.

    Returns:
        Whether it was done.
    """
    try:
        call(*arguments)
    except _REFUSALS:
        return False
    except Exception as error:
        text = ", ".join(map(shown, arguments))
        violated(f"{_name_of(call)}({text}) raised {type(error).__name__}: {error!s:.200}")
    return True


def refused(call: Callable[..., object], *arguments: Any, what: str = "it") -> None:
    """Call something that must be refused; fail where it is not, or counts as missing.

    Args:
        call: What is called.
        *arguments: With what.
        what: What is wrong with them.
    """
    try:
        call(*arguments)
    except NotFoundError as error:
        violated(f"{_name_of(call)} with {what} raised {type(error).__name__}, as if it were right")
    except _REFUSALS:
        return
    except Exception as error:
        violated(f"{_name_of(call)} with {what} raised {type(error).__name__}: {error!s:.200}")
    violated(f"{_name_of(call)} took {what}; it had to refuse it")


def _name_of(call: Callable[..., object]) -> str:
    """Return what a function is called."""
    return getattr(call, "__name__", repr(call))
