"""The operations that a backend is asked for, by name, and the bytes that they move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

__all__ = ["CHANGES", "OPERATIONS", "READS", "Operation", "received_nbytes", "sent_nbytes"]

READS = frozenset(
    {
        "chunk_nbytes", "exists", "get", "get_many", "get_range", "list_chunks", "list_dir",
        "list_keys", "open_chunk", "open_value", "read_chunk", "read_chunk_range", "read_chunks",
        "read_metadata", "read_snapshot", "size", "version",
    }
)  # fmt: skip
"""Operations that change nothing. ``read_snapshot`` is a read of what ``open_chunk`` gave;
a listing is one operation for every page of it."""

CHANGES = frozenset(
    {
        "delete", "delete_chunk", "delete_chunks", "delete_many", "delete_prefix", "set",
        "set_if_absent", "set_many", "update", "update_chunk", "write_chunk", "write_chunks",
        "write_metadata",
    }
)  # fmt: skip
"""Operations that change what is stored."""

OPERATIONS = READS | CHANGES | {"commit", "flush", "transaction"}
"""All operations. ``commit`` is the end of a transaction."""


class Operation(NamedTuple):
    """One call that an inner backend is about to get."""

    name: str
    """One of `OPERATIONS`."""
    call: Callable[..., Any]
    """Makes the call."""
    args: tuple[Any, ...] = ()
    """What it is given, by position."""

    def proceed(self) -> Any:
        """Make the call and return its result."""
        return self.call(*self.args)

    @property
    def about(self) -> Any:
        """The chunk index, key or prefix that it is about, None where there is none."""
        first = self.args[0] if self.args else None
        return first if isinstance(first, str | tuple) else None


def sent_nbytes(operation: Operation) -> int:
    """Return how many bytes of values are handed to the backend."""
    return sum(map(_nbytes, operation.args))


def received_nbytes(result: Any) -> int:
    """Return how many bytes of values a result has."""
    return sum(map(_nbytes, result)) if isinstance(result, list) else _nbytes(result)


def _nbytes(value: Any) -> int:
    """Return the size of a value, or of the values of a batch; 0 for anything else."""
    if isinstance(value, bytes | bytearray | memoryview):
        return memoryview(value).nbytes
    if isinstance(value, Mapping):
        return sum(map(_nbytes, value.values()))
    return getattr(value, "nbytes", 0) if hasattr(value, "__array_interface__") else 0
