"""Urls for the places of a trial, as far as they can be guessed from its options.

The kit is given options, or a url of which options are what is left. It tries the forms
that urls of storage have, and takes those that the backend turns into the same options.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any
from urllib.parse import quote

from zarr_backends import ConfigurationError
from zarr_backends_compliance._kernel.trial import Trial

__all__ = ["accepted_urls", "is_path", "known_urls", "schemes_of"]

_HOSTS = ("bucket", "container", "name", "host", "database")
"""Options that a url has in the place of a host."""

_PATHS = ("path", "root", "directory", "database", "file")
_FOLDERS = ("prefix", "array_id", "name", "table_name", "collection")


def schemes_of(backend: type[Any]) -> list[str]:
    """Return the url schemes of a backend: those it is registered under, and its id."""
    found = {
        point.name
        for point in entry_points(group="zarr_backends.schemes")
        if point.value == f"{backend.__module__}:{backend.__qualname__}"
    }
    return sorted(found) or [str(backend.backend_id)]


def known_urls(t: Trial, name: str = "url") -> list[str]:
    """Return urls that a backend takes for the options of a place of a trial.

    Args:
        t: The trial.
        name: Name of the place.
    """
    options = t.options(name)
    return [url for url, found in accepted_urls(t, name) if _stands_for(found, options)]


def accepted_urls(t: Trial, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the urls made for a place that a backend does not refuse, and their options."""
    for scheme in schemes_of(t.target.backend):
        for url in dict.fromkeys(f"{scheme}:{form}" for form in _forms(t.options(name))):
            with contextlib.suppress(ConfigurationError):
                yield url, dict(t.target.backend.options_from_url(url))  # type: ignore[attr-defined]


def is_path(found: dict[str, Any], options: dict[str, Any]) -> bool:
    """Whether the options of a url name a path, as those of the place of a trial do."""
    return any(str(options.get(key, "")).startswith("/") for key in found if key in _PATHS)


def _forms(options: dict[str, Any]) -> Iterator[str]:
    """Yield what may follow a scheme for a place with these options."""
    texts = {key: quote(str(value)) for key, value in options.items() if isinstance(value, str)}
    paths = [texts[key] for key in _PATHS if key in texts]
    folders = ["", *(texts[key] for key in _FOLDERS if key in texts)]
    for path in paths:
        for folder in folders:
            yield f"//{path}#{folder}" if folder else f"//{path}"
            yield f"//{path}/{folder}" if folder else path
            yield f"///{path}#{folder}" if folder else f"///{path}"
    for host in (texts[key] for key in _HOSTS if key in texts):
        for folder in folders:
            yield f"//{host}/{folder}" if folder else f"//{host}"


def _stands_for(found: dict[str, Any], options: dict[str, Any]) -> bool:
    """Whether the options of a url are among those given, and name the place."""
    placed = {key for key, value in options.items() if "zbc-" in str(value)}
    return placed <= set(found) and all(options.get(key) == found[key] for key in found)
