"""Shape, chunks and shards as users give them, as documents have them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index as as_int
from typing import Any

from zarr_backends._format.creation.auto_chunks import auto_chunks
from zarr_backends._format.metadata.members import extents, refuse_large_chunk
from zarr_backends.errors import ConfigurationError, MetadataError

__all__ = ["array_shape", "chunk_layout"]

_WHOLE = -1
"""What stands for a whole dimension, as None does."""

_Shape = tuple[int, ...]


def array_shape(shape: Any) -> _Shape:
    """Return the shape of an array; an integer stands for one dimension.

    Raises:
        ConfigurationError: `shape` is none.
    """
    lengths = shape if isinstance(shape, Sequence) or hasattr(shape, "__iter__") else (shape,)
    try:
        return extents([_integer(length) for length in lengths], "shape")
    except (TypeError, MetadataError) as error:
        message = f"shape {shape!r:.80} is none: {error}. Give a tuple of integers from 0 on"
        raise ConfigurationError(message, option="shape") from error


def chunk_layout(
    shape: _Shape, chunks: Any, shards: Any, itemsize: int
) -> tuple[_Shape, _Shape | None]:
    """Return the chunk shape, and that of a shard where the array is to be sharded.

    Args:
        shape: Shape of the array.
        chunks: ``"auto"``; an integer for every dimension; or one integer a dimension, -1
            or None for a whole dimension.
        shards: None for no shards; otherwise as `chunks`, every length a multiple of the
            chunk's. -1 and None round the dimension up to such a multiple.
        itemsize: Bytes of one element.

    Raises:
        ConfigurationError: One of them is impossible; the message says what would do.
    """
    outer = None if shards is None else _lengths(shards, len(shape), "shards")
    if isinstance(chunks, str) and chunks == "auto":
        inner = _auto(shape, outer, itemsize)
    else:
        wanted = _lengths(chunks, len(shape), "chunks")
        inner = _filled(wanted, shape)
    try:
        refuse_large_chunk(inner, itemsize, "chunks")
    except MetadataError as error:
        raise ConfigurationError(str(error), option="chunks") from error
    if outer is None:
        return inner, None
    covering = tuple(-(-max(n, 1) // m) * m for n, m in zip(shape, inner, strict=True))
    shard_shape = _filled(outer, covering)
    if any(shard % chunk for shard, chunk in zip(shard_shape, inner, strict=True)):
        message = (
            f"shards {shard_shape} must be multiples of chunks {inner}, such as "
            f"{tuple(-(-n // m) * m for n, m in zip(shard_shape, inner, strict=True))}"
        )
        raise ConfigurationError(message, option="shards")
    return inner, shard_shape


def _integer(value: Any) -> int:
    """Return an integer; NumPy's are taken, booleans and floats are not.

    Raises:
        TypeError: `value` is none.
    """
    if isinstance(value, bool):
        message = f"{value} is no integer"
        raise TypeError(message)
    return as_int(value)


def _lengths(value: Any, ndim: int, option: str) -> tuple[int | None, ...]:
    """Return one length a dimension; None stands for a whole one.

    Raises:
        ConfigurationError: `value` is malformed.
    """
    try:
        given = list(value) if hasattr(value, "__iter__") else [_integer(value)] * ndim
        lengths = [_WHOLE if n is None else _integer(n) for n in given]
    except TypeError as error:
        message = (
            f"{option} must be 'auto', an integer, or a tuple with one integer (or -1 for the "
            f"whole) a dimension, not {value!r:.80}"
        )
        raise ConfigurationError(message, option=option) from error
    if len(lengths) != ndim:
        message = f"{option} {value!r:.80} must have {ndim} lengths, as the array has dimensions"
        raise ConfigurationError(message, option=option)
    if any(n != _WHOLE and not 0 < n < 2**63 for n in lengths):
        message = f"{option} {value!r:.80} must be at least 1 in every dimension; -1 is the whole"
        raise ConfigurationError(message, option=option)
    return tuple(None if n == _WHOLE else n for n in lengths)


def _filled(lengths: tuple[int | None, ...], whole: _Shape) -> _Shape:
    """Return lengths, those of a whole dimension filled in; an empty one has chunks of 1."""
    return tuple(
        max(n, 1) if given is None else given for given, n in zip(lengths, whole, strict=True)
    )


def _auto(shape: _Shape, outer: tuple[int | None, ...] | None, itemsize: int) -> _Shape:
    """Return a chunk shape that suits the array, and divides its shards.

    Raises:
        ConfigurationError: Nothing near the best length divides a shard.
    """
    if outer is None:
        return auto_chunks(shape, itemsize)
    space = tuple(n if shard is None else shard for n, shard in zip(shape, outer, strict=True))
    wanted = auto_chunks(space, itemsize)
    return tuple(
        best if shard is None else _divisor(shard, best)
        for shard, best in zip(outer, wanted, strict=True)
    )


def _divisor(shard: int, best: int) -> int:
    """Return the largest divisor of `shard` that is at most `best`.

    Raises:
        ConfigurationError: It is less than a quarter of it.
    """
    for size in range(best, best // 4, -1):
        if shard % size == 0:
            return size
    near = -(-shard // best) * best
    message = f"no length near {best} divides shards of length {shard}; take {near} or give chunks"
    raise ConfigurationError(message, option="shards")
