"""Whether a class fulfils the contract, and if not, every reason why.

Only the shape can be seen from outside: members, class methods, keyword-only options.
What the members do is for the tests of the backend to show.
"""

from __future__ import annotations

import inspect
import re
from typing import Literal, NamedTuple, TypeAlias

from zarr_backends.contract import CONTRACT_VERSION, Backend

__all__ = ["BackendState", "Fault", "fault_of"]

BackendState: TypeAlias = Literal[
    "available", "broken", "conflict", "disabled", "incompatible", "invalid", "missing dependency"
]
"""What can be said of an installed backend.

``available`` can be used; ``disabled`` was switched off by ``ZARR_BACKENDS_DISABLE``;
``conflict``: two distributions have the id; ``missing dependency``: a module that the
plugin imports is not installed; ``broken``: its import fails in another way;
``incompatible``: built for another contract version; ``invalid``: members are missing or
wrong."""

_MEMBERS = tuple(name for name in vars(Backend) if not name.startswith("_"))
"""The contract's methods."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
"""An id has neither ":" nor "," nor blanks, which have a meaning where ids are written."""


class Fault(NamedTuple):
    """Why a class cannot be used."""

    state: BackendState
    reason: str


def fault_of(backend: object) -> Fault | None:
    """Return why an object is no backend class, or None where it is one.

    Every reason is named at once, so that an author need not find them one by one.
    """
    if not isinstance(backend, type):
        return Fault("invalid", f"it must be a class, not {backend!r:.80}")
    # Before the members: those of another version may well have other names.
    version = getattr(backend, "contract_version", CONTRACT_VERSION)
    if version != CONTRACT_VERSION:
        return Fault(
            "incompatible",
            f"it was built for version {version!r:.20} of the contract, "
            f"and this is version {CONTRACT_VERSION}; install versions that go together",
        )
    reasons = [*_id_problems(backend), *_member_problems(backend), *_option_problems(backend)]
    return Fault("invalid", "; ".join(reasons)) if reasons else None


def _id_problems(backend: type) -> list[str]:
    """Return what is wrong with ``backend_id``."""
    backend_id = getattr(backend, "backend_id", None)
    if isinstance(backend_id, str) and _ID.fullmatch(backend_id):
        return []
    return [
        f"backend_id must be a str of letters, digits and '_', '.', '-', not {backend_id!r:.80}"
    ]


def _member_problems(backend: type) -> list[str]:
    """Return which methods are missing, not callable or still abstract."""
    # A member set to None says "I have none", as ``__hash__ = None`` does.
    missing = {name for name in _MEMBERS if getattr(backend, name, None) is None}
    missing |= getattr(backend, "__abstractmethods__", frozenset())
    problems = [f"it misses {', '.join(sorted(missing))}"] if missing else []
    data = [
        name for name in _MEMBERS if name not in missing and not callable(getattr(backend, name))
    ]
    return [*problems, f"not callable: {', '.join(data)}"] if data else problems


def _option_problems(backend: type) -> list[str]:
    """Return what is wrong with ``create`` and ``open``."""
    problems = []
    for name in ("create", "open"):
        method = getattr(backend, name, None)
        if method is None or not callable(method):
            continue
        if getattr(method, "__self__", None) is not backend:
            problems.append(f"{name} must be a class method")
        elif positional := _positional_parameters(method):
            named = ", ".join(positional)
            problems.append(f"{name} must take keyword-only parameters, not {named}")
    return problems


def _positional_parameters(method: object) -> list[str]:
    """Return the parameters of a bound method that can be given without their name."""
    if not callable(method):
        return []
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    try:
        parameters = inspect.signature(method).parameters.values()
    except (TypeError, ValueError):  # written in C, and tells nothing
        return []
    return [parameter.name for parameter in parameters if parameter.kind not in named]
