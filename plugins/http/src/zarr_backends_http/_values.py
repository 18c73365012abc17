"""Values on a server, under keys or under chunk indices: the same requests for both."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from zarr_backends import BackendError, Buffer, ConflictError, Transform, contiguous_view
from zarr_backends_http._connection import NO_HEADERS, Connection, Reply
from zarr_backends_http._errors import BACKEND_ID
from zarr_backends_http._protocol import MAX_BATCH, etag_of, quoted, unpacked

__all__ = ["Values"]

_UNMET = HTTPStatus.PRECONDITION_FAILED


class Values:
    """The values of one array under names that are parts of paths."""

    def __init__(self, connection: Connection, array_id: str, kind: str) -> None:
        """Prepare.

        Args:
            connection: The server.
            array_id: Which array.
            kind: ``"keys"`` or ``"chunks"``.
        """
        self._connection = connection
        self._array = f"/arrays/{quoted(array_id)}"
        self._kind = kind

    def get(self, name: str) -> bytes | None:
        """Return a value, None where there is none."""
        reply = self._ask("GET", name, allowed=(200, 404))
        return None if reply.is_missing else reply.body

    def get_range(self, name: str, start: int, stop: int | None) -> Buffer | None:
        """Return ``value[start:stop]``, cut by the server where HTTP has words for it."""
        if (stop is not None and (start < 0 or stop < 0)) or start == stop:
            value = self.get(name)
            return None if value is None else memoryview(value)[start:stop]
        if stop is not None and stop < start:
            return None if self.size(name) is None else b""
        spec = f"{start}-{'' if stop is None else stop - 1}" if start >= 0 else str(start)
        headers = {"range": f"bytes={spec}"}
        reply = self._ask("GET", name, headers, allowed=(200, 206, 404, 416))
        if reply.status == HTTPStatus.OK:
            return memoryview(reply.body)[start:stop]
        if reply.status == HTTPStatus.PARTIAL_CONTENT:
            return reply.body
        return None if reply.is_missing else b""

    def size(self, name: str) -> int | None:
        """Return the length of a value, None where there is none.

        Raises:
            BackendError: The server does not say it.
        """
        reply = self._ask("HEAD", name, allowed=(200, 404))
        if reply.is_missing:
            return None
        length = reply.headers.get("content-length", "")
        if not length.isdigit():
            message = f"{self._connection.place} does not say how long {name!r} is"
            raise BackendError(message, backend=BACKEND_ID, key=name)
        return int(length)

    def get_many(self, names: Sequence[Any]) -> list[Buffer | None]:
        """Return several values; the server may answer with as many of them as it likes.

        Args:
            names: Keys, or chunk indices.

        Raises:
            BackendError: What came back is no batch.
        """
        found: list[Buffer | None] = []
        while len(found) < len(names):
            asked = list(names[len(found) : len(found) + MAX_BATCH])
            body = memoryview(json.dumps({self._kind: asked}).encode())
            headers = {"content-type": "application/json"}
            path = f"{self._array}/read"
            reply = self._connection.exchange(
                "POST", path, headers=headers, body=body, allowed=(200,)
            )
            try:
                values = unpacked(reply.body)
            except ValueError as error:
                raise self._no_batch() from error
            if not 0 < len(values) <= len(asked):
                raise self._no_batch()
            found.extend(values)
        return found

    def listing(self, kind: str = "", prefix: str = "") -> Iterator[Any]:
        """Yield what there is: names (or, of chunks, lists of numbers)."""
        query = f"?prefix={quoted(prefix)}" if prefix else ""
        return self._connection.lines(f"{self._array}/{kind or self._kind}{query}")

    def set(self, name: str, value: Buffer) -> None:
        """Replace a value."""
        self._ask("PUT", name, body=contiguous_view(value))

    def delete(self, name: str) -> None:
        """Delete a value."""
        self._ask("DELETE", name)

    def delete_prefix(self, prefix: str) -> None:
        """Delete every key that starts with a prefix."""
        path = f"{self._array}/{self._kind}?prefix={quoted(prefix)}"
        self._connection.exchange("DELETE", path)

    def set_if_absent(self, name: str, value: Buffer) -> bool:
        """Set a value unless there is one; return whether it was set."""
        return self._try(name, contiguous_view(value), {"if-none-match": "*"})

    def update(self, name: str, transform: Transform) -> None:
        """Replace a value by ``transform(old)``; begin anew where another writer was faster.

        Raises:
            ConflictError: Others were faster until the time was over.
        """
        deadline, tries = time.monotonic() + self._connection.settings.timeout_s, 0
        while True:
            old = self.get(name)
            new = transform(old)
            if new is None and old is None:
                return
            condition = {"if-none-match": "*"} if old is None else {"if-match": etag_of(old)}
            if self._try(name, None if new is None else contiguous_view(new), condition):
                return
            tries += 1
            if time.monotonic() > deadline:
                message = f"{name!r} was changed by others {tries} times in a row"
                raise ConflictError(message, backend=BACKEND_ID, key=name)
            # Not all at once again; no secret hangs on these numbers.
            time.sleep(random.uniform(0, min(0.05, 0.001 * 2**tries)))  # noqa: S311

    def _try(self, name: str, value: memoryview | None, condition: Mapping[str, str]) -> bool:
        """Set or delete a value on a condition; return whether it was done."""
        method = "DELETE" if value is None else "PUT"
        reply = self._ask(method, name, condition, value, allowed=(204, 412))
        return reply.status != _UNMET

    def _ask(
        self,
        method: str,
        name: str,
        headers: Mapping[str, str] = NO_HEADERS,
        body: memoryview | None = None,
        allowed: tuple[int, ...] = (204,),
    ) -> Reply:
        """Make a request about one value."""
        path = f"{self._array}/{self._kind}/{quote(name, safe='/,()')}"
        return self._connection.exchange(
            method, path, headers=headers, body=body, allowed=allowed, key=name
        )

    def _no_batch(self) -> BackendError:
        """Return the error about an answer that is no batch."""
        message = f"{self._connection.place} answered with something else than a batch of values"
        return BackendError(message, backend=BACKEND_ID)
