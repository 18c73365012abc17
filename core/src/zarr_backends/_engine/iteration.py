"""Walking over an array chunk by chunk, with the next chunks read ahead.

Blocks come in the order of the grid, or as they are ready. A chunk that cannot be read
raises its error in its turn: none is ever skipped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from zarr_backends._engine.scheduling import submit

__all__ = ["prefetched"]

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")


def prefetched(
    work: Callable[[T], R], items: Iterable[T], *, ahead: int, ordered: bool
) -> Iterator[tuple[T, R]]:
    """Yield every item with the result of `work` on it, computed ahead in other threads.

    Leaving the iteration early cancels what has not begun.

    Args:
        work: Called once an item, from several threads.
        items: What to work on; taken as results are consumed.
        ahead: Items under way at a time.
        ordered: Yield in the order of `items`, else as results are ready.
    """
    source = iter(items)
    pending: deque[tuple[T, Future[R]]] = deque(
        (item, submit(work, item)) for item in islice(source, ahead)
    )
    try:
        while pending:
            if not ordered:
                _bring_finished_forward(pending)
            item, future = pending[0]
            result = future.result()
            pending.popleft()
            pending.extend((new, submit(work, new)) for new in islice(source, 1))
            yield item, result
    finally:
        for _, future in pending:
            future.cancel()


def _bring_finished_forward(pending: deque[tuple[T, Future[R]]]) -> None:
    """Rotate until the first pending item is one that has ended."""
    from concurrent.futures import FIRST_COMPLETED, wait  # noqa: PLC0415  # see scheduling

    wait([future for _, future in pending], return_when=FIRST_COMPLETED)
    while not pending[0][1].done():
        pending.rotate(-1)
