"""Options that an instance holds, seen in its attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from zarr_backends import Backend
from zarr_backends._storage.registry.options import parameters_of

__all__ = ["holds", "unusual_options"]

_MOST = 2000
"""Objects that are looked into."""


def unusual_options(backend: type[Backend]) -> Iterator[tuple[str, Any]]:
    """Yield an option with a value that nothing else has, for every option that is a number.

    Args:
        backend: Class under test.
    """
    for name, parameter in parameters_of(backend).items():
        default = parameter.default
        number = isinstance(default, int | float) and not isinstance(default, bool)
        if number or (default is None and "float" in str(parameter.annotation)):
            yield name, 17.0625 if not isinstance(default, int) else default + 7


def holds(instance: object, value: object) -> bool:
    """Whether a value is among the attributes of an instance, or of what these hold."""
    todo, seen = [instance], set[int]()
    while todo and len(seen) < _MOST:
        one = todo.pop(0)
        if type(one) is type(value) and one == value:
            return True
        if id(one) not in seen:
            seen.add(id(one))
            todo += _parts(one)
    return False


def _parts(one: Any) -> list[Any]:
    """Return what an object consists of, as far as it is a container or has attributes."""
    if isinstance(one, str | bytes | type | ModuleType):
        return []
    if isinstance(one, Mapping):
        return list(one.values())
    if isinstance(one, tuple | list):
        return list(one)
    slots = [getattr(one, name, None) for name in _slots(type(one))]
    return [*getattr(one, "__dict__", {}).values(), *slots]


def _slots(cls: type) -> Iterator[str]:
    """Yield the names of the slots of a class."""
    for base in cls.__mro__:
        names = vars(base).get("__slots__", ())
        yield from [names] if isinstance(names, str) else names
