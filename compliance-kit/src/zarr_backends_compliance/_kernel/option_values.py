"""Options one by one, also those inside of nested mappings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

__all__ = ["OptionPath", "leaves", "replaced"]

OptionPath: TypeAlias = tuple[str, ...]
"""Name of an option, then the keys of the mappings inside of it."""


def leaves(options: Mapping[str, Any], path: OptionPath = ()) -> Iterator[tuple[OptionPath, Any]]:
    """Yield every value that is no mapping, with the names that lead to it."""
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name), value


def replaced(options: Mapping[str, Any], path: OptionPath, value: Any) -> dict[str, Any]:
    """Return options with one value replaced, or added.

    Args:
        options: Options; they stay as they are.
        path: Where the value is.
        value: What takes its place.
    """
    name, *rest = path
    new = replaced(options.get(name, {}), tuple(rest), value) if rest else value
    return {**options, name: new}
