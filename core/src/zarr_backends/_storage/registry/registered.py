"""The backends of this process by id: registered by hand, or declared by a distribution.

A class that was registered stands before an installed one of the same id, since the
program said so itself; the installed one is still reached as ``"distribution:id"``.
"""

from __future__ import annotations

from threading import Lock
from typing import TypeVar, cast

from zarr_backends._storage.registry.conformance import fault_of
from zarr_backends._storage.registry.discovery import Entry
from zarr_backends._storage.registry.installed import installed, installed_as, load_one
from zarr_backends._storage.registry.published_backends import unknown_backend
from zarr_backends.contract import Backend
from zarr_backends.errors import ConfigurationError, InvalidBackendError

__all__ = [
    "entries_of",
    "get_backend",
    "is_registered",
    "list_backends",
    "register",
    "registered_class",
    "unregister",
]

_T = TypeVar("_T")

_registered: dict[str, type[Backend]] = {}
"""Classes registered by hand, by id. Reading one needs no lock."""

_lock = Lock()
"""Held while `_registered` is changed."""


def register(backend: type[_T]) -> type[_T]:
    """Make a backend class known under its ``backend_id``; usable as a decorator.

    For programs and notebooks; a distribution declares an entry point instead. The same
    definition may be registered again (a module reloaded, a cell run twice) and replaces
    the one before.

    Args:
        backend: Class that fulfils the contract.

    Returns:
        The class itself.

    Raises:
        InvalidBackendError: The class does not fulfil the contract; all reasons are said.
        ConfigurationError: Another class is registered under this id.
    """
    fault = fault_of(backend)
    if fault is not None:
        name = getattr(backend, "__qualname__", repr(backend))
        message = f"{name:.80} does not fulfil the contract of a backend: {fault.reason}"
        raise InvalidBackendError(message)
    checked = cast("type[Backend]", backend)
    with _lock:
        present = _registered.get(checked.backend_id, checked)
        # By name and not by identity: a cell that is run again makes a new class.
        if _definition(present) != _definition(checked):
            message = (
                f"backend id {checked.backend_id!r} is taken by {_definition(present)}; "
                "unregister it first, or give the class another backend_id"
            )
            raise ConfigurationError(message, backend=checked.backend_id, option="backend_id")
        _registered[checked.backend_id] = checked
    return backend


def unregister(backend_id: str) -> None:
    """Forget a class that was registered by hand.

    Raises:
        UnknownBackendError: There is no such backend.
        ConfigurationError: It comes from an installed distribution.
    """
    with _lock:
        removed = _registered.pop(backend_id, None)
    if removed is None:
        first = entries_of(backend_id)[0]
        message = (
            f"backend {backend_id!r} is installed with {first.distribution}, not registered; "
            f"set ZARR_BACKENDS_DISABLE={first.qualified_id} to leave it alone"
        )
        raise ConfigurationError(message, backend=backend_id)


def get_backend(backend_id: str) -> type[Backend]:
    """Return the class of a backend, importing its plugin at the first call.

    Args:
        backend_id: Id such as ``"s3"``, or ``"distribution:id"`` where several
            distributions have the id.

    Raises:
        UnknownBackendError: No such backend is installed (the message says what is, and
            what to install), or it is disabled.
        ConfigurationError: Several distributions have this id.
        InvalidBackendError: The plugin cannot be imported or does not fulfil the contract.
    """
    registered = registered_class(backend_id)
    if registered is not None:
        return registered
    return load_one(entries_of(backend_id), f"backend id {backend_id!r}")


def is_registered(backend_id: str) -> bool:
    """Whether an id is registered or installed; imports nothing, so it may still be broken."""
    return registered_class(backend_id) is not None or bool(installed_as(backend_id))


def list_backends() -> list[str]:
    """Return the ids of all registered and installed backends, sorted; imports none of them.

    `backend_info` says which of them can be used.
    """
    return sorted({*_registered, *(entry.backend_id for entry in installed().entries)})


def registered_class(backend_id: str) -> type[Backend] | None:
    """Return the class that was registered by hand under an id, if there is one."""
    return _registered.get(backend_id)


def entries_of(backend_id: str) -> tuple[Entry, ...]:
    """Return what distributions declare under an id or ``"distribution:id"``, at least one.

    Raises:
        UnknownBackendError: Nothing.
    """
    entries = installed_as(backend_id)
    if not entries:
        error = unknown_backend(backend_id, list_backends(), installed().faults)
        raise error
    return entries


def _definition(backend: type) -> str:
    """Return where a class was defined, as Python writes it."""
    return f"{backend.__module__}.{backend.__qualname__}"
