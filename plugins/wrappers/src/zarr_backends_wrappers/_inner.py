"""What ``inner=`` means: a connected backend, a url or path, or a mapping of options."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from zarr_backends import Backend, SupportsClose, resolve

# The core checks names of options with this before it connects; an inner backend deserves
# the same answer to a misspelt one.
from zarr_backends._storage.registry.options import check_options
from zarr_backends_wrappers._values import refusal

__all__ = ["Connected", "Inner", "close_inner", "connected", "is_same_place"]

Inner: TypeAlias = Backend | str | os.PathLike[str] | Mapping[str, Any]
"""A connected backend; a url or path; or a mapping with ``storage`` (an id or a class),
``target`` (a url or path), or both, and with options."""


class Connected(NamedTuple):
    """A connected inner backend."""

    backend: Backend
    is_ours: bool
    """Whether it was connected here, and not given."""
    is_open: bool
    """Whether an array is known to be there."""


def connected(
    inner: object, *, wrapper: str, option: str, method: Literal["create", "open"]
) -> Connected:
    """Return the backend that an option of a wrapper means, connected.

    Args:
        inner: Value of the option.
        wrapper: Id of the wrapper.
        option: Name of the option.
        method: How to connect what is not connected yet.

    Raises:
        ConfigurationError: It means no backend, or its options are impossible.
        ArrayNotFoundError: `method` is ``"open"``, and no array is stored there.
    """
    if isinstance(inner, str | os.PathLike):
        cls, options = resolve(inner)
    elif isinstance(inner, Mapping) and ("storage" in inner or "target" in inner):
        given = dict(inner)
        cls, options = resolve(given.pop("target", None), **given)
    elif isinstance(inner, Backend) and not isinstance(inner, type):
        return Connected(inner, is_ours=False, is_open=False)
    else:
        # No more than the type: a mapping may hold a password.
        remedy = "a connected backend, a url or path, or a mapping with 'storage' or 'target'"
        failure = refusal(wrapper, option, type(inner), remedy)
        raise failure
    check_options(cls, options, method)
    backend = cls.open(**options) if method == "open" else cls.create(**options)
    return Connected(backend, is_ours=True, is_open=method == "open")


def close_inner(backend: Backend) -> None:
    """Close a backend, if there is anything to close."""
    if isinstance(backend, SupportsClose):
        backend.close()


def is_same_place(one: object, other: object) -> bool:
    """Whether two backends mean the same place, as far as can be told."""
    if type(one) is not type(other):
        return False
    if one == other:
        return True
    options = getattr(one, "_options", None)
    return options is not None and options == getattr(other, "_options", None)
