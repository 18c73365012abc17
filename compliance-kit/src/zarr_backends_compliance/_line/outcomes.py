"""What may come of calls while a server is out of order, and after that.

An answer is never wrong if it is true: a backend may have it from a cache, or from another
server. Everything else has to be an error of ours that says what kind of thing happened.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from zarr_backends import (
    BackendError,
    BackendTimeoutError,
    NetworkError,
    NotFoundError,
    ZarrBackendsError,
)
from zarr_backends_compliance._kernel.expect import content, shown
from zarr_backends_compliance._kernel.samples import v3_metadata
from zarr_backends_compliance._kernel.verdicts import violated
from zarr_backends_compliance._line.callers import Callers
from zarr_backends_compliance._line.calls import Call
from zarr_backends_compliance._line.operations import NEW_METADATA, SMALL, chunk_at

__all__ = ["LOST", "each_ended", "each_failed", "each_is_right", "each_left_old_or_new",
           "each_works_again", "no_secret_in"]  # fmt: skip

LOST = (NetworkError, BackendTimeoutError)
"""What a lost connection may be called: some clients know no better."""

_RECOVERY_S = 3.0
"""Seconds in which an instance has to work again after its server does."""

_MOST = 3
"""Findings that are shown."""


def each_failed(
    callers: Callers,
    calls: Sequence[Call],
    *kinds: type[ZarrBackendsError],
    never: tuple[type[ZarrBackendsError], ...] = (),
    transient: bool | None = None,
    chained: bool = False,
) -> None:
    """Fail unless each call raised the right error, or what it returned is true.

    Args:
        callers: Whose calls they are.
        calls: Calls that were made.
        *kinds: Classes of which the error must be, one of them.
        never: Classes that it must not be; `NotFoundError` it is never.
        transient: What its attribute must be; None for any.
        chained: Whether there always is a cause that it must be raised from.
    """
    each_ended(callers, calls)
    found = [
        f"{call.name} {fault}"
        for call in calls
        for fault in [
            call.operation.wrong(call.returned)
            if call.error is None
            else _kind_fault(call.error, kinds, (NotFoundError, *never))
            or _attribute_fault(call.error, transient=transient, chained=chained)
        ]
        if fault
    ]
    _report(found, len(calls))


def each_ended(callers: Callers, calls: Sequence[Call]) -> None:
    """Fail if a call still runs: the limit has passed when they were made."""
    found = [
        f"{call.name} did not end within {callers.limit_s:g} s with timeout_s={callers.timeout_s:g}"
        for call in calls
        if not call.ended(0)
    ]
    _report(found, len(calls))


def each_is_right(callers: Callers, calls: Sequence[Call]) -> None:
    """Fail unless each call returned what is right; none may have raised."""
    each_ended(callers, calls)
    found = [f"{call.name} raised {_named(call.error)}" for call in calls if call.error is not None]
    found += [
        f"{call.name} {call.operation.wrong(call.returned)}"
        for call in calls
        if call.error is None and call.operation.wrong(call.returned)
    ]
    _report(found, len(calls))


def each_left_old_or_new(callers: Callers, calls: Sequence[Call]) -> None:
    """Fail unless everything is as before, or as asked for; the latter where no error came."""
    callers.mend()
    for call in calls:  # those that hung end now, and do not write later
        call.ended(callers.limit_s)
    direct = callers.direct.create("w")
    found = [
        f"{call.name} {_outcome(call)}; afterwards chunk {call.operation.leaves[0]} is {fault}"
        for call in calls
        if call.operation.leaves
        for fault in [_wrong_state(chunk_at(direct, call.operation.leaves[0]), call)]
        if fault
    ]
    document = callers.direct.create("m").read_metadata()
    if document not in (v3_metadata(), NEW_METADATA):
        found.append(f"write_metadata left {shown(document)}")
    found += [
        f"write_metadata {_outcome(call)}; afterwards the old metadata is there"
        for call in calls
        if call.name.startswith("write_metadata") and call.error is None
        if document != NEW_METADATA
    ]
    _report(found, len(calls))


def each_works_again(callers: Callers, calls: Sequence[Call]) -> None:
    """Fail unless every instance works when its server does: at once, or after a few errors.

    A backend may notice only by an error that its connection is gone; such an error must be
    transient.
    """
    callers.mend()
    deadline = time.monotonic() + _RECOVERY_S
    waiting = [call for call in calls if call.ended(callers.limit_s)]
    while waiting and time.monotonic() < deadline:
        for call in waiting:
            call.start_with(_read_small)
        failed = [call for call in waiting if not _read(call, callers.limit_s)]
        waiting = [call for call in failed if call.error is None or _may_pass(call.error)]
        _report([f"after {c.name}: {_again(c)}" for c in failed if c not in waiting], len(calls))
        time.sleep(0.05)
    _report([f"after {call.name}: {_again(call)}" for call in waiting], len(calls))


def no_secret_in(callers: Callers, calls: Sequence[Call]) -> None:
    """Fail if the text of an error, or of what caused it, has a credential in it."""
    found = [
        f"{call.name}: a credential is in the text of the {type(link).__name__}"
        for call in calls
        for link in _chain(call.error)
        if any(secret in text for secret in callers.secrets for text in (str(link), repr(link)))
    ]
    _report(found, len(calls))


def _kind_fault(
    error: BaseException,
    kinds: tuple[type[ZarrBackendsError], ...],
    never: tuple[type[ZarrBackendsError], ...],
) -> str:
    """Say how the class of an error is wrong, "" where it is right."""
    if not isinstance(error, ZarrBackendsError):
        return f"raised {_named(error)}, which is no error of ours"
    if isinstance(error, never) or not isinstance(error, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        return f"raised {_named(error)}; it had to raise {wanted}"
    return ""


def _attribute_fault(error: BaseException, *, transient: bool | None, chained: bool) -> str:
    """Say what is wrong with an error of ours besides its class, "" where all is right."""
    seen = getattr(error, "transient", None)
    if transient is not None and seen is not transient:
        return f"raised {_named(error)}, with transient={seen!r}"
    if error.__cause__ is None and (chained or _is_hidden(error.__context__)):
        return f"raised {_named(error)}, without its cause: raise ... from error"
    return ""


def _is_hidden(context: BaseException | None) -> bool:
    """Whether an error was raised while a failure was handled, and not after a look-up."""
    return context is not None and not isinstance(context, LookupError | BackendError)


def _wrong_state(seen: bytes | None, call: Call) -> str:
    """Say what is wrong with what a change left, "" where it is right."""
    if call.operation.leaves is None:
        return ""
    old, new = call.operation.leaves[1]
    right = (new,) if call.error is None and call.ended(0) else (old, new)
    if seen in right:
        return ""
    if seen is None:
        return "not stored"
    return "still what it was" if seen == old else f"neither old nor new ({len(seen):,} bytes)"


def _read_small(backend: object) -> object:
    """Read the chunk that nothing changes."""
    return backend.read_chunk((1,))  # type: ignore[attr-defined]


def _read(call: Call, timeout_s: float) -> bool:
    """Wait for what was started; return whether the chunk came that nothing changes."""
    if not call.ended(timeout_s):
        violated(f"after {call.name}: read_chunk((1,)) hangs although the server works again")
    return call.error is None and content(call.returned) == SMALL


def _may_pass(error: BaseException) -> bool:
    """Whether an error may come once more although the server works again."""
    return isinstance(error, LOST) and error.transient


def _again(call: Call) -> str:
    """Say how an instance does not work again."""
    if call.error is not None:
        return f"read_chunk((1,)) still raises {_named(call.error)} although the server works again"
    return f"read_chunk((1,)) returned {shown(call.returned)}"


def _outcome(call: Call) -> str:
    """Say what came of a call."""
    return "returned" if call.error is None else f"raised {type(call.error).__name__}"


def _named(error: BaseException | None) -> str:
    """Return the class and the text of an error."""
    return f"{type(error).__name__}: {error!s:.120}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes."""
    while error is not None:
        yield error
        error = error.__cause__


def _report(found: list[str], total: int) -> None:
    """Fail where something was found."""
    if found:
        more = f"\n      ({len(found)} of {total} calls)" if len(found) > _MOST else ""
        violated("\n      ".join(found[:_MOST]) + more)
