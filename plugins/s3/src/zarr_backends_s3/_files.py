"""The objects of a bucket, by the client that s3fs has: each method is one kind of request.

s3fs finds the credentials and keeps the connections. Requests are made on its client, since
s3fs sends no conditions, reads no suffixes, and takes longer for each of them.

A conditional write puts a mark of its own in front of those that the object's metadata has.
Where the condition failed, the marks tell whether this very write came first: we, the client
or a proxy may have sent it twice, when the first answer was lost.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, TypeVar

from aiohttp import ClientError as HttpError
from botocore.exceptions import (  # type: ignore[import-untyped]  # has no types
    ClientError,
    HTTPClientError,
)
from botocore.exceptions import ConnectionError as ConnectError

from zarr_backends import BackendError
from zarr_backends_fsspec import ObjectFiles, Version
from zarr_backends_s3._errors import code_of, is_transient, status_of

__all__ = ["S3Files"]

T = TypeVar("T")

_PARTS_ABOVE_NBYTES = 256 * 2**20
"""Size above which a value is uploaded in parts, by s3fs; together they are one object."""

_FIRST_PAUSE_S = 0.05
"""Seconds before the second attempt, doubled before each further one."""

_MARKS = "zarr-backends-writes"
"""Name of the metadata with the marks of the last conditional writes, the latest first."""

_NMARKS = 16
"""Marks that are kept: writes that others may have done until we ask again."""

_NREFUSALS = 8
"""Conditions that held and were refused, one after the other, until that is an error."""

_GONE = ("NoSuchKey",)
_FAILED_CONDITION = (412, "PreconditionFailed")


class S3Files(ObjectFiles):
    """The objects of one bucket.

    Args:
        make: Makes the s3fs file system.
        bucket: Name or ARN of the bucket.
        max_attempts: How often a request is made at most that fails for a passing reason.
        write_options: Parameters of PutObject, such as ``StorageClass``.
        read_options: Parameters of everything else.
    """

    batch_nfiles: ClassVar[int] = 1000

    def __init__(
        self,
        make: Callable[[], Any],
        *,
        bucket: str,
        max_attempts: int,
        write_options: dict[str, Any],
        read_options: dict[str, Any],
    ) -> None:
        """Prepare; nothing is connected."""
        super().__init__(make)
        self._bucket = bucket
        self._max_attempts = max_attempts
        self._write_options = write_options
        self._read_options = read_options
        self._quoted = True
        self._nrefusals = 0

    async def opened(self) -> Any:
        """Make the file system with its client, which looks for credentials."""
        fs = await super().opened()
        await fs.set_session()
        return fs

    # --- Reading --------------------------------------------------------------------

    async def read(self, path: str) -> bytes | None:
        """Return an object; None where the service says that there is no such key."""
        found = await self._attempted(self._got, path)
        return found and found.data

    async def read_range(self, path: str, start: int, stop: int | None) -> bytes | None:
        """Return a part of an object, by one request; an empty part may take two."""
        if stop is not None and stop <= max(start, 0):
            return None if await self.size(path) is None else b""
        text = (
            f"bytes={start}" if start < 0 else f"bytes={start}-{'' if stop is None else stop - 1}"
        )
        try:
            found = await self._attempted(self._got, path, Range=text)
        except ClientError as error:
            if code_of(error) != "InvalidRange":
                raise
            return b""
        return found and found.data

    async def read_version(self, path: str) -> Version | None:
        """Return an object and its ETag; None where there is none."""
        return await self._attempted(self._got, path)

    async def size(self, path: str) -> int | None:
        """Return the size of an object, None where there is none."""
        found = await self._attempted(self._head, path)
        return None if found is None else int(found["ContentLength"])

    async def list_page(self, page: Any) -> tuple[list[str], list[Any]]:
        """Return up to 1,000 paths, and the next page."""
        prefix, is_deep, token = page
        request = {"Prefix": self._key(prefix)}
        if not is_deep:
            request["Delimiter"] = "/"
        if token is not None:
            request["ContinuationToken"] = token
        answer = await self._attempted(self._request, "list_objects_v2", **request)
        names = [item["Key"] for item in answer.get("Contents", ())]
        names += [item["Prefix"] for item in answer.get("CommonPrefixes", ())]
        more = answer.get("NextContinuationToken") if answer.get("IsTruncated") else None
        paths = [f"{self._bucket}/{name}" for name in names]
        return paths, [] if more is None else [(prefix, is_deep, more)]

    # --- Writing --------------------------------------------------------------------

    async def write(self, path: str, data: bytes) -> None:
        """Replace an object."""
        if len(data) > _PARTS_ABOVE_NBYTES:
            fs = await self.fs()
            await fs._pipe_file(path, data, **self._write_options)  # noqa: SLF001  # its coroutine
            return
        await self._attempted(self._put, path, data)

    async def create(self, path: str, data: bytes) -> bool:
        """Write an object unless there is one."""
        mark = secrets.token_hex(4)
        try:
            await self._attempted(self._put, path, data, IfNoneMatch="*", Metadata={_MARKS: mark})
        except ClientError as error:
            if not _is_failed_condition(error):
                raise
            found = await self._attempted(self._head, path)
            return found is not None and mark in _marks_of(found)
        return True

    async def replace(self, path: str, data: bytes | None, token: Any) -> bool:
        """Replace or delete an object that still has an ETag."""
        etag, marks = token
        quoted = self._quoted
        condition = {"IfMatch": etag if quoted else etag.strip('"')}
        mark = secrets.token_hex(4)
        try:
            if data is None:
                key = self._key(path)
                await self._attempted(self._request, "delete_object", Key=key, **condition)
            else:
                metadata = {_MARKS: " ".join([mark, *marks[: _NMARKS - 1]])}
                await self._attempted(self._put, path, data, Metadata=metadata, **condition)
        except ClientError as error:
            if code_of(error) in _GONE or status_of(error) == 404:  # noqa: PLR2004  # Not Found
                return False
            if not _is_failed_condition(error):
                raise
            return await self._was_done(path, etag, mark, quoted=quoted)
        self._nrefusals = 0
        return True

    async def delete(self, path: str) -> None:
        """Delete an object; S3 does not mind if there is none."""
        await self._attempted(self._request, "delete_object", Key=self._key(path))

    async def delete_batch(self, paths: Sequence[str]) -> None:
        """Delete up to 1,000 objects by one request.

        Raises:
            ClientError: One of them could not be deleted.
        """
        keys = [self._key(path) for path in paths]
        listed = [key for key in keys if key.isprintable()]  # others cannot be written in XML
        for key in set(keys) - set(listed):
            await self._attempted(self._request, "delete_object", Key=key)
        if listed:
            objects = {"Objects": [{"Key": key} for key in listed], "Quiet": True}
            answer = await self._attempted(self._request, "delete_objects", Delete=objects)
            for failure in answer.get("Errors", ()):
                raise ClientError({"Error": failure}, "DeleteObjects")

    async def close(self) -> None:
        """Close the connections."""
        fs, self._fs = self._fs, None
        if fs is not None and fs._s3 is not None:  # noqa: SLF001  # s3fs closes only by finalizer
            await fs._s3creator.__aexit__(None, None, None)  # noqa: SLF001  # the same

    # --- Requests -------------------------------------------------------------------

    def _key(self, path: str) -> str:
        """Return the name of an object in the bucket."""
        return path[len(self._bucket) + 1 :]

    async def _request(self, operation: str, **parameters: Any) -> Any:
        """Make one request, once."""
        client = await (await self.fs()).set_session()  # a new one after ours was closed
        request = getattr(client, operation)
        return await request(Bucket=self._bucket, **self._read_options, **parameters)

    async def _got(self, path: str, **parameters: Any) -> Version | None:
        """Get an object, or a part of it.

        Returns:
            It, and its ETag; None where there is no such key.

        Raises:
            ClientError: The service refuses.
        """
        try:
            answer = await self._request("get_object", Key=self._key(path), **parameters)
        except ClientError as error:
            if code_of(error) in _GONE:
                return None
            raise
        async with answer["Body"] as body:
            return Version(await body.read(), (answer.get("ETag"), _marks_of(answer)))

    async def _head(self, path: str) -> Any:
        """Get what is known of an object.

        A HEAD has no body, which would tell a missing bucket from a missing object.

        Returns:
            What is known; None where there is no such key.

        Raises:
            ClientError: The service refuses.
        """
        try:
            return await self._request("head_object", Key=self._key(path))
        except ClientError as error:
            if status_of(error) != 404:  # noqa: PLR2004  # Not Found
                raise
        found = await self._got(path)
        return found and {"ContentLength": len(found.data)}

    async def _put(self, path: str, data: bytes, **parameters: Any) -> None:
        """Put an object."""
        options = self._write_options | parameters
        await self._request("put_object", Key=self._key(path), Body=data, **options)

    async def _was_done(self, path: str, etag: str, mark: str, *, quoted: bool) -> bool:
        """Find out why a condition failed.

        Returns:
            Whether the write has been done after all.

        Raises:
            BackendError: The service refuses the condition although it holds.
        """
        found = await self._attempted(self._head, path)
        if found is None:
            return False
        if mark in _marks_of(found):
            return True
        if found.get("ETag") == etag and quoted == self._quoted:
            # Others may have written in between what was there before. Or this is Ceph before 17,
            # which compares without the quotes that belong to an ETag.
            self._nrefusals += 1
            if self._nrefusals > _NREFUSALS:
                message = "the service refuses If-Match although the object has that ETag"
                raise BackendError(message, backend="s3")
            self._quoted = not quoted
        return False

    async def _attempted(self, request: Callable[..., Awaitable[T]], *args: Any, **more: Any) -> T:
        """Make a request that may be made twice, again after passing failures.

        Returns:
            What the request returns.

        Raises:
            ClientError: The service refuses, or does not recover.
        """
        pause_s = _FIRST_PAUSE_S
        for _ in range(self._max_attempts - 1):
            try:
                return await request(*args, **more)
            except ClientError as error:
                if not is_transient(error):
                    raise
            except (HTTPClientError, ConnectError, HttpError):
                pass
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311  # no secret
            pause_s *= 2
        return await request(*args, **more)


def _marks_of(answer: Any) -> list[str]:
    """Return the marks of the last conditional writes of an object."""
    return str(answer.get("Metadata", {}).get(_MARKS, "")).split()


def _is_failed_condition(error: ClientError) -> bool:
    """Whether an answer says that a condition did not hold."""
    return status_of(error) == _FAILED_CONDITION[0] or code_of(error) == _FAILED_CONDITION[1]
