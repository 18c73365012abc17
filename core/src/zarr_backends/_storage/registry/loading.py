"""From a declared backend to its class: import, look at it, say what is wrong.

No lock is held while a plugin is imported, since Python's own import lock already makes
two threads wait for one another and a second one around it could deadlock with it.
"""

from __future__ import annotations

from functools import cache, reduce
from importlib import import_module
from typing import NamedTuple, cast

from zarr_backends._storage.registry.conformance import BackendState, fault_of
from zarr_backends._storage.registry.discovery import DISABLE_VARIABLE, Entry
from zarr_backends.contract import Backend
from zarr_backends.errors import InvalidBackendError, UnknownBackendError, ZarrBackendsError

__all__ = ["Outcome", "examine", "load"]


class Outcome(NamedTuple):
    """What became of an attempt to load; exactly one of `backend` and `error` is set."""

    state: BackendState
    backend: type[Backend] | None = None
    error: ZarrBackendsError | None = None


@cache
def load(entry: Entry) -> type[Backend]:
    """Return the class of an installed backend, importing it at the first call.

    Only success is remembered: a failed import is tried again.

    Raises:
        UnknownBackendError: The backend is disabled.
        InvalidBackendError: The import failed, or the class is no backend of this contract.
    """
    outcome = examine(entry)
    if outcome.error is not None:
        raise outcome.error
    return cast("type[Backend]", outcome.backend)


def examine(entry: Entry) -> Outcome:
    """Try to load a backend and say how it went; raises nothing."""
    if entry.disabled:
        message = f"{_described(entry)} is disabled by the environment variable {DISABLE_VARIABLE}"
        error = UnknownBackendError(message, backend=entry.backend_id)
        return Outcome("disabled", error=error)
    try:
        return _checked(entry, _imported(entry))
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a plugin must not end the process
        return _import_failure(entry, error)


def _imported(entry: Entry) -> object:
    """Return the object that the entry point names."""
    module, _, attribute = entry.value.partition(":")
    return reduce(getattr, filter(None, attribute.split(".")), import_module(module))


def _import_failure(entry: Entry, cause: BaseException) -> Outcome:
    """Return the outcome of an import that raised."""
    own = entry.value.partition(":")[0].partition(".")[0]
    name = cause.name if isinstance(cause, ModuleNotFoundError) else None
    if name and name.partition(".")[0] != own:
        reason = (
            f"needs the module {name!r}, which is not installed: "
            f"pip install it, or {entry.distribution} once more"
        )
        return _failure(entry, "missing dependency", reason, cause)
    reason = f"cannot be imported: {type(cause).__name__}: {cause}"
    return _failure(entry, "broken", reason, cause)


def _checked(entry: Entry, backend: object) -> Outcome:
    """Return the outcome for an object that was imported."""
    fault = fault_of(backend)
    if fault is not None:
        reason = f"does not fulfil the contract: {fault.reason}"
        return _failure(entry, fault.state, reason)
    checked = cast("type[Backend]", backend)
    if checked.backend_id != entry.backend_id:
        reason = (
            f"is declared under that name, but its class has backend_id {checked.backend_id!r}; "
            "the two must agree"
        )
        return _failure(entry, "invalid", reason)
    return Outcome("available", backend=checked)


def _failure(
    entry: Entry, state: BackendState, reason: str, cause: BaseException | None = None
) -> Outcome:
    """Return the outcome of a backend that cannot be used."""
    error = InvalidBackendError(f"{_described(entry)} {reason}", backend=entry.backend_id)
    error.__cause__ = cause
    return Outcome(state, error=error)


def _described(entry: Entry) -> str:
    """Name a backend and where it comes from."""
    return f"backend {entry.backend_id!r} of {entry.distribution} {entry.version} ({entry.value})"
