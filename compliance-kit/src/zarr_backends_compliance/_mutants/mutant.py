"""What a mutant is: a backend that is right but for one fault, and the check that finds it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from zarr_backends_compliance import _mutants

__all__ = ["Mutant", "all_mutants", "mutant", "network_mutant"]

_C = TypeVar("_C", bound=type[Any])

_found: dict[str, Mutant] = {}


class Mutant(NamedTuple):
    """A backend with one fault."""

    name: str
    """``module:Class``, as a target is written."""
    killer: str
    """Id of the check that has to fail on it."""
    fault: str
    """What is wrong with it, in one sentence."""
    server: str
    """Name of the server that it talks to, "" for one that needs none."""

    @property
    def title(self) -> str:
        """The name of the class."""
        return self.name.partition(":")[2]


def mutant(killer: str, fault: str, *, server: str = "") -> Callable[[_C], _C]:
    """Declare a backend class as a mutant; see `Mutant` for the arguments."""

    def declare(cls: _C) -> _C:
        name = f"{cls.__module__}:{cls.__qualname__}"
        _found[name] = Mutant(name, killer, fault, server)
        return cls

    return declare


def network_mutant(killer: str, fault: str) -> Callable[[_C], _C]:
    """Declare a backend class as a mutant that needs the server of `NetworkReference`."""
    return mutant(killer, fault, server="network")


def all_mutants() -> tuple[Mutant, ...]:
    """Return every mutant, sorted by the check that has to find it."""
    for module in pkgutil.iter_modules(_mutants.__path__, f"{_mutants.__name__}."):
        importlib.import_module(module.name)
    return tuple(sorted(_found.values(), key=lambda found: (found.killer, found.name)))
