"""What there is to know about a backend: where it is from, what it takes, what it can do."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

from zarr_backends import contract
from zarr_backends._storage.registry.conformance import BackendState
from zarr_backends._storage.registry.discovery import Entry
from zarr_backends._storage.registry.installed import conflict_of
from zarr_backends._storage.registry.loading import Outcome, examine
from zarr_backends._storage.registry.options import parameters_of, type_text
from zarr_backends._storage.registry.registered import entries_of, registered_class
from zarr_backends.contract import Backend

__all__ = ["BackendInfo", "OptionInfo", "backend_info"]

_CAPABILITIES = tuple(name for name in contract.__all__ if name.startswith("Supports"))
"""Names of the optional protocols of the contract."""


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """One option of a backend."""

    name: str
    """Name of the keyword of ``create`` and ``open``."""
    type: str
    """Type as the author wrote it; empty where none is written."""
    required: bool
    """Whether it must be given."""
    default: str | None
    """The default as Python writes it; None for a required option."""


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """What is known about a backend; strings and tuples only, so that it prints as JSON."""

    id: str
    """Name to pass as ``storage=``."""
    distribution: str | None
    """Distribution that brings it; None for a registered class and in a conflict."""
    version: str | None
    """Version of the distribution."""
    summary: str
    """First line of the class's docstring."""
    options: tuple[OptionInfo, ...]
    """Options in the order of the signature; empty where the class cannot be loaded."""
    capabilities: tuple[str, ...]
    """Names of the contract's optional protocols that the class fulfils."""
    schemes: tuple[str, ...]
    """Url schemes that lead to it."""
    state: BackendState
    """``"available"``, or why it is not."""
    error: str | None
    """What is wrong and what to do about it; None for an available backend."""


def backend_info(backend_id: str) -> BackendInfo:
    """Return what is known about a backend; imports its plugin, and a broken one is no error.

    Args:
        backend_id: Id, or ``"distribution:id"`` where several distributions have the id.

    Raises:
        UnknownBackendError: No such backend is registered or installed.
    """
    registered = registered_class(backend_id)
    if registered is not None:
        return _described(registered.backend_id, None, Outcome("available", registered))
    entries = entries_of(backend_id)
    conflict = conflict_of(entries, f"backend id {backend_id!r}")
    if conflict is not None:
        return _described(backend_id, None, Outcome("conflict", error=conflict))
    # One that is disabled gives way to one that is not, as `get_backend` has it.
    entry = next((entry for entry in entries if not entry.disabled), entries[0])
    return _described(entry.backend_id, entry, examine(entry))


def _described(backend_id: str, entry: Entry | None, outcome: Outcome) -> BackendInfo:
    """Put together what the declaration and the class tell."""
    backend = outcome.backend
    return BackendInfo(
        id=backend_id,
        distribution=entry.distribution if entry else None,
        version=entry.version if entry else None,
        summary=_summary_of(backend) if backend else "",
        options=_options_of(backend) if backend else (),
        capabilities=_capabilities_of(backend) if backend else (),
        schemes=entry.schemes if entry else (),
        state=outcome.state,
        error=str(outcome.error) if outcome.error else None,
    )


def _summary_of(backend: type[Backend]) -> str:
    """Return the first line of a docstring."""
    return inspect.cleandoc(backend.__doc__ or "").partition("\n")[0]


def _options_of(backend: type[Backend]) -> tuple[OptionInfo, ...]:
    """Return the options of ``create``."""
    return tuple(
        OptionInfo(
            name=name,
            type=type_text(parameter),
            required=parameter.default is parameter.empty,
            default=None if parameter.default is parameter.empty else repr(parameter.default),
        )
        for name, parameter in parameters_of(backend).items()
    )


def _capabilities_of(backend: type[Backend]) -> tuple[str, ...]:
    """Return the optional protocols that a class fulfils by its structure."""
    return tuple(name for name in _CAPABILITIES if issubclass(backend, getattr(contract, name)))
