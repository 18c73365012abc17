"""Values where they are in the map, without a copy.

A view of LMDB's map means something only while its transaction is open. So what is given is a
view of an array that stands on that view: every slice, and every array on a slice, keeps the
first array alive, and when that goes, the transaction ends.
"""

from __future__ import annotations

import weakref
from types import TracebackType
from typing import Any, Self

import numpy as np

from zarr_backends_shared_memory._process import keep, release
from zarr_backends_shared_memory._table import Table

__all__ = ["MapValue", "open_value"]


class MapValue:
    """A value in the map; it stays as it is until the context is left.

    What was read of it and is still in use then stays right as well, and the transaction open.
    """

    __slots__ = ("_view", "nbytes")

    def __init__(self, table: Table, transaction: Any, view: memoryview) -> None:
        """Take an open transaction and a view that it gave."""
        held = np.frombuffer(view, np.uint8)
        keep(table)
        # Not at the end of the process: the map may be gone before what stands on it.
        weakref.finalize(held, _let_go, table, transaction).atexit = False
        self._view: memoryview | None = held.data
        self.nbytes = view.nbytes

    def read(self, start: int, stop: int) -> memoryview:
        """Return ``value[start:stop]``.

        Raises:
            ValueError: The context has been left.
        """
        if self._view is None:
            message = "the context of this snapshot has been left"
            raise ValueError(message)
        return self._view[start:stop]

    def __enter__(self) -> Self:
        """Return the snapshot."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        """Let the value go."""
        self._view = None


def open_value(table: Table, key: bytes, timeout_s: float) -> MapValue | None:
    """Return the value of a key, in the map; None where there is none."""
    transaction = table.pinned(timeout_s)
    view = transaction.get(key)
    if view is None:
        table.unpin(transaction)
        return None
    return MapValue(table, transaction, view)


def _let_go(table: Table, transaction: Any) -> None:
    """End the transaction of a value on which nothing stands any more."""
    table.unpin(transaction)
    release(table)
