"""Whether a member can be called as the contract calls it."""

from __future__ import annotations

import inspect

from zarr_backends import Backend

__all__ = ["signature_fault"]


def signature_fault(backend: object, member: str) -> str:
    """Return what is wrong with the signature of a member, "" where nothing is.

    Args:
        backend: A connected instance.
        member: Name of a method of the contract.
    """
    names = list(inspect.signature(getattr(Backend, member)).parameters)[1:]
    method = getattr(backend, member, None)
    if not callable(method):
        return f"{member} is {method!r:.40}, not a method"
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):  # written in C, and tells nothing
        return ""
    wanted = f"{member}({', '.join(names)})"
    try:
        signature.bind(*names)
        signature.bind(**dict.fromkeys(names))
    except TypeError as error:
        return f"{member}{signature} cannot be called as {wanted}: {error}"
    if inspect.iscoroutinefunction(method):
        return f"{member} is a coroutine function; the contract's methods return what they say"
    return ""
