"""What the three kinds of codecs have to do.

Decoding is bounded: whoever calls a codec tells how much may come out at most, and the
codec refuses before it allocates more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Protocol, TypeAlias, runtime_checkable

from numpy.typing import NDArray

from zarr_backends._format.chunk_spec import ChunkSpec
from zarr_backends.contract import Buffer
from zarr_backends.errors import ChunkCorruptionError, CodecError

__all__ = [
    "MAX_VARIABLE_NBYTES",
    "ArrayCodec",
    "BytesCodec",
    "Configuration",
    "DirectBytesCodec",
    "Pipeline",
    "PipelineBuilder",
    "Serializer",
    "checked_configuration",
    "corrupt",
    "integer_option",
]

Configuration: TypeAlias = Mapping[str, Any]
"""The ``configuration`` member of a codec object."""

MAX_VARIABLE_NBYTES = 4 * 2**30
"""Bytes that a chunk of elements of any length (strings) may decode to at most."""


class ArrayCodec(Protocol):
    """Makes an array of an array."""

    encoded_spec: ChunkSpec
    """What the next codec gets."""

    def encode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the encoded array, of ``encoded_spec``."""
        ...

    def decode(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the decoded array."""
        ...


class Serializer(Protocol):
    """Makes bytes of an array."""

    fixed_nbytes: int | None
    """Bytes of every encoded chunk, None where that depends on the data."""
    max_nbytes: int
    """Bytes of an encoded chunk at most."""
    native_dtype: Any
    """Dtype that the bytes have as they are, C order; None where they are no plain array."""

    def encode(self, array: NDArray[Any]) -> Buffer:
        """Return the bytes of an array."""
        ...

    def decode(self, data: Buffer) -> NDArray[Any]:
        """Return the array of native byte order, which may be read-only.

        Raises:
            ChunkCorruptionError: The bytes are not exactly one chunk.
        """
        ...


class BytesCodec(Protocol):
    """Makes bytes of bytes."""

    def fixed_nbytes(self, decoded: int) -> int | None:
        """Return the encoded size of `decoded` bytes; None where it depends on the data."""
        ...

    def max_nbytes(self, decoded: int) -> int:
        """Return the encoded size of at most `decoded` bytes at most."""
        ...

    def encode(self, data: Buffer) -> Buffer:
        """Return the encoded bytes."""
        ...

    def decode(self, data: Buffer, limit: int, *, exact: bool) -> Buffer:
        """Return the decoded bytes.

        Args:
            data: Encoded bytes, not trusted.
            limit: Bytes that may come out at most.
            exact: Whether exactly `limit` bytes have to come out.

        Raises:
            ChunkCorruptionError: The bytes are damaged, or more or fewer come out.
        """
        ...


@runtime_checkable
class DirectBytesCodec(Protocol):
    """A bytes codec that can decode into memory that is given to it."""

    def decode_into(self, data: Buffer, target: memoryview) -> None:
        """Decode so that `target` is filled exactly.

        Raises:
            ChunkCorruptionError: The bytes are damaged, or more or fewer come out.
        """
        ...


class Pipeline(Protocol):
    """All codecs of an array, or of the inner chunks of a shard."""

    spec: ChunkSpec
    fixed_nbytes: int | None
    max_nbytes: int

    @property
    def sharding(self) -> Any:
        """The sharding codec where it is the only codec, else None."""
        ...

    def encode(self, chunk: NDArray[Any]) -> Buffer:
        """Return the bytes of a chunk."""
        ...

    def decode(self, data: Buffer) -> NDArray[Any]:
        """Return a chunk, which may be read-only."""
        ...

    def decode_into(self, data: Buffer, target: NDArray[Any]) -> None:
        """Decode a chunk into `target`."""
        ...


class PipelineBuilder(Protocol):
    """What makes the pipelines inside a sharding codec."""

    def __call__(self, codecs: Sequence[Any], spec: ChunkSpec) -> Pipeline:
        """Return the pipeline of a list of codec objects."""
        ...


def checked_configuration(name: str, configuration: Configuration, *known: str) -> Configuration:
    """Return a codec's configuration after a look at its members.

    Raises:
        CodecError: It has a member that the codec does not know.
    """
    unknown = sorted(set(configuration) - set(known))
    if unknown:
        message = f"codec {name!r} has no option {unknown[0]!r:.80}; it knows {list(known)}"
        raise CodecError(message)
    return configuration


def integer_option(
    name: str, configuration: Configuration, option: str, default: int, *, low: int, high: int
) -> int:
    """Return an integer of a codec's configuration.

    Raises:
        CodecError: It is no integer, or not from `low` to `high`.
    """
    value = configuration.get(option, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        message = f"{option} of codec {name!r} must be from {low} to {high}, not {value!r:.80}"
        raise CodecError(message)
    return value


def corrupt(what: str, cause: BaseException | None = None) -> NoReturn:
    """Raise the error that says that stored bytes are not a chunk.

    Raises:
        ChunkCorruptionError: Always.
    """
    raise ChunkCorruptionError(what) from cause
