"""Values where they are in the map, without a copy.

A view of LMDB's map means something only while its transaction is open. So what is given is a
view of an array that stands on that view: every slice, and every array on a slice, keeps the
first array alive, and when that goes, it ends the transaction.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import numpy as np

from zarr_backends_shared_memory._process import release
from zarr_backends_shared_memory._table import Table

__all__ = ["MapValue", "open_value"]


class _Held(np.ndarray):
    """Bytes in the map, which end their transaction when nothing stands on them any more.

    A weak reference with a callback would do the same, in twice the time of the whole read.
    """

    table: Table | None = None
    transaction: Any = None

    def __del__(self) -> None:
        """End the transaction; slices that NumPy makes have none."""
        if self.table is not None:
            self.table.unpin(self.transaction)
            if self.table.users <= 0:
                release(self.table, 0)


class MapValue:
    """A value in the map; it stays as it is until the context is left.

    What was read of it and is still in use then stays right as well, and the transaction open.
    """

    __slots__ = ("_view", "nbytes")

    def __init__(self, table: Table, transaction: Any, view: memoryview) -> None:
        """Take an open transaction and a view that it gave."""
        self.nbytes = view.nbytes
        held = _Held(self.nbytes, np.uint8, view)
        held.table, held.transaction = table, transaction
        self._view: memoryview | None = held.data

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
