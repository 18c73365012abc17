"""Copying an array from one backend to another, chunk bytes as they are.

Nothing is decoded: source and target hold the same documents and the same encoded chunks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from zarr_backends._engine.array import Array
from zarr_backends._engine.creation import create_array
from zarr_backends._engine.scheduling import run
from zarr_backends._format.metadata.parsing import parse_metadata
from zarr_backends.contract import Backend, Buffer, ChunkIndex
from zarr_backends.errors import ChunkNotFoundError

__all__ = ["Progress", "copy_array"]

Progress = Callable[[int, int], object]
"""Called with the number of chunks done and the number of all, after each one."""


def copy_array(
    source: Array, target: Backend, *, overwrite: bool, progress: Progress | None
) -> Array:
    """Copy metadata and chunks.

    The target exists from the start and fills up; when an error is raised it is
    incomplete, and the same call with ``overwrite=True`` starts again. A chunk that is
    deleted from the source meanwhile is left out.

    Args:
        source: What to copy.
        target: Where to, connected by ``create``.
        overwrite: Delete what the target holds first.
        progress: Told after every chunk.

    Returns:
        The new array, flushed.
    """
    array = create_array(target, parse_metadata(source.metadata), overwrite=overwrite)
    indices = list(source.backend.list_chunks())
    done, lock = 0, threading.Lock()

    def copy(index: ChunkIndex) -> None:
        nonlocal done
        data: Buffer | None = None
        with suppress(ChunkNotFoundError):
            data = source.backend.read_chunk(index)
        if data is not None:
            target.write_chunk(index, data)
        with lock:
            done += 1
            if progress is not None:
                progress(done, len(indices))

    run(copy, indices, max(source.concurrency, array.concurrency))
    array.flush()
    return array
