"""Options that are wrong or missing: which ones to try, and what came of it.

They are tried by opening, which writes nothing, whatever place they happen to mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from zarr_backends import Backend, NotFoundError, SupportsClose, ZarrBackendsError
from zarr_backends._storage.registry.options import check_options, parameters_of, type_text
from zarr_backends_compliance._kernel.target import PLACEHOLDER, Target
from zarr_backends_compliance._kernel.verdicts import violated

__all__ = ["omittable", "open_checked", "opened_or_refused", "place_of", "wrong_values"]

_PLAIN_TYPES = {"str", "bytes", "int", "float", "bool", "None", "Path", "PathLike", "Literal"}
"""Names in the annotations of options whose values a user types; what takes objects of other
kinds (clients, sessions, callables) is left alone."""

_WRONG: Mapping[str, tuple[Any, ...]] = {
    "str": (5, 1.5, [], {}, object()),
    "PathLike": (5, 1.5, [], {}, object()),
    "float": ("soon", [], {}, object()),
    "int": ("many", [], {}, object()),
    "bool": ([], {}, object()),
}
"""Values of a wrong type, by a word in the annotation that says what the right one is."""


def place_of(target: Target) -> set[str]:
    """Return the names of the options that name the place of an array, also inside mappings."""
    return set(_place_names(target.options))


def _place_names(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of options that have the placeholder in their values."""
    for name, value in options.items():
        if PLACEHOLDER in str(value):
            yield name
        if isinstance(value, Mapping):
            yield from _place_names(value)


def omittable(target: Target) -> list[str]:
    """Return the given options to leave out: needed ones, and those that name a place.

    Others are kept, since without them a backend might turn to another server.
    """
    taken = parameters_of(target.backend)
    needed = {name for name, option in taken.items() if option.default is option.empty}
    return sorted((needed | place_of(target) | {"path", "root"}) & target.options.keys())


def wrong_values(backend: type[Backend]) -> Iterator[tuple[str, Any]]:
    """Yield options of a backend, each with values that it cannot have."""
    for name, parameter in parameters_of(backend).items():
        words = _words_of(type_text(parameter))
        if not words or words - _PLAIN_TYPES:
            continue
        kind = next((kind for kind in _WRONG if kind in words), "")
        yield from ((name, value) for value in _WRONG.get(kind, ()))
        if kind in ("str", "PathLike"):
            yield name, "nul\0inside"


def open_checked(backend: type[Backend], **options: Any) -> None:
    """Open an array as the core does for a user: the names of options are checked first."""
    check_options(backend, options, "open")
    opened = backend.open(**options)
    if isinstance(opened, SupportsClose):
        opened.close()


def opened_or_refused(
    backend: type[Backend], options: Mapping[str, Any], how: str
) -> ZarrBackendsError | None:
    """Open an array with options; fail where that raises anything but an error of ours.

    Args:
        backend: Class under test.
        options: Its options.
        how: What is special about them, for the message.

    Returns:
        The refusal; None where the options were taken.
    """
    try:
        open_checked(backend, **options)
    except NotFoundError:
        return None
    except ZarrBackendsError as error:
        return error
    except Exception as error:
        violated(f"{how} it raised {type(error).__name__}: {error!s:.200}")
    return None


def _words_of(annotation: str) -> set[str]:
    """Return the names in an annotation, without the modules before them and quoted values."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"|\w+\.", "", annotation)
    return set(re.findall(r"\w+", text))
