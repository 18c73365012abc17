"""The objects of one bucket: each coroutine is one request, but for what is said at it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from zarr_backends import BackendError
from zarr_backends_obstore._errors import (
    is_absent,
    is_raced,
    is_taken,
    is_unsatisfiable_range,
)
from zarr_backends_obstore._library import Library
from zarr_backends_obstore._services import Service

__all__ = ["Objects", "Version"]

_PAGE = 1000
"""Objects that a service lists in one reply."""

_WHOLE = 2**40
"""A byte behind the end of every object; servers cut a range to what there is."""

_RACES = 20
"""Times that a write is tried which a server drops because of another at the same time."""

_PAUSE_S = 0.01
"""Seconds before it is tried again."""

_PROBE = "zarr-backends.no-such-object"
"""Name of an object that nobody has."""

_MULTIPART_NBYTES = 2**32
"""Bytes above which a value goes up in parts, as no service takes it in one request."""


class Version(NamedTuple):
    """An object and what its version is called."""

    data: memoryview
    token: dict[str, str]


class Objects:
    """What can be done with objects; paths have no slash at either end.

    Args:
        service: Where the bucket is, and how it is reached.
        library: The loaded obstore.
    """

    def __init__(self, service: Service, library: Library) -> None:
        """Make the stores; nothing is connected."""
        self.batch = service.batch
        self._library = library
        self._lib = library.functions
        self._service = service
        self._store = service.store(library, service.retries)
        # A request on a condition is not repeated: after a lost reply, that the condition does
        # not hold any more may mean that it was done.
        self._once = service.store(library, 0)
        self._is_quoted = True

    # --- Reading --------------------------------------------------------------------

    async def read(self, path: str) -> memoryview | None:
        """Return an object, None where there is none.

        It is asked for by a range, which takes one step between Rust and Python and not two:
        a third less work. Where an object is empty, a second request is made.
        """
        try:
            return memoryview(
                await self._lib.get_range_async(self._store, path, start=0, end=_WHOLE)
            )
        except Exception as error:
            if is_absent(error):
                return None
            if not is_unsatisfiable_range(error):
                raise
        version = await self.read_version(path)
        return version and version.data

    async def read_version(self, path: str) -> Version | None:
        """Return an object and its version, None where there is none."""
        try:
            result = await self._lib.get_async(self._store, path)
        except Exception as error:
            if is_absent(error):
                return None
            raise
        meta = result.meta
        token = {name: meta[name] for name in ("e_tag", "version") if meta.get(name)}
        return Version(memoryview(await result.bytes_async()), token)

    async def read_range(self, path: str, start: int, stop: int | None) -> memoryview | None:
        """Return ``object[start:stop]``, cut as a slice would be; None where there is none.

        Where nothing of the object lies in the range, a second request finds out whether
        there is an object at all. Azure has no ranges from the end, and takes two as well.
        """
        if start < 0 and not self._service.has_suffixes:
            return await self._read_end(path, -start)
        if stop is not None and start >= stop:
            return await self._empty(path)
        if stop is not None:
            options: dict[str, Any] = {"range": (start, stop)}
        else:
            options = {"range": {"suffix": -start} if start < 0 else {"offset": start}}
        try:
            result = await self._lib.get_async(self._store, path, options=options)
            return memoryview(await result.bytes_async())
        except Exception as error:
            if is_absent(error):
                return None
            if is_unsatisfiable_range(error):
                return await self._empty(path)
            raise

    async def _read_end(self, path: str, nbytes: int) -> memoryview | None:
        """Return the last bytes of an object whose length has to be asked for."""
        while True:
            try:
                meta = await self._lib.head_async(self._store, path)
                if not meta["size"]:
                    return memoryview(b"")
                span = (max(meta["size"] - nbytes, 0), meta["size"])
                options = {"range": span, "if_match": meta["e_tag"]}
                result = await self._lib.get_async(self._store, path, options=options)
                return memoryview(await result.bytes_async())
            except Exception as error:
                if is_absent(error):
                    return None
                # Replaced between the two: the range is that of another object.
                if not is_taken(error):
                    raise

    async def _empty(self, path: str) -> memoryview | None:
        """Return no bytes of an object, None where there is none."""
        return None if await self.size(path) is None else memoryview(b"")

    async def size(self, path: str) -> int | None:
        """Return the number of bytes of an object, None where there is none.

        A reply to HEAD does not tell whether the object or the bucket is missing, so that a
        second request finds out.
        """
        try:
            meta = await self._lib.head_async(self._store, path)
        except Exception as error:
            if is_absent(error):
                value = await self.read(path)
                return None if value is None else value.nbytes
            raise
        return int(meta["size"])

    # --- Writing --------------------------------------------------------------------

    async def write(self, path: str, data: bytes) -> None:
        """Replace an object."""
        parts = len(data) > _MULTIPART_NBYTES
        await self._lib.put_async(self._store, path, data, use_multipart=parts)

    async def create(self, path: str, data: bytes) -> bool:
        """Write an object unless it exists; return whether it was written."""
        for _ in range(_RACES):
            try:
                await self._lib.put_async(self._once, path, data, mode="create")
            except Exception as error:
                if is_taken(error):
                    return False
                if not is_raced(error):
                    raise
            else:
                return True
            await asyncio.sleep(_PAUSE_S)
        return False

    async def replace(self, path: str, data: bytes | None, token: dict[str, str]) -> bool:
        """Replace (None: delete) an object if it still is a version; sent once.

        Some servers want the entity tag without its quotes. Where one says that an object has
        changed that has not, the other form is used from then on.

        Returns:
            Whether it was; otherwise somebody else has changed it, or the form was wrong.
        """
        try:
            await self._replace(path, data, self._formed(token))
        except Exception as error:
            if not (is_taken(error) or is_absent(error) or is_raced(error)):
                raise
            if is_raced(error):
                await asyncio.sleep(_PAUSE_S)
                return False
        else:
            return True
        now = await self.read_version(path)
        if now is not None and now.token == token:
            self._is_quoted = not self._is_quoted
        return False

    async def _replace(self, path: str, data: bytes | None, token: dict[str, str]) -> None:
        """Send it."""
        if data is None:
            await self._service.delete_if(self._library, path, token)
        else:
            await self._lib.put_async(self._once, path, data, mode=token)

    def _formed(self, token: dict[str, str]) -> dict[str, str]:
        """Return a version as the server wants to see it."""
        if self._is_quoted or "e_tag" not in token:
            return token
        return {**token, "e_tag": token["e_tag"].strip('"')}

    # --- Deleting and listing -------------------------------------------------------

    async def delete(self, path: str) -> None:
        """Delete an object; one that is not there is no error."""
        while True:
            try:
                await self._lib.delete_async(self._store, path)
            except Exception as error:
                if is_absent(error):
                    return
                if not is_raced(error):
                    raise
            else:
                return
            await asyncio.sleep(_PAUSE_S)

    async def delete_batch(self, paths: Sequence[str]) -> None:
        """Delete some objects, by one request; one by one where some are not there."""
        if len(paths) == 1:
            await self.delete(paths[0])
            return
        try:
            await self._lib.delete_async(self._store, list(paths))
        except Exception as error:
            if not (is_absent(error) or is_raced(error)):
                raise
            await asyncio.gather(*[self.delete(path) for path in paths])

    async def listing(self, folder: str) -> Any:
        """Return what `next_page` takes; no request is made."""
        return self._lib.list(self._store, folder or None, chunk_size=_PAGE)

    async def next_page(self, listing: Any) -> list[str] | None:
        """Return the next paths of a listing, None at its end."""
        try:
            page = await anext(listing)
        except StopAsyncIteration:
            return None
        return [meta["path"] for meta in page]

    async def names(self, folder: str) -> list[str]:
        """Return the paths of the objects and folders just below a folder."""
        found = await self._lib.list_with_delimiter_async(self._store, folder or None)
        return [*found["common_prefixes"], *(meta["path"] for meta in found["objects"])]

    async def see_service(self, folder: str) -> None:
        """Raise an error unless this is an object store: asked where a listing is empty.

        obstore takes a page of HTML, as a proxy or a login page may answer with, for a list
        without objects.

        Raises:
            BackendError: An object that nobody has is said to be there.
        """
        path = f"{folder}/{_PROBE}" if folder else _PROBE
        try:
            await self._lib.head_async(self._store, path)
        except FileNotFoundError:
            return
        message = "what answers has every object, and lists none: it is no object store"
        raise BackendError(message, backend="obstore")
