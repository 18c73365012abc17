"""What is tested: a backend class, its options, and how options name fresh places.

A check needs many arrays at places of their own. Where an option holds ``{name}``, a name
made by the kit takes its place. Otherwise the first option that names the place of an array
(``prefix``, ``array_id``, ...) is extended by the name; and a backend whose place is a path,
and which was given none, gets one in a temporary folder.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from zarr_backends import Backend, ConfigurationError, get_backend, resolve
from zarr_backends._storage.registry.options import parameters_of

__all__ = ["PLACEHOLDER", "Target", "find_target", "place_options"]

PLACEHOLDER = "{name}"
"""What stands for the name of a place in the value of an option."""

_PLACES = ("prefix", "array_id", "table_name", "name", "path", "root", "directory")
"""Options that name the place of an array, the innermost first."""

_PATHS = ("path", "root", "directory")
"""Those that are places in the file system."""


@dataclass(frozen=True)
class Target:
    """A backend and options in which ``{name}`` stands for the name of an array's place."""

    backend: type[Backend]
    """Class under test."""
    options: Mapping[str, Any]
    """Options with the placeholder; secrets are in here, so they are never shown."""
    label: str
    """What the user called it."""
    disposable: bool = False
    """Whether all places are in a temporary folder, which is removed whole."""

    def at(self, name: str) -> dict[str, Any]:
        """Return the options of the place of a name."""
        return {option: _filled(value, name) for option, value in self.options.items()}

    @property
    def has_places(self) -> bool:
        """Whether an option names the place, so that there can be more than one array."""
        return any(value != _filled(value, "x") for value in self.options.values())

    def with_options(self, **options: Any) -> Target:
        """Return a target with some options replaced."""
        return replace(self, options={**self.options, **options})

    def __repr__(self) -> str:
        """Show the names of options, never a value."""
        return f"<Target {self.label} options={sorted(self.options)}>"


def find_target(text: str, options: Mapping[str, Any], folder: str | Path) -> Target:
    """Return what a user names on the command line.

    Args:
        text: A backend id, a url, a path, or ``module:Class``.
        options: Its options.
        folder: Folder for the places of backends that keep files and were given no path.

    Raises:
        ConfigurationError: It cannot be found, or its options cannot name places.
        UnknownBackendError: No backend has this id or scheme.
    """
    cls = _imported(text)
    given = dict(options)
    if cls is None and ("/" in text or ":" in text):
        cls, given = resolve(text, **options)
    elif cls is None:
        cls = get_backend(text)
    placed = place_options(cls, given, folder)
    inside = any(str(value).startswith(str(folder)) for value in placed.values())
    return Target(cls, placed, cls.backend_id if "//" in text else text, inside)


def place_options(
    backend: type[Backend], options: Mapping[str, Any], folder: str | Path
) -> dict[str, Any]:
    """Return options in which ``{name}`` stands for the name of a place.

    Args:
        backend: Class under test.
        options: Options as given; those that have the placeholder are taken as they are.
        folder: Folder for backends that keep files and were given no path.
    """
    found = dict(options)
    known = parameters_of(backend)
    if any(value != _filled(value, "x") for value in found.values()):
        return found
    place = next((name for name in _PLACES if name in known and name in found), None)
    if place is None:
        place = _default_place(backend, found, folder)
    elif found[place]:
        found[place] = f"{str(found[place]).rstrip('/')}/{PLACEHOLDER}"
    if place is not None and not found.get(place):
        found[place] = PLACEHOLDER
    return found


def _default_place(
    backend: type[Backend], options: dict[str, Any], folder: str | Path
) -> str | None:
    """Choose the option that names the place where the user gave none."""
    known = parameters_of(backend)
    path = next((name for name in _PATHS if name in known), None)
    if path is not None and path not in options:
        if "array_id" in known:  # many arrays in one file
            options[path] = str(Path(folder) / "arrays")
            return "array_id"
        suffix = ".zip" if backend.backend_id == "zip" else ""
        options[path] = str(Path(folder) / f"{PLACEHOLDER}{suffix}")
        return path
    place = next((name for name in _PLACES if name in known and name not in _PATHS), None)
    if place == "prefix" and "name" in known:
        options["name"] = "zarr-backends-compliance"
    return place


def _filled(value: Any, name: str) -> Any:
    """Return the value of an option with the placeholder replaced, also inside mappings."""
    if isinstance(value, str):
        return value.replace(PLACEHOLDER, name)
    if isinstance(value, Mapping):
        return {key: _filled(inner, name) for key, inner in value.items()}
    return value


def _imported(text: str) -> type[Backend] | None:
    """Return the class that ``module:Class`` names; None for other texts.

    Raises:
        ConfigurationError: The module has no such class.
        ModuleNotFoundError: The module imports one that is not installed.
    """
    module, colon, name = text.partition(":")
    if not colon or not name.isidentifier() or not module.replace(".", "").isidentifier():
        return None
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and module.startswith(error.name):
            return None  # "memory:scratch" is a url
        raise
    if not isinstance(getattr(found, name, None), type):
        message = f"module {module!r} has no class {name!r}"
        raise ConfigurationError(message, option="target")
    return cast("type[Backend]", getattr(found, name))
