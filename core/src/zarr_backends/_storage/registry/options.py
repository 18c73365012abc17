"""Options of backends: what a class takes, and whether what is given fits.

The keyword-only parameters of ``create`` and ``open`` are the options. A `KeyValueBackend`
hands everything on to ``connect``, and so its options are found there.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from zarr_backends._storage.keyvalue.backend import KeyValueBackend
from zarr_backends.errors import ConfigurationError

__all__ = ["Method", "check_options", "parameters_of", "type_text"]

Method: TypeAlias = Literal["create", "open"]
"""The class method whose options are meant."""


class _Options(NamedTuple):
    """The options of one class."""

    parameters: Mapping[str, inspect.Parameter]
    open_ended: bool
    required: tuple[str, ...]


def parameters_of(backend: type, method: Method = "create") -> Mapping[str, inspect.Parameter]:
    """Return the options of a backend class by name, in the order of its signature.

    Args:
        backend: A class that fulfils the contract.
        method: ``"create"`` or ``"open"``, where the two take different options.
    """
    return _options_of(backend, method).parameters


def check_options(backend: type, options: Iterable[str], method: Method = "create") -> None:
    """Refuse options that a backend does not take, and the lack of those that it needs.

    Args:
        backend: A class that fulfils the contract.
        options: Names of the options (a mapping of them will do). Values are not looked at.
        method: The class method that they are for.

    Raises:
        ConfigurationError: An option is unknown (the nearest right one is named) or missing.
    """
    taken = _options_of(backend, method)
    given = set(options)
    unknown = [] if taken.open_ended else sorted(given - taken.parameters.keys())
    missing = [name for name in taken.required if name not in given]
    if unknown:
        error = _unknown_option(backend, unknown[0], taken)
        raise error
    if missing:
        error = _missing_option(backend, missing[0], taken)
        raise error


def type_text(parameter: inspect.Parameter) -> str:
    """Return the type of an option as its author wrote it, empty where there is none."""
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return ""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


@lru_cache(maxsize=1024)
def _options_of(backend: type, method: Method) -> _Options:
    """Collect the options along the way that keywords take through a class."""
    found: dict[str, inspect.Parameter] = {}
    open_ended = True
    for name in _path_of_keywords(backend, method):
        parameters = _signature_of(backend, name)
        for parameter in parameters:
            if parameter.kind is parameter.KEYWORD_ONLY:
                # The first to name an option takes it away from those behind.
                found.setdefault(parameter.name, parameter)
        open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters)
        if not open_ended:
            break
    required = tuple(name for name, p in found.items() if p.default is p.empty)
    return _Options(MappingProxyType(found), open_ended, required)


def _path_of_keywords(backend: type, method: Method) -> tuple[str, ...]:
    """Return the methods that keywords are handed through, as long as each takes ``**``."""
    if not issubclass(backend, KeyValueBackend):
        return (method,)
    return ("create", "connect") if method == "create" else ("open", "create", "connect")


def _signature_of(backend: type, method: str) -> list[inspect.Parameter]:
    """Return the parameters of a method; one that tells nothing is taken to accept anything."""
    try:
        return list(inspect.signature(getattr(backend, method)).parameters.values())
    except (TypeError, ValueError):  # written in C
        return [inspect.Parameter("options", inspect.Parameter.VAR_KEYWORD)]


def _unknown_option(backend: type, name: str, taken: _Options) -> ConfigurationError:
    """Return the error about an option that does not exist."""
    # Imported here because only a mistake needs it.
    from difflib import get_close_matches  # noqa: PLC0415

    backend_id = getattr(backend, "backend_id", backend.__name__)
    near = get_close_matches(name, taken.parameters, n=1)
    hint = f", did you mean {near[0]!r}?" if near else "."
    names = ", ".join(taken.parameters) or "none"
    message = f"backend {backend_id!r} has no option {name!r:.80}{hint} Its options are: {names}"
    return ConfigurationError(message, backend=backend_id, option=name)


def _missing_option(backend: type, name: str, taken: _Options) -> ConfigurationError:
    """Return the error about an option that has to be given."""
    backend_id = getattr(backend, "backend_id", backend.__name__)
    text = type_text(taken.parameters[name])
    kind = f" ({text})" if text else ""
    message = f"backend {backend_id!r} needs the option {name!r}{kind}; give {name}=..."
    return ConfigurationError(message, backend=backend_id, option=name)
