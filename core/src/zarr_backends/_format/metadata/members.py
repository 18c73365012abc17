"""Checks that the metadata members of both Zarr formats share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NoReturn

from zarr_backends.errors import MetadataError

__all__ = [
    "MAX_CHUNK_NBYTES",
    "MAX_NDIM",
    "chunk_extents",
    "extents",
    "object_member",
    "refuse",
    "refuse_large_chunk",
    "show",
]

MAX_CHUNK_NBYTES = 4 * 2**30
"""Decoded bytes of the largest chunk that is accepted, of the inner chunk where the array
is sharded. A chunk is held in memory as a whole, so a document must not be able to ask for
any amount of it; writers keep chunks below 2 GiB, the limit of several codecs."""

MAX_NDIM = 64
"""Dimensions of an array; what NumPy can hold."""

_MAX_EXTENT = 2**63 - 1
"""Largest length of a dimension. The product of several may be larger: most chunks of a
huge array are never stored."""


def show(value: object) -> str:
    """Return a value as messages show it: its first 80 characters."""
    try:
        return f"{value!r:.80}"
    except (ValueError, RecursionError):
        # Python refuses to print integers of thousands of digits, and endless nesting.
        return f"a {type(value).__name__} too large to show"


def refuse(member: str, value: object, expected: str) -> NoReturn:
    """Raise the error that names a member, what it must be and what it is.

    Raises:
        MetadataError: Always.
    """
    message = f"{member} must be {expected}, not {show(value)}"
    raise MetadataError(message)


def object_member(document: Mapping[str, Any], member: str) -> Mapping[str, Any]:
    """Return a member that is an object; absent or null, it is an empty one.

    Raises:
        MetadataError: The member is something else.
    """
    value = document.get(member)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        refuse(member, value, "an object")
    return value


def extents(value: object, member: str) -> tuple[int, ...]:
    """Return a shape: integers from 0 to 2^63-1, at most 64 of them.

    Raises:
        MetadataError: `value` is something else (``true`` is no integer).
    """
    if not isinstance(value, list | tuple):
        refuse(member, value, "a list of integers")
    if len(value) > MAX_NDIM:
        message = f"{member} has {len(value)} dimensions; {MAX_NDIM} is the most that is supported"
        raise MetadataError(message)
    for extent in value:
        if type(extent) is not int or not 0 <= extent <= _MAX_EXTENT:
            refuse(f"every length in {member}", extent, "an integer from 0 to 2^63-1")
    return tuple(value)


def chunk_extents(
    value: object, member: str, ndim: int, units: Sequence[int] | None = None
) -> tuple[int, ...]:
    """Return a chunk shape: as many integers of at least 1 as the array has dimensions.

    A stored 0, which older versions of zarr-python wrote along dimensions of length 0, is
    read as the smallest chunk; no chunk can have been stored under it.

    Args:
        value: The member.
        member: Its name, for messages.
        ndim: Dimensions of the array.
        units: Smallest chunk along each dimension; 1 where left out.

    Raises:
        MetadataError: `value` is something else.
    """
    chunk_shape = extents(value, member)
    if len(chunk_shape) != ndim:
        refuse(member, value, f"a list of {ndim} integers, as the array has dimensions")
    if 0 in chunk_shape:
        smallest = units or (1,) * ndim
        return tuple(n or unit for n, unit in zip(chunk_shape, smallest, strict=True))
    return chunk_shape


def refuse_large_chunk(chunk_shape: Sequence[int], itemsize: int, member: str) -> None:
    """Refuse a chunk that takes more memory than any chunk should.

    Raises:
        MetadataError: It has more than `MAX_CHUNK_NBYTES`.
    """
    nbytes = prod(chunk_shape) * itemsize
    if nbytes > MAX_CHUNK_NBYTES:
        message = (
            f"{member} {show(tuple(chunk_shape))} asks for chunks of {nbytes} bytes; more than "
            f"{MAX_CHUNK_NBYTES} is refuse, as a chunk is held in memory whole"
        )
        raise MetadataError(message)
