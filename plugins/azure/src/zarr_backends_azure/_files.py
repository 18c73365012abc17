"""The blobs of a container, by the client that adlfs holds: each method is one kind of request.

adlfs finds the credentials. Requests are made on its client, since adlfs sends no conditions,
and asks for what is in a folder before it says that a blob is missing. The client's own
retries, which wait for 15 seconds and more, are replaced by ours.

A conditional write puts a mark of its own in front of those that the blob's metadata has.
Where the condition failed, the marks tell whether this very write came first: we, the client
or a proxy may have sent it twice, when the first answer was lost.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar

from aiohttp import ClientError as HttpError
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceModifiedError,
    ServiceRequestError,
    ServiceResponseError,
)

from zarr_backends_azure._client import Client, opened_client, plain_boundary
from zarr_backends_azure._errors import code_of, is_transient
from zarr_backends_fsspec import ObjectFiles, Version

__all__ = ["AzureFiles"]

T = TypeVar("T")

_FIRST_PAUSE_S = 0.05
"""Seconds before the second attempt, doubled before each further one."""

_TRIES = 10
"""Times that something is read again which takes two requests, and was changed between them."""

_MARKS = "zarr_backends_writes"
"""Name of the metadata with the marks of the last conditional writes, the latest first."""

_NMARKS = 16
"""Marks that are kept: writes that others may have done until we ask again."""

_PAGE_NBLOBS = 5000
"""Names on a page of a listing: as many as the service gives."""

_GONE = "BlobNotFound"
_FAILED_CONDITION = "ConditionNotMet"
_THERE = "BlobAlreadyExists"
_NO_BATCHES = (400, 404, 405, 500, 501)
"""Statuses of a service that may know no batches: Azurite's is 500 with an account's SAS."""


class _Known(NamedTuple):
    """What is known of a blob besides its bytes."""

    nbytes: int
    etag: str
    marks: tuple[str, ...]


class AzureFiles(ObjectFiles):
    """The blobs of one container.

    Args:
        make: Makes the adlfs file system.
        container: Name of the container.
        owns_credential: Whether the file system's credential is closed with it.
        max_attempts: How often a request is made at most that fails for a passing reason.
        max_concurrency: Connections at a time.
        timeout_s: Seconds to wait for an answer.
        access_tier: Of new blobs; the account's where it is "".
    """

    batch_nfiles: ClassVar[int] = 256

    def __init__(  # noqa: PLR0913  # what a client is made of
        self,
        make: Callable[[], Any],
        *,
        container: str,
        owns_credential: bool,
        max_attempts: int,
        max_concurrency: int,
        timeout_s: float,
        access_tier: str = "",
    ) -> None:
        """Prepare; nothing is connected."""
        super().__init__(make)
        self._container = container
        self._owns_credential = owns_credential
        self._max_attempts = max_attempts
        self._max_concurrency = max_concurrency
        self._timeout_s = timeout_s
        self._access_tier = access_tier
        self._has_folders: bool | None = None
        self._has_batches = True

    async def opened(self) -> Client:
        """Make the file system, with a client that leaves retries to us."""
        return opened_client(
            await super().opened(),
            self._container,
            max_concurrency=self._max_concurrency,
            timeout_s=self._timeout_s,
            access_tier=self._access_tier,
        )

    # --- Reading --------------------------------------------------------------------

    async def read(self, path: str) -> bytes | None:
        """Return a blob; None where the service says that there is no such blob."""
        found = await self._attempted(self._got, path)
        return found and found.data

    async def read_range(self, path: str, start: int, stop: int | None) -> bytes | None:
        """Return a part of a blob, by one request; one that is counted from its end takes two."""
        if start < 0:
            return await self._read_end(path, -start)
        if stop is not None and stop <= start:
            return None if await self.size(path) is None else b""
        nbytes = None if stop is None else stop - start
        try:
            found = await self._attempted(self._got, path, offset=start, length=nbytes)
        except HttpResponseError as error:
            if code_of(error) != "InvalidRange":
                raise
            return b""
        return found and found.data

    async def read_version(self, path: str) -> Version | None:
        """Return a blob and its ETag; None where there is none."""
        for _ in range(_TRIES):
            found = await self._attempted(self._got, path)
            if found is None or found.data:
                return found
            # Of an empty blob the client asks twice, and it may have been written between.
            known = await self._attempted(self._head, path)
            if known is not None and known.nbytes == 0 and known.etag == found.token[0]:
                return found
        return found

    async def size(self, path: str) -> int | None:
        """Return the size of a blob, None where there is none."""
        known = await self._attempted(self._head, path)
        return None if known is None else known.nbytes

    async def list_page(self, page: Any) -> tuple[list[str], list[Any]]:
        """Return up to 5,000 paths, and the next page."""
        prefix, is_deep, token = page
        names, more = await self._attempted(self._listed, self._name(prefix), is_deep, token)
        paths = [f"{self._container}/{name}" for name in names]
        return paths, [(prefix, is_deep, more)] if more else []

    # --- Writing --------------------------------------------------------------------

    async def write(self, path: str, data: bytes) -> None:
        """Replace a blob."""
        await self._attempted(self._put, path, data)

    async def create(self, path: str, data: bytes) -> bool:
        """Write a blob unless there is one."""
        mark = secrets.token_hex(4)
        try:
            metadata = {_MARKS: mark}
            await self._attempted(self._put, path, data, overwrite=False, metadata=metadata)
        except HttpResponseError as error:
            if code_of(error) not in (_THERE, _FAILED_CONDITION):
                raise
            known = await self._attempted(self._head, path)
            return known is not None and mark in known.marks
        return True

    async def replace(self, path: str, data: bytes | None, token: Any) -> bool:
        """Replace or delete a blob that still has an ETag."""
        etag, marks = token
        condition = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        mark = secrets.token_hex(4)
        try:
            if data is None:
                await self._attempted(self._deleted, path, **condition)
            else:
                metadata = {_MARKS: " ".join([mark, *marks[: _NMARKS - 1]])}
                await self._attempted(self._put, path, data, metadata=metadata, **condition)
        except HttpResponseError as error:
            if code_of(error) not in (_GONE, _FAILED_CONDITION):
                raise
            known = await self._attempted(self._head, path)
            return known is not None and mark in known.marks
        return True

    async def delete(self, path: str) -> None:
        """Delete a blob; one that is absent is no error."""
        try:
            await self._attempted(self._deleted, path)
        except HttpResponseError as error:
            if code_of(error) != _GONE:
                raise

    async def delete_batch(self, paths: Sequence[str]) -> None:
        """Delete up to 256 blobs, by one request where the service takes it.

        Raises:
            HttpResponseError: One of them could not be deleted.
        """
        if self._has_batches:
            try:
                await self._attempted(self._batch_deleted, paths)
            except HttpResponseError as error:
                if error.status_code not in _NO_BATCHES:
                    raise
            else:
                return
        tasks = [self.delete(path) for path in paths]
        for failure in await asyncio.gather(*tasks, return_exceptions=True):
            if failure is not None:
                raise failure
        self._has_batches = False  # as they did what the batch could not

    async def close(self) -> None:
        """Close the connections."""
        client, self._fs = self._fs, None
        if client is not None:
            await client.close(with_credential=self._owns_credential)

    # --- Requests -------------------------------------------------------------------

    def _name(self, path: str) -> str:
        """Return the name of a blob in the container."""
        return path[len(self._container) + 1 :]

    async def _blob(self, path: str) -> Any:
        """Return the client of a blob."""
        return (await self.fs()).container.get_blob_client(self._name(path))

    async def _got(self, path: str, **parameters: Any) -> Version | None:
        """Get a blob, or a part of it.

        Returns:
            It, and its ETag with the marks; None where there is no such blob.

        Raises:
            HttpResponseError: The service refuses.
        """
        blob = await self._blob(path)
        try:
            stream = await blob.download_blob(**parameters)
        except HttpResponseError as error:
            if code_of(error) == _GONE:
                return None
            raise
        if _is_folder(stream.properties):
            return None
        data = await stream.readall()
        return Version(bytes(data), (stream.properties.etag, _marks_of(stream.properties)))

    async def _head(self, path: str) -> _Known | None:
        """Get what is known of a blob.

        Returns:
            What is known; None where there is no such blob.

        Raises:
            HttpResponseError: The service refuses.
        """
        blob = await self._blob(path)
        try:
            found = await blob.get_blob_properties()
        except HttpResponseError as error:
            if code_of(error) == _GONE:
                return None
            raise
        return None if _is_folder(found) else _Known(found.size, found.etag, _marks_of(found))

    async def _read_end(self, path: str, nbytes: int) -> bytes | None:
        """Return the last bytes of a blob; the service knows no range from the end.

        Raises:
            ResourceModifiedError: It was changed again and again.
        """
        for attempt in range(_TRIES):
            known = await self._attempted(self._head, path)
            if known is None or known.nbytes == 0:
                return None if known is None else b""
            condition = {"etag": known.etag, "match_condition": MatchConditions.IfNotModified}
            start = max(known.nbytes - nbytes, 0)
            try:
                found = await self._attempted(self._got, path, offset=start, **condition)
            except ResourceModifiedError:
                if attempt == _TRIES - 1:
                    raise
            else:
                return found and found.data
        return None

    async def _put(self, path: str, data: bytes, **parameters: Any) -> None:
        """Put a blob, by one request."""
        client = await self.fs()
        blob = client.container.get_blob_client(self._name(path))
        options = {"overwrite": True, "length": len(data), **client.write_options, **parameters}
        await blob.upload_blob(data, **options)

    async def _deleted(self, path: str, **condition: Any) -> None:
        """Delete a blob."""
        blob = await self._blob(path)
        await blob.delete_blob(**condition)

    async def _batch_deleted(self, paths: Sequence[str]) -> None:
        """Delete blobs by one request.

        Raises:
            HttpResponseError: One of them could not be deleted, or the batch is refused.
        """
        container = (await self.fs()).container
        names = [self._name(path) for path in paths]
        answers = await container.delete_blobs(
            *names, raise_on_any_failure=False, raw_request_hook=plain_boundary
        )
        async for part in answers:  # a refused batch has one part
            failed = part.status_code >= 300  # noqa: PLR2004  # no success
            if failed and part.headers.get("x-ms-error-code") != _GONE:
                raise HttpResponseError(message=part.reason, response=part)

    async def _listed(self, prefix: str, is_deep: bool, token: str | None) -> tuple[list[str], str]:  # noqa: FBT001
        """List names that begin with a prefix.

        Returns:
            A page of names, and the token of the next one.
        """
        container = (await self.fs()).container
        options = {"name_starts_with": prefix or None, "results_per_page": _PAGE_NBLOBS}
        if not is_deep:
            found = container.walk_blobs(delimiter="/", include=["metadata"], **options)
        elif await self._has_folders_in_listings():
            found = container.list_blobs(include=["metadata"], **options)
        else:
            found = container.list_blob_names(**options)  # several times as fast
        pages = found.by_page(continuation_token=token)
        names = [
            item if isinstance(item, str) else item.name
            async for item in await anext(pages)
            if isinstance(item, str) or not _is_folder(item)
        ]
        return names, pages.continuation_token or ""

    async def _has_folders_in_listings(self) -> bool:
        """Whether folders are listed as blobs: in accounts with a hierarchical namespace."""
        if self._has_folders is None:
            client = await self.fs()
            try:
                found = await client.service.get_account_information()
            except HttpResponseError as error:
                if is_transient(error):
                    raise
                found = {}  # no right to know it
            self._has_folders = bool(found.get("is_hns_enabled", True))
        return self._has_folders

    async def _attempted(self, request: Callable[..., Awaitable[T]], *args: Any, **more: Any) -> T:
        """Make a request that may be made twice, again after passing failures.

        Returns:
            What the request returns.

        Raises:
            HttpResponseError: The service refuses, or does not recover.
        """
        pause_s = _FIRST_PAUSE_S
        for _ in range(self._max_attempts - 1):
            try:
                return await request(*args, **more)
            except HttpResponseError as error:
                if not is_transient(error):
                    raise
            except (ServiceRequestError, ServiceResponseError, HttpError):
                pass
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311  # no secret
            pause_s *= 2
        return await request(*args, **more)


def _is_folder(properties: Any) -> bool:
    """Whether a blob stands for a folder, in an account with a hierarchical namespace."""
    metadata = getattr(properties, "metadata", None) or {}
    return any(name.lower() == "hdi_isfolder" for name in metadata)


def _marks_of(properties: Any) -> tuple[str, ...]:
    """Return the marks of the last conditional writes of a blob."""
    metadata = {name.lower(): text for name, text in (properties.metadata or {}).items()}
    return tuple(str(metadata.get(_MARKS, "")).split())
