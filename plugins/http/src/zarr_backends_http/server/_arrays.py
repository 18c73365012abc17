"""The routes of arrays."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from zarr_backends import MetadataError, SupportsBatches, SupportsFlush
from zarr_backends_http._protocol import (
    BATCH_TYPE,
    LINES_TYPE,
    MAX_BATCH,
    fault_of_name,
    packed,
    text_of_index,
)
from zarr_backends_http.server._conditions import change, condition_of
from zarr_backends_http.server._listings import MAX_PAGE, page_of, streamed
from zarr_backends_http.server._problems import ProblemError
from zarr_backends_http.server._reading import Reading
from zarr_backends_http.server._requests import (
    body_of,
    checked_index,
    document_in,
    index_in,
    name_in,
    number_in,
    text_in,
)
from zarr_backends_http.server._storage import Storage
from zarr_backends_http.server._threads import Threads
from zarr_backends_http.server._values import ChunkValues, KeyValues, Values, updates_atomically

__all__ = ["Arrays"]

_PAGE = 1000
"""Names of a page, unless the client asks for more or less."""

_BATCH_NBYTES = 32 * 2**20
"""Bytes after which a batch ends; the client asks again for the rest."""

_BATCH_STEP = 16
"""Values that the storage is asked for at a time."""

_DOCUMENTS = ("zarr.json", ".zarray", ".zattrs")
"""Keys on which it depends how the chunks of an array are named."""


class Arrays:
    """Answers requests about arrays."""

    def __init__(self, storage: Storage, threads: Threads, max_body_nbytes: int) -> None:
        """Take what there is to be served."""
        self._storage = storage
        self._threads = threads
        self._limit = max_body_nbytes
        self._locks = [threading.Lock() for _ in range(64)]
        self._reading = Reading(threads)

    def routes(self) -> list[Route]:
        """Return the routes."""
        array = "/arrays/{array_id}"
        methods = ["GET", "PUT", "DELETE"]
        return [
            Route(array, self.array, methods=["GET", "DELETE"]),
            Route(f"{array}/metadata", self.metadata, methods=["GET", "PUT"]),
            Route(f"{array}/read", self.read, methods=["POST"]),
            Route(f"{array}/chunks", self.chunks),
            Route(f"{array}/chunks/{{index}}", self.chunk, methods=methods),
            Route(f"{array}/keys", self.keys, methods=["GET", "DELETE"]),
            Route(f"{array}/names", self.names),
            Route(f"{array}/keys/{{key:path}}", self.key, methods=methods),
        ]

    # --- Endpoints ------------------------------------------------------------------

    async def array(self, request: Request) -> Response:
        """Tell what is known of a place, or delete everything there."""
        array_id = name_in(request, "array_id")
        if request.method == "DELETE":
            await self._threads.run(self._delete_array, array_id)
            return Response(status_code=204)
        description = {
            "array_id": array_id,
            "storage": self._storage.backend.backend_id,
            "keys": self._storage.has_keys,
            "atomic_updates": updates_atomically(self._storage.backend),
            "max_body_nbytes": self._limit,
        }
        return JSONResponse(description)

    async def metadata(self, request: Request) -> Response:
        """Answer with the metadata document, or replace it.

        Returns:
            The document, or nothing.

        Raises:
            ProblemError: There is a condition, which the contract of backends does not have.
        """
        array_id = name_in(request, "array_id")
        if condition_of(request.headers) is not None:
            text = "metadata has no conditions here; use keys/zarr.json where the storage has keys"
            raise ProblemError(text, "invalid-request", 400)
        if request.method == "PUT":
            document = document_in(await body_of(request, self._limit))
            await self._threads.run(self._write_metadata, array_id, document)
            return Response(status_code=204)
        document = await self._threads.run(self._read_metadata, array_id)
        return JSONResponse(document)

    async def chunks(self, request: Request) -> Response:
        """List the chunks."""
        after = text_in(request, "after")
        index = checked_index(after, "after") if after else None
        return await self._listed(request, "chunks", index, text_of_index)

    async def keys(self, request: Request) -> Response:
        """List keys, or delete them."""
        self._need_keys()
        prefix = text_in(request, "prefix")
        if request.method == "GET":
            return await self._listed(request, "keys", text_in(request, "after") or None, str)
        if not prefix and "prefix" not in request.query_params:
            text = "say which keys to delete: ?prefix="
            raise ProblemError(text, "invalid-request", 400)
        await self._threads.run(self._delete_prefix, name_in(request, "array_id"), prefix)
        return Response(status_code=204)

    async def names(self, request: Request) -> Response:
        """List the names just below a prefix."""
        self._need_keys()
        return await self._listed(request, "names", text_in(request, "after") or None, str)

    async def chunk(self, request: Request) -> Response:
        """Answer with a chunk, or replace or delete it."""
        return await self._value(request, "chunks", index_in(request, "index"))

    async def key(self, request: Request) -> Response:
        """Answer with the value of a key, or replace or delete it."""
        self._need_keys()
        return await self._value(request, "keys", name_in(request, "key"))

    async def read(self, request: Request) -> Response:
        """Answer with several values, as many as fit into one answer."""
        array_id = name_in(request, "array_id")
        kind, names = self._wanted(document_in(await body_of(request, self._limit)))
        body = await self._threads.run(self._batch, array_id, kind, names)
        return Response(body, media_type=BATCH_TYPE)

    # --- In threads -----------------------------------------------------------------

    @contextmanager
    def _values(self, array_id: str, kind: str) -> Iterator[Values]:
        """Give the values of an array."""
        with self._storage.lease(array_id) as backend:
            yield KeyValues(backend) if kind == "keys" else ChunkValues(backend)

    def _change(self, array_id: str, kind: str, name: Any, value: Any, condition: Any) -> None:
        """Set or delete a value."""
        with self._values(array_id, kind) as values:
            change(values, name, value, condition, self._lock_of(array_id))
            _flush(values.backend)
        if kind == "keys" and name in _DOCUMENTS:
            self._storage.forget(array_id)

    def _batch(self, array_id: str, kind: str, names: Sequence[Any]) -> bytes:
        """Return the first values of a batch, at least one."""
        found: list[Any] = []
        nbytes, step = 0, 1
        with self._values(array_id, kind) as values:
            while len(found) < len(names) and nbytes < _BATCH_NBYTES:
                some = values.get_many(names[len(found) : len(found) + step])
                found.extend(some)
                nbytes += sum(memoryview(value).nbytes for value in some if value is not None)
                # As many as fit, if the rest are like those seen.
                fitting = (_BATCH_NBYTES - nbytes) * len(found) // max(nbytes, 1)
                step = max(1, min(_BATCH_STEP, fitting))
        return b"".join(packed(found))

    def _read_metadata(self, array_id: str) -> dict[str, Any]:
        """Return a metadata document."""
        with self._storage.lease(array_id) as backend:
            document: dict[str, Any] = backend.read_metadata()
        return document

    def _write_metadata(self, array_id: str, document: dict[str, Any]) -> None:
        """Replace a metadata document.

        Raises:
            MetadataError: It is none of Zarr.
        """
        zarr_format = document.get("zarr_format")
        if type(zarr_format) is not int or zarr_format not in (2, 3):
            message = f"zarr_format must be 2 or 3, not {zarr_format!r:.80}"
            raise MetadataError(message)
        with self._storage.lease(array_id) as backend, self._lock_of(array_id):
            backend.write_metadata(document, zarr_format)
            _flush(backend)
        self._storage.forget(array_id)

    def _delete_prefix(self, array_id: str, prefix: str) -> None:
        """Delete keys."""
        with self._storage.lease(array_id) as backend, self._lock_of(array_id):
            if hasattr(backend, "delete_prefix"):
                backend.delete_prefix(prefix)
            else:
                for key in list(backend.list_keys(prefix)):
                    backend.delete(key)
            _flush(backend)
        self._storage.forget(array_id)

    def _delete_array(self, array_id: str) -> None:
        """Delete everything of an array.

        Raises:
            ProblemError: The storage cannot delete metadata.
        """
        if self._storage.has_keys:
            self._delete_prefix(array_id, "")
            return
        with self._storage.lease(array_id) as backend, self._lock_of(array_id):
            indices = list(backend.list_chunks())
            if isinstance(backend, SupportsBatches):
                backend.delete_chunks(indices)
            else:
                for index in indices:
                    backend.delete_chunk(index)
            _flush(backend)
            if not backend.exists():
                return
        text = "the chunks are deleted; this storage has no way to delete metadata"
        raise ProblemError(text, "no-deletion-of-metadata", 501)

    # --- Parts of them --------------------------------------------------------------

    async def _value(self, request: Request, kind: str, name: Any) -> Response:
        """Answer a request about a value."""
        array_id = name_in(request, "array_id")
        condition = condition_of(request.headers)
        if request.method in ("GET", "HEAD"):
            lease = self._values(array_id, kind)
            return await self._reading.answer(request, lease, name, condition)
        value = await body_of(request, self._limit) if request.method == "PUT" else None
        await self._threads.run(self._change, array_id, kind, name, value, condition)
        return Response(status_code=204)

    async def _listed(self, request: Request, kind: str, after: Any, text: Any) -> Response:
        """Answer with a listing: lines where the client takes them, else a page."""
        array_id, prefix = name_in(request, "array_id"), text_in(request, "prefix")
        if LINES_TYPE in request.headers.get("accept", "") and "limit" not in request.query_params:
            stack, values = await self._threads.run(self._begin, array_id, kind, prefix)
            return await streamed(self._threads, stack, values)
        limit = number_in(request, "limit", _PAGE, MAX_PAGE)

        def page() -> Response:
            stack, values = self._begin(array_id, kind, prefix)
            with stack:
                return page_of(values, after, limit, kind, text)

        return await self._threads.run(page)

    def _begin(self, array_id: str, kind: str, prefix: str) -> tuple[ExitStack, Iterator[Any]]:
        """Return a listing, and what it holds as long as it lasts."""
        with ExitStack() as stack:
            if kind == "names":
                backend = stack.enter_context(self._storage.lease(array_id))
                return stack.pop_all(), _names(backend, prefix)
            values = stack.enter_context(self._values(array_id, kind))
            return stack.pop_all(), values.listing(prefix)
        raise AssertionError

    def _wanted(self, document: dict[str, Any]) -> tuple[str, list[Any]]:
        """Return what a batch asks for.

        Raises:
            ProblemError: It is nothing that can be asked for.
        """
        kind = "keys" if "keys" in document else "chunks"
        names = document.get(kind)
        if not isinstance(names, list) or not 0 < len(names) <= MAX_BATCH:
            text = f"keys or chunks must be a list of 1 to {MAX_BATCH}"
            raise ProblemError(text, "invalid-request", 400)
        if kind == "keys":
            self._need_keys()
        if any(map(fault_of_name if kind == "keys" else _fault_of_index, names)):
            text = "a batch asks for something that is no key or no chunk index"
            raise ProblemError(text, "invalid-request", 400)
        return kind, names if kind == "keys" else [tuple(name) for name in names]

    def _need_keys(self) -> None:
        """Refuse a request about keys where there are none.

        Raises:
            ProblemError: The storage has no keys.
        """
        if not self._storage.has_keys:
            text = "this storage knows single arrays and no keys; use chunks/ and metadata"
            raise ProblemError(text, "no-keys", 501)

    def _lock_of(self, array_id: str) -> threading.Lock:
        """Return the lock of an array."""
        return self._locks[hash(array_id) % len(self._locks)]


def _flush(backend: Any) -> None:
    """Make what was written durable, where the storage does not by itself.

    A client that is told that a value is stored never asks again.
    """
    if isinstance(backend, SupportsFlush):
        backend.flush()


def _names(backend: Any, prefix: str) -> Iterator[str]:
    """Yield the names just below a prefix."""
    if hasattr(backend, "list_dir"):
        yield from backend.list_dir(prefix)
        return
    seen = {key[len(prefix) :].partition("/")[0] for key in backend.list_keys(prefix)}
    yield from seen


def _fault_of_index(index: Any) -> bool:
    """Whether something is no chunk index."""
    return not isinstance(index, list) or any(
        type(i) is not int or not 0 <= i < 10**19 for i in index
    )
