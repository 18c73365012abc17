"""The backends that installed distributions declare, looked at once and then remembered."""

from __future__ import annotations

import os
from functools import cache
from importlib import invalidate_caches

from zarr_backends._storage.registry.discovery import Entry, Scan, normalised, scan_distributions
from zarr_backends._storage.registry.loading import examine, load
from zarr_backends._storage.registry.published_backends import unknown_scheme
from zarr_backends.contract import Backend
from zarr_backends.errors import ConfigurationError, InvalidBackendError

__all__ = [
    "STRICT_VARIABLE",
    "backend_of_scheme",
    "conflict_of",
    "installed",
    "installed_as",
    "load_one",
    "rescan",
]

STRICT_VARIABLE = "ZARR_BACKENDS_STRICT"
"""Environment variable; "1" loads every installed backend at the first question and makes
the first defect of any an error, instead of leaving it to whoever asks for that backend."""


@cache
def installed() -> Scan:
    """Return what is installed; looks at the environment at the first call.

    Raises:
        InvalidBackendError: In strict mode, something installed cannot be used.
        ConfigurationError: In strict mode, two distributions claim the same.
    """
    scan = scan_distributions()
    if os.environ.get(STRICT_VARIABLE, "0") not in ("", "0"):
        _refuse_defects(scan)
    return scan


def rescan() -> None:
    """Forget what was found and loaded, so that the next question looks again; for tests."""
    invalidate_caches()
    installed.cache_clear()
    load.cache_clear()


def installed_as(name: str) -> tuple[Entry, ...]:
    """Return what is declared under an id or ``"distribution:id"``; () where nothing is."""
    distribution, _, backend_id = name.rpartition(":")
    entries = installed().of_id(backend_id)
    if not distribution:
        return entries
    wanted = normalised(distribution)
    return tuple(entry for entry in entries if normalised(entry.distribution) == wanted)


def load_one(entries: tuple[Entry, ...], subject: str) -> type[Backend]:
    """Return the class that one or more declarations of the same thing lead to.

    Args:
        entries: At least one declaration; those disabled give way to those that are not.
        subject: What they declare, for messages: ``"backend id 's3'"``.

    Raises:
        UnknownBackendError: It is disabled.
        ConfigurationError: Several distributions claim it.
        InvalidBackendError: The plugin cannot be imported or does not fulfil the contract.
    """
    conflict = conflict_of(entries, subject)
    if conflict is not None:
        raise conflict
    return load((_enabled(entries) or entries)[0])


def backend_of_scheme(scheme: str) -> type[Backend]:
    """Return the class that serves a url scheme, importing its plugin at the first call.

    Args:
        scheme: Scheme in lower case; of one such as ``postgresql+psycopg`` the whole is
            looked up first, then the part before the "+".

    Raises:
        UnknownBackendError: No installed backend serves it, or that one is disabled.
        ConfigurationError: Several distributions serve it.
        InvalidBackendError: The plugin cannot be imported or does not fulfil the contract.
    """
    scan = installed()
    for name in (scheme, scheme.partition("+")[0]):
        entries = scan.of_scheme(name)
        if entries:
            return load_one(entries, f"url scheme {name!r}")
    served = {name for entry in scan.entries for name in entry.schemes}
    error = unknown_scheme(scheme, served, scan.faults)
    raise error


def conflict_of(entries: tuple[Entry, ...], subject: str) -> ConfigurationError | None:
    """Return the error about several distributions that claim the same, if they do."""
    enabled = _enabled(entries)
    if len(enabled) < 2:  # noqa: PLR2004  # it takes two to conflict
        return None
    names = " and ".join(f"{e.distribution} {e.version} ({e.value})" for e in enabled)
    picks = " or ".join(f"storage={entry.qualified_id!r}" for entry in enabled)
    message = f"{subject} is claimed by {names}; pick one with {picks}, or uninstall the other"
    return ConfigurationError(message, backend=enabled[0].backend_id, option="storage")


def _refuse_defects(scan: Scan) -> None:
    """Load everything that is not disabled.

    Raises:
        InvalidBackendError: A distribution cannot be read, or a backend not be used.
        ConfigurationError: Two distributions claim the same id or url scheme.
    """
    if scan.faults:
        raise InvalidBackendError("; ".join(scan.faults))
    # What is disabled was given up on purpose, and is no defect.
    for entry in _enabled(scan.entries):
        claims = [(scan.of_scheme(name), f"url scheme {name!r}") for name in entry.schemes]
        claims.append((scan.of_id(entry.backend_id), f"backend id {entry.backend_id!r}"))
        errors = [conflict_of(entries, subject) for entries, subject in claims]
        for error in (*errors, examine(entry).error):
            if error is not None:
                raise error


def _enabled(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Return the entries that are not disabled."""
    return tuple(entry for entry in entries if not entry.disabled)
