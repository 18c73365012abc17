"""The chunks of one array: encoded on the backend's side, NumPy arrays on ours.

Everything that is the same for all chunks of an array is worked out here once, so that
reading and writing do per chunk only what has to be done per chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zarr_backends._engine.locks import locks_of
from zarr_backends._engine.scheduling import default_concurrency
from zarr_backends._format.chunks.grid import Shape
from zarr_backends._format.chunks.spec import ChunkSpec
from zarr_backends._format.codecs.pipeline import CodecPipeline, build_pipeline
from zarr_backends._format.fill_values.check import is_fill
from zarr_backends._format.metadata.parsing import ArrayMetadata
from zarr_backends.contract import (
    Backend,
    Buffer,
    ChunkIndex,
    SupportsAtomicUpdate,
    SupportsBatches,
    SupportsBatchReads,
    Transform,
)
from zarr_backends.errors import ChunkNotFoundError, CodecError

__all__ = ["ChunkAccess", "locate", "placed"]

ChunkArray = NDArray[Any]


class ChunkAccess:
    """One array's metadata, codec pipeline and backend, tied together.

    Immutable: a resized array gets a new one.
    """

    def __init__(self, backend: Backend, metadata: ArrayMetadata) -> None:
        """Prepare the codecs.

        Raises:
            CodecError: A codec of the metadata is unknown or misconfigured.
        """
        self.backend = backend
        self.metadata = metadata
        self.shape: Shape = metadata.shape
        self.chunk_shape: Shape = metadata.chunk_shape
        self.dtype: np.dtype[Any] = metadata.data_type.dtype
        self.fill_value: Any = metadata.fill_value
        self.pipeline: CodecPipeline = build_pipeline(metadata.codecs, metadata.chunk_spec())
        wish = getattr(backend, "max_concurrency", None)
        self.concurrency: int = wish or default_concurrency()
        self.is_local = wish is None
        self._atomic = backend if isinstance(backend, SupportsAtomicUpdate) else None
        self.batches = backend if isinstance(backend, SupportsBatches) else None
        self._many = backend if isinstance(backend, SupportsBatchReads) else None
        self._locks = None if self._atomic else locks_of(backend)

    @property
    def reads_groups(self) -> bool:
        """Whether several chunks had better be read and decoded at a time by one thread.

        So it is where they are small and at hand: less is then done for each of them.
        """
        is_gain = self._many is not None or self.pipeline.decodes_many
        return self.is_local and self.pipeline.is_small and is_gain

    def extent(self, index: ChunkIndex) -> Shape:
        """Return the shape of the part of a chunk that lies in the array."""
        return tuple(
            min(chunk, length - i * chunk)
            for i, chunk, length in zip(index, self.chunk_shape, self.shape, strict=True)
        )

    def empty_chunk(self) -> ChunkArray:
        """Return a chunk of fill values."""
        return self.pipeline.spec.filled()

    def decode(self, index: ChunkIndex, data: Buffer) -> ChunkArray:
        """Return the array of a chunk, which may be read-only.

        Raises:
            CodecError: The bytes are not one chunk; ``index`` says which.
        """
        try:
            return self.pipeline.decode(data)
        except CodecError as error:
            locate(error, index)
            raise

    def encode(self, chunk: ChunkArray) -> Buffer | None:
        """Return the bytes of a chunk, None where every element is the fill value."""
        return None if is_fill(chunk, self.fill_value) else self.pipeline.encode(chunk)

    def store(self, index: ChunkIndex, data: Buffer | None) -> None:
        """Write encoded bytes, or delete the chunk where there are none."""
        if self._locks is None:
            self._store(index, data)
        else:
            with self._locks[index]:
                self._store(index, data)

    @property
    def batch_writes(self) -> SupportsBatches | None:
        """The backend where it writes batches; not where chunks have to be locked one by one."""
        return self.batches if self._locks is None else None

    def update(self, index: ChunkIndex, transform: Transform) -> None:
        """Replace a chunk's bytes by ``transform(old)``, losing no other update.

        The backend does it where it can; else the threads of this process take turns.
        """
        if self._atomic is not None:
            self._atomic.update_chunk(index, transform)
        elif self._locks is not None:
            with self._locks[index]:
                self._store(index, transform(self.fetch(index)))

    def update_array(self, index: ChunkIndex, change: Callable[[ChunkArray], None]) -> None:
        """Change a chunk's array in place, losing no other update."""

        def transform(old: Buffer | None) -> Buffer | None:
            chunk = self.empty_chunk() if old is None else self.decode(index, old)
            if not chunk.flags.writeable:
                chunk = chunk.copy()
            change(chunk)
            return self.encode(chunk)

        self.update(index, transform)

    def fetch(self, index: ChunkIndex) -> Buffer | None:
        """Return a chunk's bytes, None where it is not stored."""
        try:
            return self.backend.read_chunk(index)
        except ChunkNotFoundError:
            return None

    def fetch_many(self, indices: Sequence[ChunkIndex]) -> list[Buffer | None]:
        """Return the bytes of several chunks, None for those that are not stored."""
        if self._many is not None:
            return self._many.read_chunks(indices)
        return [self.fetch(index) for index in indices]

    def _store(self, index: ChunkIndex, data: Buffer | None) -> None:
        """Write or delete a chunk."""
        if data is None:
            self.backend.delete_chunk(index)
        else:
            self.backend.write_chunk(index, data)


def locate(error: CodecError, index: ChunkIndex) -> None:
    """Make a codec error say which chunk it is about."""
    if error.index is None:
        error.index = index
        error.message = f"chunk {index}: {error.message}"


def placed(block: ChunkArray, key: Any, spec: ChunkSpec) -> ChunkArray:
    """Return the chunk that `block` makes up, filled beyond the edge of the array.

    Args:
        block: Every element of the chunk that lies in the array; not copied needlessly.
        key: Where it lies in the chunk, ready for NumPy.
        spec: Shape, dtype and fill value of the chunk.
    """
    if block.shape == spec.shape:
        return block.astype(spec.dtype, copy=False)
    chunk = spec.filled()
    chunk[key] = block
    return chunk
