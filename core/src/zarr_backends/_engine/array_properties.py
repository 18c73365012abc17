"""What an array tells of itself without touching its elements."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from zarr_backends._engine.chunk_access import ChunkAccess
from zarr_backends._format.chunks.grid import Shape, nchunks
from zarr_backends.contract import Backend

if TYPE_CHECKING:
    from zarr_backends._engine.info import ArrayInfo

__all__ = ["ArrayProperties"]


class ArrayProperties:
    """The properties of `Array`, which all follow from its metadata and its backend."""

    _access: ChunkAccess
    _read_only: bool

    @property
    def backend(self) -> Backend:
        """Where the chunks are kept."""
        return self._access.backend

    @property
    def metadata(self) -> dict[str, Any]:
        """The metadata document as it is stored (v2: with the member ``attributes``)."""
        return self._access.metadata.document

    @property
    def zarr_format(self) -> Literal[2, 3]:
        """Zarr format of the stored array."""
        return self._access.metadata.zarr_format

    @property
    def shape(self) -> Shape:
        """Length of every dimension in elements."""
        return self._access.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self._access.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self._access.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy data type of what is read, in native byte order."""
        return self._access.dtype

    @property
    def itemsize(self) -> int:
        """Bytes of one element in memory."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of the whole array in memory; strings count as their handles."""
        return self.size * self.itemsize

    @property
    def chunks(self) -> Shape:
        """Shape of the smallest unit that is read: the inner chunk where there are shards."""
        sharding = self._access.pipeline.sharding
        return self._access.chunk_shape if sharding is None else sharding.inner.spec.shape

    @property
    def shards(self) -> Shape | None:
        """Shape of a shard, the unit that is stored; None where chunks are stored singly."""
        return None if self._access.pipeline.sharding is None else self._access.chunk_shape

    @property
    def fill_value(self) -> Any:
        """What elements read as that were never written."""
        return self._access.fill_value

    @property
    def order(self) -> Literal["C", "F"]:
        """Memory layout of the elements inside a stored chunk."""
        return self._access.metadata.order

    @property
    def dimension_names(self) -> tuple[str | None, ...] | None:
        """Names of the dimensions, None where there are none."""
        return self._access.metadata.dimension_names

    @property
    def read_only(self) -> bool:
        """Whether writing is refused."""
        return self._read_only

    @property
    def concurrency(self) -> int:
        """Chunks that are worked on at a time."""
        return self._access.concurrency

    @property
    def nchunks(self) -> int:
        """Number of chunks of the grid (of shards where there are shards), stored or not."""
        return nchunks(self._access.shape, self._access.chunk_shape)

    @property
    def nchunks_initialized(self) -> int:
        """Number of chunks that are stored; lists the backend."""
        return sum(1 for _ in self._access.backend.list_chunks())

    @property
    def nbytes_stored(self) -> int:
        """Bytes of the stored chunks, encoded; lists the backend."""
        from zarr_backends._engine.info import stored_nbytes  # noqa: PLC0415  # as for `info`

        return stored_nbytes(self._access)

    @property
    def info(self) -> ArrayInfo:
        """A summary that prints well; lists the backend."""
        # A dataclass, which is slow to make and which most programs do not need.
        from zarr_backends._engine.info import describe  # noqa: PLC0415

        return describe(self._access, read_only=self._read_only)
