"""Changing the shape of an array.

What a smaller shape leaves out is erased, so that growing again brings back fill values
and never old data: chunks outside are deleted, and in chunks that the new edge cuts the
part beyond it is filled. That happens before the metadata changes: killed in between, the
array still has its old shape, and has lost only what it was told to lose.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from numpy.typing import NDArray

from zarr_backends._engine.chunk_access import ChunkAccess
from zarr_backends._engine.scheduling import run
from zarr_backends._format.chunks.grid import Shape
from zarr_backends._format.metadata.parsing import ArrayMetadata
from zarr_backends.contract import ChunkIndex, SupportsTransactions

__all__ = ["resize_stored"]


def resize_stored(access: ChunkAccess, metadata: ArrayMetadata) -> None:
    """Erase what the new shape leaves out and store the new metadata.

    Args:
        access: The array's chunks, with its old shape.
        metadata: The same metadata with the new shape.
    """
    backend, shape = access.backend, metadata.shape
    together = backend.transaction() if isinstance(backend, SupportsTransactions) else nullcontext()
    with together:
        if any(new < old for new, old in zip(shape, access.shape, strict=True)):
            run(lambda index: _erase(access, index, shape), _cut(access, shape), access.concurrency)
        backend.write_metadata(metadata.document, metadata.zarr_format)


def _cut(access: ChunkAccess, shape: Shape) -> Iterator[ChunkIndex]:
    """Yield the stored chunks that reach beyond the new shape."""
    # Deleting while listing is a trap of many stores; the indices are few bytes each.
    for index in list(access.backend.list_chunks()):
        if any(
            min((i + 1) * chunk, old) > new
            for i, chunk, old, new in zip(
                index, access.chunk_shape, access.shape, shape, strict=True
            )
        ):
            yield index


def _erase(access: ChunkAccess, index: ChunkIndex, shape: Shape) -> None:
    """Delete a chunk outside the shape, or fill its part that lies outside."""
    kept = tuple(
        slice(0, max(0, new - i * chunk))
        for i, chunk, new in zip(index, access.chunk_shape, shape, strict=True)
    )
    if any(part.stop == 0 for part in kept):
        access.store(index, None)
        return

    def change(chunk: NDArray[Any]) -> None:
        inside = chunk[kept].copy()
        chunk[...] = access.fill_value
        chunk[kept] = inside

    access.update_array(index, change)
