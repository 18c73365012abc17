"""Between zarr-python's buffers and byte requests, and plain bytes and slices."""

from __future__ import annotations

from collections.abc import Callable
from operator import index as as_int
from typing import Any

from zarr.abc.buffer import Buffer, BufferPrototype
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, SuffixByteRequest

from zarr_backends import contract
from zarr_backends._storage.keyvalue.backend import KeyValueBackend

__all__ = ["buffer_of", "bytes_of", "call_for"]


def call_for(
    keys: KeyValueBackend, key: str, request: ByteRequest | None
) -> tuple[Callable[..., contract.Buffer | None], *tuple[Any, ...]]:
    """Return the function, and its arguments, that read what is requested of a value.

    Raises:
        ValueError: `request` is no byte request, or a number in it is negative.
    """
    if request is None:
        return keys.get, key
    return keys.get_range, key, *_bounds_of(request)


def buffer_of(raw: contract.Buffer | None, prototype: BufferPrototype) -> Buffer | None:
    """Return bytes of the backend as a buffer of zarr-python, without a copy."""
    # Read-only, because the memory may be the backend's own.
    return None if raw is None else prototype.buffer.from_bytes(memoryview(raw).toreadonly())


def bytes_of(value: object) -> bytes:
    """Return a copy of a buffer of zarr-python, which may be a view of the user's array.

    Raises:
        TypeError: `value` is something else.
    """
    if not isinstance(value, Buffer):
        message = f"value must be a zarr.abc.buffer.Buffer, not {type(value).__name__}"
        raise TypeError(message)
    return value.to_bytes()


def _bounds_of(request: ByteRequest) -> tuple[int, int | None]:
    """Return ``start, stop`` such that ``value[start:stop]`` is what is requested.

    The slice is cut to what there is: past the end it is empty, and a suffix that is
    longer than the value is the whole of it. `start` is negative for a suffix alone.

    Raises:
        ValueError: It is no byte request, or a number in it is negative.
    """
    if isinstance(request, RangeByteRequest):
        start = _natural(request.start, request)
        return start, max(start, _natural(request.end, request))
    if isinstance(request, OffsetByteRequest):
        return _natural(request.offset, request), None
    if isinstance(request, SuffixByteRequest):
        length = _natural(request.suffix, request)
        return (-length, None) if length else (0, 0)
    raise ValueError(_unexpected(request))


def _natural(number: object, request: object) -> int:
    """Return a number of bytes as a plain int."""
    try:
        plain = as_int(number)  # type: ignore[arg-type]  # that is what is being tested
    except TypeError as error:
        raise ValueError(_unexpected(request)) from error
    if plain < 0:
        raise ValueError(_unexpected(request))
    return plain


def _unexpected(request: object) -> str:
    """Return the message about a request that has no meaning."""
    # zarr-python's own stores word it so, and its tests match the words.
    return f"Unexpected byte_range, got {request!r:.80}."
