"""The backend ``read_only``: refuses whatever would change something."""

from __future__ import annotations

from typing import Any, ClassVar

from zarr_backends import PermissionDeniedError
from zarr_backends_wrappers._inner import Inner
from zarr_backends_wrappers._interceptor import Interceptor
from zarr_backends_wrappers._operations import READS, Operation
from zarr_backends_wrappers._values import flag

__all__ = ["ReadOnlyBackend"]


class ReadOnlyBackend(Interceptor):
    """Lets reads through and nothing else."""

    backend_id: ClassVar[str] = "read_only"
    waits: ClassVar[bool] = False

    def connect(self, *, inner: Inner, enabled: bool = True) -> None:
        """Take the inner backend.

        Args:
            inner: What must not be changed.
            enabled: Whether changes are refused; False lets everything through.
        """
        self.take(inner)
        self._enabled = flag(self.backend_id, "enabled", enabled)

    def intercept(self, operation: Operation) -> Any:
        """Refuse what is no read.

        Returns:
            What the inner backend returns.

        Raises:
            PermissionDeniedError: The operation would change something.
        """
        if self._enabled and operation.name not in READS and operation.name != "flush":
            message = f"{operation.name} is refused: {self!r} is read-only; open it without wrapper"
            raise PermissionDeniedError(message, backend=self.backend_id)
        return operation.proceed()
