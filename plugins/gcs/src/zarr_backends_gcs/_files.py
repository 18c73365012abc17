"""The objects of a bucket, by the session that gcsfs has: each method is one kind of request.

gcsfs keeps the credentials and the connections. Requests are made on its session, since its
own calls drop what a refusal says, so that a missing bucket looks like a missing object, and
send again what must not be sent twice.

Source: https://cloud.google.com/storage/docs/json_api/v1
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, NamedTuple

from zarr_backends import BackendError
from zarr_backends_fsspec import ObjectFiles, Version
from zarr_backends_gcs._errors import RefusedError
from zarr_backends_gcs._multipart import batch, batch_answers, object_with_properties
from zarr_backends_gcs._requests import LOST, Answer, Requests, quoted, widened

__all__ = ["GcsFiles"]

_PAGE_NOBJECTS = 5000
"""Objects that a page of a listing has at most."""

_MARK = "zarr-backends-write"
"""Name of the metadata with the mark of a conditional write, which is that write's alone."""

_ABSENT = "0"
"""Generation of an object that does not exist."""


class _Media(NamedTuple):
    """The bytes of an object, or a part of them."""

    data: bytes
    generation: str
    is_part: bool


class GcsFiles(ObjectFiles):
    """The objects of one bucket.

    Args:
        make: Makes the gcsfs file system.
        bucket: Name of the bucket.
        max_attempts: How often a request is made at most that fails for a passing reason.
        properties: Of new objects, such as ``storageClass``.
        parameters: Of every request, such as ``userProject``.
        timeout_s: Seconds that a request may take.
        max_concurrency: Connections at a time.
    """

    batch_nfiles: ClassVar[int] = 100

    def __init__(  # noqa: PLR0913  # what requests are made of
        self,
        make: Callable[[], Any],
        *,
        bucket: str,
        max_attempts: int,
        properties: Mapping[str, str],
        parameters: Mapping[str, str],
        timeout_s: float,
        max_concurrency: int,
    ) -> None:
        """Prepare; nothing is connected."""
        super().__init__(make)
        self._bucket = bucket
        self._properties = dict(properties)
        self._max_concurrency = max_concurrency
        self._requests = Requests(
            self.fs, parameters=parameters, timeout_s=timeout_s, max_attempts=max_attempts
        )
        self._objects = f"storage/v1/b/{quoted(bucket)}/o"

    async def opened(self) -> Any:
        """Make the file system, which looks for credentials."""
        return widened(await super().opened(), self._max_concurrency)

    # --- Reading --------------------------------------------------------------------

    async def read(self, path: str) -> bytes | None:
        """Return an object; None where the service says that there is no such object."""
        found = await self._media(path)
        return found and found.data

    async def read_range(self, path: str, start: int, stop: int | None) -> bytes | None:
        """Return a part of an object, by one request; an empty part may take two."""
        if stop is not None and stop <= max(start, 0):
            return None if await self.size(path) is None else b""
        last = "" if stop is None else stop - 1
        try:
            found = await self._media(path, f"bytes={start if start < 0 else f'{start}-{last}'}")
        except RefusedError as error:
            if error.status != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            return b""
        if found is None or found.is_part:
            return found and found.data
        return found.data[start:stop]  # the whole was sent

    async def read_version(self, path: str) -> Version | None:
        """Return an object and its generation; None where there is none."""
        found = await self._media(path)
        return found and Version(found.data, found.generation)

    async def size(self, path: str) -> int | None:
        """Return the size of an object, None where there is none."""
        found = await self._properties_of(path, "size")
        return None if found is None else int(found["size"])

    async def list_page(self, page: Any) -> tuple[list[str], list[Any]]:
        """Return up to 5,000 paths, and the next page."""
        prefix, is_deep, token = page
        parameters = {"prefix": self._name(prefix), "maxResults": str(_PAGE_NOBJECTS)}
        if not is_deep:
            parameters["delimiter"] = "/"
        if token is not None:
            parameters["pageToken"] = token
        answer = await self._requests.attempted(self._listed, parameters)
        names = [item["name"] for item in answer.get("items", ())]
        names = [name for name in names if not name.endswith("/")]  # those stand for folders
        names += answer.get("prefixes", ())
        more = answer.get("nextPageToken")
        return [f"{self._bucket}/{name}" for name in names], [(prefix, is_deep, more)] * bool(more)

    # --- Writing --------------------------------------------------------------------

    async def write(self, path: str, data: bytes) -> None:
        """Replace an object."""
        await self._requests.attempted(self._put, path, data, self._properties)

    async def create(self, path: str, data: bytes) -> bool:
        """Write an object unless there is one."""
        return await self._put_if(path, data, _ABSENT)

    async def replace(self, path: str, data: bytes | None, token: Any) -> bool:
        """Replace or delete an object that still has a generation."""
        if data is None:
            return await self._delete_if(path, str(token))
        return await self._put_if(path, data, str(token))

    async def delete(self, path: str) -> None:
        """Delete an object; one that is absent is no error."""
        await self.delete_batch([path])

    async def delete_batch(self, paths: Sequence[str]) -> None:
        """Delete up to 100 objects by one request."""
        await self._requests.attempted(self._deleted, paths)

    async def close(self) -> None:
        """Close the connections."""
        fs, self._fs = self._fs, None
        if fs is not None and fs.session is not None:
            await fs.session.close()

    # --- Requests -------------------------------------------------------------------

    def _name(self, path: str) -> str:
        """Return the name of an object in the bucket."""
        return path[len(self._bucket) + 1 :]

    def _target(self, path: str) -> str:
        """Return where the properties of an object are."""
        return f"{self._objects}/{quoted(self._name(path))}"

    async def _media(self, path: str, span: str = "") -> _Media | None:
        """Get an object, or a part of it.

        Returns:
            It; None where there is no such object.

        Raises:
            RefusedError: The service refuses.
            BackendError: The answer is none of the service.
        """
        headers = {"Range": span} if span else {}
        target = f"download/{self._target(path)}"
        found = await self._found(target, {"alt": "media"}, headers=headers)
        if found is None:
            return None
        generation = found.headers.get("x-goog-generation")
        if generation is None:
            message = "the answer is no object: it has no generation. Is there a proxy between?"
            raise BackendError(message, backend="gcs")
        return _Media(found.body, generation, found.status == HTTPStatus.PARTIAL_CONTENT)

    async def _properties_of(self, path: str, fields: str) -> dict[str, Any] | None:
        """Return properties of an object, None where there is none."""
        found = await self._found(self._target(path), {"fields": fields})
        return None if found is None else dict(json.loads(found.body))

    async def _found(
        self, target: str, parameters: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Answer | None:
        """Ask for something of an object.

        Returns:
            The answer; None where there is no such object.

        Raises:
            RefusedError: The service refuses.
        """
        try:
            return await self._requests.attempted(
                self._requests.ask, "GET", target, parameters, headers=headers
            )
        except RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            await self._must_be_no_object(error)
            return None

    async def _must_be_no_object(self, refusal: RefusedError) -> None:
        """See that what was not found is an object and not the bucket, as emulators don't say.

        Raises:
            RefusedError: There is no such bucket.
        """
        if not refusal.is_no_object:
            await self._requests.attempted(
                self._requests.ask, "GET", self._objects.removesuffix("/o"), {"fields": "name"}
            )

    async def _listed(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return a page of a listing.

        Raises:
            RefusedError: The service refuses.
            BackendError: The answer is no listing.
        """
        fields = {"fields": "kind,nextPageToken,prefixes,items(name)"}
        answer = await self._requests.ask("GET", self._objects, {**parameters, **fields})
        page = json.loads(answer.body)
        if not isinstance(page, dict) or page.get("kind") != "storage#objects":
            message = "the answer is no listing of objects. Is there a proxy between?"
            raise BackendError(message, backend="gcs")
        return page

    async def _put(
        self, path: str, data: bytes, properties: Mapping[str, Any], generation: str = ""
    ) -> None:
        """Put an object, once.

        Raises:
            RefusedError: The service refuses.
            BackendError: The answer is about something else.
        """
        target = f"upload/{self._objects}"
        parameters = {"fields": "size"} | ({"ifGenerationMatch": generation} if generation else {})
        if properties:
            name = {"name": self._name(path)}
            kind, data_sent = object_with_properties({**name, **properties}, data)
            parameters["uploadType"] = "multipart"
        else:
            kind, data_sent = "application/octet-stream", data
            parameters |= {"uploadType": "media", "name": self._name(path)}
        answer = await self._requests.ask(
            "POST", target, parameters, headers={"Content-Type": kind}, data=data_sent
        )
        if int(json.loads(answer.body)["size"]) != len(data):
            message = f"another number of bytes than {len(data)} was stored"
            raise BackendError(message, backend="gcs")

    async def _put_if(self, path: str, data: bytes, generation: str) -> bool:
        """Put an object on the condition that it has a generation.

        After an answer was lost, a condition that does not hold may be the work of this very
        write: then the object has its mark.

        Returns:
            Whether it was put.

        Raises:
            RefusedError: The service refuses, or whether it was put cannot be told.
            ClientError: The connection is lost.
        """
        mark = secrets.token_hex(8)
        properties = {**self._properties, "metadata": {_MARK: mark}}
        lost: Exception | None = None
        for attempt in range(self._requests.max_attempts):
            if attempt:
                await self._requests.pause(attempt - 1)
            try:
                await self._put(path, data, properties, generation)
            except RefusedError as error:
                if error.status == HTTPStatus.PRECONDITION_FAILED:
                    return lost is not None and await self._was_put(path, mark, lost)
                if not error.is_passing:
                    raise
                lost = error if error.is_maybe_done else lost
                last: Exception = error
            except LOST as error:
                last = lost = error
            else:
                return True
        raise last

    async def _was_put(self, path: str, mark: str, lost: Exception) -> bool:
        """Return whether an object has the mark of a write whose answer was lost.

        Raises:
            Exception: That one, as it has not: others may have replaced it since.
        """
        found = await self._properties_of(path, "metadata")
        if found is not None and (found.get("metadata") or {}).get(_MARK) == mark:
            return True
        raise lost

    async def _delete_if(self, path: str, generation: str) -> bool:
        """Delete an object on the condition that it has a generation; return whether it was."""
        condition = {"ifGenerationMatch": generation}
        try:
            await self._requests.attempted(
                self._requests.ask, "DELETE", self._target(path), condition
            )
        except RefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                await self._must_be_no_object(error)
            elif error.status != HTTPStatus.PRECONDITION_FAILED:
                raise
            return False
        return True

    async def _deleted(self, paths: Sequence[str]) -> None:
        """Delete objects; those that are absent are no error.

        Raises:
            RefusedError: One of them could not be deleted.
        """
        if len(paths) == 1:
            refusals = [await self._refusal_of_delete(paths[0])]
        else:
            query = self._requests.query({})
            kind, body = batch("DELETE", [f"/{self._target(path)}{query}" for path in paths])
            answer = await self._requests.ask(
                "POST", "batch/storage/v1", headers={"Content-Type": kind}, data=body
            )
            kind = answer.headers.get("Content-Type", "")
            refusals = batch_answers(kind, answer.body, len(paths))
        absent = None
        for refusal in filter(None, refusals):
            if refusal.status != HTTPStatus.NOT_FOUND:
                raise refusal
            absent = absent if absent and not absent.is_no_object else refusal
        if absent is not None:
            await self._must_be_no_object(absent)

    async def _refusal_of_delete(self, path: str) -> RefusedError | None:
        """Delete an object; return what is refused."""
        try:
            await self._requests.ask("DELETE", self._target(path))
        except RefusedError as error:
            return error
        return None
