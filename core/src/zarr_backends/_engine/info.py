"""What there is to know about a stored array, as values and as text."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from zarr_backends._engine.chunk_access import ChunkAccess
from zarr_backends._engine.scheduling import run
from zarr_backends._format.chunks.grid import Shape, nchunks
from zarr_backends.contract import ChunkIndex, SupportsSizes
from zarr_backends.errors import ChunkNotFoundError

__all__ = ["ArrayInfo", "describe", "stored_nbytes"]


@dataclass(frozen=True, slots=True)
class ArrayInfo:
    """Summary of an array; ``str()`` of it is a table."""

    backend: str
    """Id of the backend."""
    zarr_format: int
    """2 or 3."""
    shape: Shape
    """Length of every dimension."""
    chunks: Shape
    """Shape of an inner chunk, or of a chunk where there are no shards."""
    shards: Shape | None
    """Shape of a shard, if any."""
    dtype: str
    """NumPy's name of the data type."""
    fill_value: Any
    """What unwritten elements read as."""
    order: str
    """``"C"`` or ``"F"``."""
    codecs: tuple[str, ...]
    """Names of the codecs, in the order of encoding."""
    dimension_names: tuple[str | None, ...] | None
    """Names of the dimensions, if any."""
    read_only: bool
    """Whether writing is refused."""
    nbytes: int
    """Bytes in memory."""
    nbytes_stored: int
    """Bytes of the stored chunks."""
    nchunks: int
    """Chunks (shards) of the grid."""
    nchunks_initialized: int
    """Chunks (shards) that are stored."""

    @property
    def ratio(self) -> float:
        """Bytes in memory for each byte stored; infinite where nothing is stored."""
        return self.nbytes / self.nbytes_stored if self.nbytes_stored else float("inf")

    def __str__(self) -> str:
        """Return one line a fact."""
        rows = {name: getattr(self, name) for name in self.__slots__}
        rows["ratio"] = f"{self.ratio:.1f}"
        width = max(map(len, rows))
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())


def stored_nbytes(access: ChunkAccess) -> int:
    """Return the bytes of all stored chunks, without reading them where the backend can."""
    return sum(_sizes(access))


def describe(access: ChunkAccess, *, read_only: bool) -> ArrayInfo:
    """Return the summary of an array."""
    metadata, sharding = access.metadata, access.pipeline.sharding
    sizes = _sizes(access)
    return ArrayInfo(
        backend=access.backend.backend_id,
        zarr_format=metadata.zarr_format,
        shape=access.shape,
        chunks=access.chunk_shape if sharding is None else sharding.inner.spec.shape,
        shards=None if sharding is None else access.chunk_shape,
        dtype=str(access.dtype),
        fill_value=access.fill_value,
        order=metadata.order,
        codecs=tuple(_name(codec) for codec in metadata.codecs),
        dimension_names=metadata.dimension_names,
        read_only=read_only,
        nbytes=prod(access.shape) * access.dtype.itemsize,
        nbytes_stored=sum(sizes),
        nchunks=nchunks(access.shape, access.chunk_shape),
        nchunks_initialized=len(sizes),
    )


def _sizes(access: ChunkAccess) -> list[int]:
    """Return the size of every stored chunk in bytes; one deleted meanwhile is left out."""
    backend = access.backend
    sizes: list[int] = []

    def measure(index: ChunkIndex) -> None:
        try:
            if isinstance(backend, SupportsSizes):
                sizes.append(backend.chunk_nbytes(index))
            else:
                sizes.append(memoryview(backend.read_chunk(index)).nbytes)
        except ChunkNotFoundError:
            return

    run(measure, backend.list_chunks(), access.concurrency)
    return sizes


def _name(codec: Any) -> str:
    """Return the name of a codec of a metadata document."""
    return codec if isinstance(codec, str) else str(codec["name"])
