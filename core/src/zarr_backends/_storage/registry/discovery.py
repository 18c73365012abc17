"""Which backends are installed, read from the metadata of distributions; imports no plugin.

1. Every distribution on ``sys.path`` is asked for the text of its entry points; one that
   does not mention this package costs one small file read and nothing more.
2. Of those left, the one that Python would import from counts: the first of its name on
   ``sys.path``. The same distribution installed twice is therefore no conflict.
3. Their entry points become `Entry` values, a url scheme joined to the backend with the
   same ``module:Class``.

A distribution that cannot be read is remembered as a fault and disturbs no other.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from importlib_metadata import EntryPoints

__all__ = [
    "BACKEND_GROUP",
    "DISABLE_VARIABLE",
    "SCHEME_GROUP",
    "Entry",
    "Scan",
    "normalised",
    "scan_distributions",
]

BACKEND_GROUP = "zarr_backends"
"""Entry-point group of backends: name is the backend id, value ``module:Class``."""

SCHEME_GROUP = "zarr_backends.schemes"
"""Entry-point group of url schemes: name is the scheme, value that of a backend."""

DISABLE_VARIABLE = "ZARR_BACKENDS_DISABLE"
"""Environment variable with comma-separated patterns of installed backends to leave alone:
``s3``, ``zarr-backends-s3:s3``, ``zarr-backends-wrappers:*`` or ``*``."""


class Entry(NamedTuple):
    """One backend as a distribution declares it; nothing of it has been imported."""

    backend_id: str
    """Name of the entry point."""
    value: str
    """``module:Class``, without blanks and extras."""
    distribution: str
    """Name of the distribution, as it writes itself."""
    version: str
    """Version of the distribution."""
    schemes: tuple[str, ...]
    """Url schemes that lead to this backend, in lower case."""
    disabled: bool
    """Whether ``ZARR_BACKENDS_DISABLE`` names it."""

    @property
    def qualified_id(self) -> str:
        """``distribution:id``, which is one of a kind."""
        return f"{normalised(self.distribution)}:{self.backend_id}"


class Scan(NamedTuple):
    """What one look at the environment found."""

    entries: tuple[Entry, ...]
    """Every declared backend, in order of distribution and id."""
    faults: tuple[str, ...]
    """One sentence for each distribution or declaration that could not be read."""

    def of_id(self, backend_id: str) -> tuple[Entry, ...]:
        """Return the entries of an id; more than one is a conflict."""
        return tuple(entry for entry in self.entries if entry.backend_id == backend_id)

    def of_scheme(self, scheme: str) -> tuple[Entry, ...]:
        """Return the entries of a url scheme in lower case; more than one is a conflict."""
        return tuple(entry for entry in self.entries if scheme in entry.schemes)


class _Distribution(Protocol):
    """What is asked of a distribution."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def entry_points(self) -> EntryPoints: ...
    def read_text(self, filename: str, /) -> str | None: ...


def scan_distributions() -> Scan:
    """Return what every distribution on ``sys.path`` declares.

    Source: PyPA specifications, "Entry points" and "Names and normalization".
    """
    faults: list[str] = []
    entries: list[Entry] = []
    disabled = _disabled_patterns()
    for distribution in _declaring_distributions(faults):
        try:
            entries += _entries_of(distribution, disabled, faults)
        except Exception as error:  # noqa: BLE001  # whatever it is, the others go on
            faults.append(_fault(distribution, error))
    entries.sort(key=lambda entry: (normalised(entry.distribution), entry.backend_id))
    return Scan(tuple(entries), tuple(faults))


def normalised(distribution: str) -> str:
    """Return the name under which all spellings of a distribution meet.

    >>> normalised("Zarr_Backends.S3")
    'zarr-backends-s3'
    """
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _declaring_distributions(faults: list[str]) -> list[_Distribution]:
    """Return the distributions in force that mention the groups, each name once."""
    # Not at the top: it costs a third of `import numpy`, and most programs never scan.
    from importlib_metadata import (  # noqa: PLC0415
        PackageNotFoundError,
        distribution,
        distributions,
    )

    in_force: dict[str, _Distribution] = {}
    for candidate in distributions():
        try:
            if BACKEND_GROUP in (candidate.read_text("entry_points.txt") or ""):
                in_force.setdefault(normalised(candidate.name), candidate)
        except Exception as error:  # noqa: BLE001  # leftovers of old installations are common
            faults.append(_fault(candidate, error))
    for name in in_force:
        # One whose folder has not its name cannot be found by it, and stands as it is.
        with suppress(PackageNotFoundError):
            in_force[name] = distribution(name)
    return list(in_force.values())


def _entries_of(
    distribution: _Distribution, disabled: Sequence[str], faults: list[str]
) -> Iterator[Entry]:
    """Yield what one distribution declares, each declaration once."""
    points = distribution.entry_points
    declared = {(p.name, _plain(p.value)) for p in points.select(group=BACKEND_GROUP)}
    schemes = {(p.name.lower(), _plain(p.value)) for p in points.select(group=SCHEME_GROUP)}
    name, version = distribution.name, distribution.version
    for backend_id, value in sorted(declared):
        own = tuple(sorted(scheme for scheme, target in schemes if target == value))
        # Decided here and not at each question, so that one scan has one answer.
        off = _matches(f"{normalised(name)}:{backend_id}", disabled)
        yield Entry(backend_id, value, name, version, own, off)
    values = {value for _, value in declared}
    for scheme, target in sorted(schemes):
        if target not in values:
            faults.append(
                f"{name} {version} declares the url scheme {scheme!r} for {target}, "
                f"which it does not declare in the group {BACKEND_GROUP!r}"
            )


def _plain(value: str) -> str:
    """Return an entry point's value without blanks and extras."""
    return value.partition("[")[0].replace(" ", "")


def _disabled_patterns() -> list[str]:
    """Return the patterns of ``ZARR_BACKENDS_DISABLE``, distributions normalised."""
    words = (word.strip() for word in os.environ.get(DISABLE_VARIABLE, "").split(","))
    return [_qualified(word) for word in words if word]


def _qualified(word: str) -> str:
    """Return a pattern of ``distribution:id``."""
    distribution, _, backend_id = word.rpartition(":")
    return f"{normalised(distribution) or '*'}:{backend_id}"


def _matches(qualified_id: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns matches."""
    from fnmatch import fnmatchcase  # noqa: PLC0415  # needed at a scan only, not at import

    return any(fnmatchcase(qualified_id, pattern) for pattern in patterns)


def _fault(distribution: _Distribution, error: Exception) -> str:
    """Return the sentence about a distribution that cannot be read."""
    place = getattr(distribution, "_path", distribution)
    return f"the metadata in {place} cannot be read: {type(error).__name__}: {error}"
