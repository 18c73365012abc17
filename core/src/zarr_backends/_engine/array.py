"""The array: NumPy's manners over chunks that any backend keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from zarr_backends._engine.array_properties import ArrayProperties
from zarr_backends._engine.attributes import Attributes
from zarr_backends._engine.chunk_access import ChunkAccess
from zarr_backends._engine.iteration import prefetched
from zarr_backends._engine.reading import read_element, read_selection
from zarr_backends._engine.resizing import resize_stored
from zarr_backends._engine.views import OrthogonalIndex, VectorizedIndex
from zarr_backends._engine.writing import write_selection
from zarr_backends._format.chunks.grid import Region, Shape, chunk_region, grid_indices
from zarr_backends._format.chunks.indexing import basic_selection, is_element, select
from zarr_backends._format.chunks.selections import Selection
from zarr_backends._format.metadata.parsing import ArrayMetadata, parse_metadata
from zarr_backends.contract import Backend, SupportsClose, SupportsFlush
from zarr_backends.errors import ConfigurationError, PermissionDeniedError

__all__ = ["Array"]


class Array(ArrayProperties):
    """An N-dimensional array whose chunks are kept by a backend.

    Indexing follows NumPy: integers, slices with steps either way, an ellipsis, boolean
    masks and integer arrays; `oindex` and `vindex` say explicitly how arrays combine. What
    is read is a new NumPy array in native byte order; what is written is broadcast and
    cast as NumPy does.

    Arrays are made by `zarr_backends.create` and `zarr_backends.open`. They may be used
    from several threads, pickled where the backend can be reopened, and used in ``with``.
    """

    def __init__(
        self, backend: Backend, metadata: ArrayMetadata, *, read_only: bool = False
    ) -> None:
        """Tie metadata to the backend that keeps its chunks; nothing is read or written."""
        self._backend = backend
        self._access = ChunkAccess(backend, metadata)
        self._read_only = read_only

    @property
    def attrs(self) -> Attributes:
        """The user's attributes; changes are stored at once."""
        return Attributes(lambda: self._access.metadata.attributes, self._write_attributes)

    # --- Reading and writing --------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        """Read by NumPy's indexing rules; one element comes as a NumPy scalar."""
        if is_element(key, self._access.shape) and self._access.pipeline.sharding is None:
            return read_element(self._access, key)
        return self._read(select(key, self._access.shape))

    def __setitem__(self, key: Any, value: Any) -> None:
        """Write by NumPy's indexing rules; `value` is broadcast and cast."""
        self._write(select(key, self._access.shape), value)

    @property
    def oindex(self) -> OrthogonalIndex:
        """Index each dimension on its own: by an integer, slice, integer array or mask."""
        return OrthogonalIndex(lambda: self._access.shape, self._read, self._write)

    @property
    def vindex(self) -> VectorizedIndex:
        """Index single elements: by one integer array a dimension, or one mask of all."""
        return VectorizedIndex(lambda: self._access.shape, self._read, self._write)

    def get_slice(self, *, start: Sequence[int], stop: Sequence[int]) -> Any:
        """Read the elements from `start` up to, not including, `stop`.

        Args:
            start: First element, one number a dimension.
            stop: One past the last element, one number a dimension.

        Returns:
            A new array of the lengths ``stop - start``.
        """
        return self[_box(start, stop, self.ndim)]

    def set_slice(self, value: Any, *, start: Sequence[int], stop: Sequence[int]) -> None:
        """Write `value` to the elements from `start` up to, not including, `stop`.

        Args:
            value: Broadcast and cast as NumPy does.
            start: First element, one number a dimension.
            stop: One past the last element, one number a dimension.
        """
        self[_box(start, stop, self.ndim)] = value

    def _read(self, selection: Selection) -> Any:
        """Return what a selection means."""
        result = read_selection(self._access, selection)
        return result if selection.result_shape else result[()]

    def _write(self, selection: Selection, value: Any) -> None:
        """Store a value, unless the array is read-only."""
        self._check_writable()
        write_selection(self._access, selection, value)

    # --- Chunk by chunk -------------------------------------------------------------

    def iter_chunks(
        self, *, ordered: bool = True, ahead: int | None = None
    ) -> Iterator[tuple[Region, NDArray[Any]]]:
        """Yield every chunk's region and data, the next ones being read meanwhile.

        Chunks that are not stored come as fill values. One that cannot be read raises
        its error in its turn.

        Args:
            ordered: Yield in C order of the grid; False yields whatever is ready.
            ahead: Chunks under way at a time; by default twice what the backend likes.

        Returns:
            An iterator; leaving it early cancels what has not begun.
        """
        return self.map_chunks(lambda block: block, ordered=ordered, ahead=ahead)

    def map_chunks(
        self,
        function: Callable[[NDArray[Any]], Any],
        *,
        ordered: bool = True,
        ahead: int | None = None,
    ) -> Iterator[tuple[Region, Any]]:
        """Yield every chunk's region and ``function(data)``, computed in other threads.

        Args:
            function: Called once a chunk with its elements that lie in the array.
            ordered: Yield in C order of the grid; False yields whatever is ready.
            ahead: Chunks under way at a time; by default twice what the backend likes.

        Returns:
            An iterator; leaving it early cancels what has not begun.
        """
        access, shape, unit = self._access, self.shape, self.chunks
        regions = (chunk_region(i, shape, unit) for i in grid_indices(shape, unit))

        def work(region: Region) -> Any:
            return function(read_selection(access, basic_selection(region, shape)))

        return prefetched(work, regions, ahead=ahead or 2 * access.concurrency, ordered=ordered)

    # --- Changing shape and attributes ----------------------------------------------

    def resize(self, *shape: Any) -> None:
        """Change the shape; what is left out is erased, what is new reads as fill value.

        Args:
            *shape: New lengths, as one sequence or one number a dimension.

        Raises:
            ConfigurationError: Another number of dimensions, or a negative length.
        """
        self._check_writable()
        lengths = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        self._refresh()
        self._resize(tuple(map(int, lengths)))

    def append(self, data: Any, axis: int = 0) -> Shape:
        """Lengthen the array along `axis` by `data`.

        Args:
            data: Array whose other dimensions are as long as this array's.
            axis: Dimension to lengthen.

        Returns:
            The new shape.

        Raises:
            ValueError: `data` does not fit.
        """
        self._check_writable()
        self._refresh()
        block, old = np.asarray(data), self.shape
        axis = range(self.ndim)[axis]
        if block.ndim != self.ndim or _without(block.shape, axis) != _without(old, axis):
            message = f"data of shape {block.shape} can't be appended to {old} along axis {axis}"
            raise ValueError(message)
        new = (*old[:axis], old[axis] + block.shape[axis], *old[axis + 1 :])
        self._resize(new)
        try:
            self[(*[slice(None)] * axis, slice(old[axis], new[axis]))] = block
        except BaseException:
            self._resize(old)
            raise
        return new

    def refresh(self) -> None:
        """Take over what others have changed of shape and attributes."""
        self._refresh()

    def _refresh(self) -> None:
        """Read the metadata again."""
        document = self._backend.read_metadata()
        if document != self._access.metadata.document:
            self._access = ChunkAccess(self._backend, parse_metadata(document))

    def _resize(self, shape: Shape) -> None:
        """Store a new shape."""
        if len(shape) != self.ndim or any(length < 0 for length in shape):
            message = f"can't resize {self.shape} to {shape}: one length >= 0 a dimension"
            raise ConfigurationError(message, option="shape")
        if shape == self.shape:
            return
        metadata = self._access.metadata.with_shape(shape)
        resize_stored(self._access, metadata)
        self._access = ChunkAccess(self._backend, metadata)

    def _write_attributes(self, attributes: dict[str, Any]) -> None:
        """Store new attributes beside the shape that is stored now."""
        self._check_writable()
        current = parse_metadata(self._backend.read_metadata())
        metadata = current.with_attributes(attributes)
        self._backend.write_metadata(metadata.document, metadata.zarr_format)
        self._access = ChunkAccess(self._backend, metadata)

    # --- Life -----------------------------------------------------------------------

    def flush(self) -> None:
        """Make every write durable, where the backend buffers them (`zip` does)."""
        if isinstance(self._backend, SupportsFlush) and not self._read_only:
            self._backend.flush()

    def close(self) -> None:
        """Flush, and give back what the backend holds; a second call does nothing."""
        if isinstance(self._backend, SupportsClose):
            self._backend.close()

    def __enter__(self) -> Self:
        """Return the array itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the backend and the metadata document; nothing is read when unpickled."""
        return _restore, (self._backend, self.metadata, self._read_only)

    # --- What NumPy and dask look for -----------------------------------------------

    def __array__(
        self,
        dtype: DTypeLike | None = None,
        copy: bool | None = None,  # noqa: FBT001  # NumPy's own signature
    ) -> NDArray[Any]:
        """Read the whole array.

        Returns:
            A new array.

        Raises:
            ValueError: ``copy=False``, which storage cannot give.
        """
        if copy is False:
            message = "a stored array can't become a NumPy array without being read (copied)"
            raise ValueError(message)
        whole: NDArray[Any] = np.asarray(self[...])
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __len__(self) -> int:
        """Return the length of the first dimension.

        Raises:
            TypeError: The array has no dimensions.
        """
        if not self.shape:
            message = "len() of unsized object"
            raise TypeError(message)
        return self.shape[0]

    def __repr__(self) -> str:
        """Show backend, shape and dtype."""
        return f"<zarr_backends.Array {self.shape} {self.dtype} on {self._backend!r}>"

    def _check_writable(self) -> None:
        """Refuse to write to a read-only array."""
        if self._read_only:
            message = f"{self!r} was opened read-only; open it with read_only=False to write"
            raise PermissionDeniedError(message)


def _restore(
    backend: Backend,
    document: dict[str, Any],
    read_only: bool,  # noqa: FBT001  # pickle passes by position
) -> Array:
    """Rebuild a pickled array."""
    return Array(backend, parse_metadata(document), read_only=read_only)


def _box(start: Sequence[int], stop: Sequence[int], ndim: int) -> Region:
    """Return the slices between two corners."""
    if len(start) != ndim or len(stop) != ndim:
        message = f"start {start!r} and stop {stop!r} need one number for each of {ndim} dimensions"
        raise ConfigurationError(message, option="start")
    return tuple(slice(a, b) for a, b in zip(start, stop, strict=True))


def _without(shape: Shape, axis: int) -> Shape:
    """Return a shape without one dimension."""
    return shape[:axis] + shape[axis + 1 :]
