"""Faults in errors."""

from __future__ import annotations

from zarr_backends import Buffer, ChunkIndex, ChunkNotFoundError
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.reference import Reference

__all__ = ["AnotherBackendsError", "ErrorWithoutIndex", "TransientMiss", "UnpicklableError"]


@mutant("ZB-ERR-01", "The error about a missing chunk does not carry its index.")
class ErrorWithoutIndex(Reference):
    """Puts everything into the message."""

    def _chunk_not_found(self, index: ChunkIndex, key: str) -> ChunkNotFoundError:
        return ChunkNotFoundError(f"no chunk {index} ({key})", backend=self.backend_id)


@mutant("ZB-ERR-01", "Errors carry the id of the backend that it was copied from.")
class AnotherBackendsError(Reference):
    """Was copied."""

    def _chunk_not_found(self, index: ChunkIndex, key: str) -> ChunkNotFoundError:
        return ChunkNotFoundError(f"no chunk at {key}", backend="filesystem", index=index)


class _OwnError(ChunkNotFoundError):
    """Has arguments of its own."""

    def __init__(self, path: str, index: ChunkIndex) -> None:
        super().__init__(f"no chunk {index} in {path}", backend="reference", index=index)


@mutant("ZB-ERR-02", "The error cannot be unpickled: its class has other arguments than its base.")
class UnpicklableError(Reference):
    """Has an error class of its own."""

    def _chunk_not_found(self, index: ChunkIndex, key: str) -> ChunkNotFoundError:
        return _OwnError(key, index)


@mutant("ZB-ERR-03", "A missing chunk counts as transient, and is asked for again and again.")
class TransientMiss(Reference):
    """Trusts in retries."""

    def read_chunk(self, index: ChunkIndex) -> Buffer:
        """Return a chunk."""
        try:
            return super().read_chunk(index)
        except ChunkNotFoundError as error:
            error.transient = True
            raise
