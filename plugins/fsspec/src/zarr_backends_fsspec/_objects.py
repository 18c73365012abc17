"""Object stores: no folders, whole listings, and writes on a condition.

This is the base of the backends for S3, Google Cloud Storage and Azure Blob Storage.
"""

from __future__ import annotations

import random
import time
from abc import abstractmethod
from typing import Any, ClassVar

from zarr_backends import Buffer, ConflictError, Transform
from zarr_backends_fsspec._backend import FsspecBackend, as_bytes
from zarr_backends_fsspec._files import AsyncFiles, Version

__all__ = ["ObjectBackend", "ObjectFiles"]

_TRIES = 100
"""Times that an update is tried while others keep changing the same object."""


_PAUSE_S = 0.005
"""Most seconds of pause after the first try in vain; so much more after each further one."""


class ObjectFiles(AsyncFiles):
    """The objects of a bucket, whose paths are ``bucket/name``.

    Every method of `Files` can be overridden; these have to be.
    """

    has_folders: ClassVar[bool] = False

    @abstractmethod
    async def create(self, path: str, data: bytes) -> bool:
        """Write an object unless it exists (If-None-Match); return whether it was written."""

    @abstractmethod
    async def read_version(self, path: str) -> Version | None:
        """Return an object with the token of its version; None where there is none."""

    @abstractmethod
    async def replace(self, path: str, data: bytes | None, token: Any) -> bool:
        """Replace (None: delete) an object if it still is the version of `token` (If-Match).

        It must be sent once and never be retried: after a lost reply it may have been done.

        Returns:
            Whether it was; otherwise somebody else changed the object meanwhile.
        """

    def first_page(self, prefix: str, *, is_deep: bool = True) -> Any:
        """Return the first page of a listing: prefix, whether it is deep, no token yet."""
        return prefix, is_deep, None


class ObjectBackend(FsspecBackend):
    """Keeps values as objects of a bucket; subclasses write `connect` and an `ObjectFiles`."""

    def set_if_absent(self, key: str, value: Buffer) -> bool:
        """Set a value unless the key exists; the service decides who is the first.

        Returns:
            Whether it was set.
        """
        files: Any = self._session().files
        return bool(self._run(key, files.create, self._path(key), as_bytes(value)))

    def update(self, key: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)`` on the condition that it is still the old one.

        Raises:
            ConflictError: Others changed it again and again.
        """
        path = self._path(key)
        with self._session().turn(path):
            for n in range(_TRIES):
                if self._updated(key, path, transform):
                    return
                time.sleep(random.uniform(0, _PAUSE_S * min(n, 20)))  # noqa: S311  # no secret
        message = f"{self!r}: key {key!r} was changed by others {_TRIES} times in a row"
        raise ConflictError(message, backend=self.backend_id, key=key)

    def _updated(self, key: str, path: str, transform: Transform) -> bool:
        """Try once; return whether it was done."""
        files: Any = self._session().files
        old: Version | None = self._run(key, files.read_version, path)
        new: Buffer | None = transform(old and old.data)
        data = None if new is None else as_bytes(new)
        if old is not None:
            return bool(self._run(key, files.replace, path, data, old.token))
        return data is None or bool(self._run(key, files.create, path, data))
