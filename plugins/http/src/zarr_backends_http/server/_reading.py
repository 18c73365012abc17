"""Answers with a value: whole, a range of it, or nothing new; large ones in pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from zarr_backends import Snapshot
from zarr_backends_http._protocol import etag_of
from zarr_backends_http.server._conditions import Condition
from zarr_backends_http.server._problems import ProblemError
from zarr_backends_http.server._requests import range_in
from zarr_backends_http.server._threads import Threads
from zarr_backends_http.server._values import Values

__all__ = ["Reading"]

_PIECE = 2**20
"""Bytes that are read and sent at a time; what has no more is read whole."""

_TAGGED = 2**16
"""Bytes up to which every value is answered with its tag; longer ones take too long to hash."""

_TYPE = "application/octet-stream"

_Range = tuple[int, int | None]


class _Part(NamedTuple):
    """A value, or a part of it."""

    first: int
    stop: int
    total: int | None
    """Bytes of the whole value; None where only its parts have been asked for."""
    data: Any
    """The bytes; None where they are to be read from `snapshot`."""
    snapshot: Snapshot | None = None


class Reading:
    """Answers requests for values."""

    def __init__(self, threads: Threads) -> None:
        """Take the threads in which the storage is asked."""
        self._threads = threads

    async def answer(
        self,
        request: Request,
        lease: AbstractContextManager[Values],
        name: Any,
        condition: Condition | None,
    ) -> Response:
        """Answer a request.

        Returns:
            The value, a part of it, or that it is still the same.

        Args:
            request: GET or HEAD.
            lease: The values of the array, not entered yet.
            name: Name of the value.
            condition: What has to hold.

        Raises:
            ProblemError: There is no such value, or the condition or range does not fit.
        """
        if condition is not None:
            return await self._threads.run(_conditional, lease, name, condition, request.method)
        if request.method == "HEAD":
            return await self._threads.run(_head, lease, name)
        stack, part = await self._threads.run(_opened, lease, name, range_in(request))
        status, headers = 200, _headers(part)
        if "content-range" in headers:
            status = 206
        if part.snapshot is None:
            return Response(part.data, status, headers, _TYPE)
        pieces = self._pieces(stack, part)
        return StreamingResponse(pieces, status, headers, _TYPE)

    async def _pieces(self, stack: ExitStack, part: _Part) -> AsyncIterator[Any]:
        """Yield a long value."""
        assert part.snapshot is not None  # noqa: S101  # for the type checker
        try:
            for start in range(part.first, part.stop, _PIECE):
                stop = min(start + _PIECE, part.stop)
                yield await self._threads.run(part.snapshot.read, start, stop)
        finally:
            await self._threads.run(stack.close)


def _headers(part: _Part) -> dict[str, str]:
    """Return the headers of an answer."""
    nbytes = part.stop - part.first
    headers = {"content-length": str(nbytes), "accept-ranges": "bytes"}
    if part.total != nbytes or part.first:
        total = "*" if part.total is None else part.total
        headers["content-range"] = f"bytes {part.first}-{part.stop - 1}/{total}"
    elif part.data is not None and nbytes <= _TAGGED:
        headers["etag"] = etag_of(part.data)
    return headers


def _opened(
    lease: AbstractContextManager[Values], name: Any, wanted: _Range | None
) -> tuple[ExitStack, _Part]:
    """Return a value or the part of it that is wanted, and what it holds while it is sent."""
    with ExitStack() as stack:
        values = stack.enter_context(lease)
        if wanted is not None and values.can_range and not values.can_open:
            return ExitStack(), _ranged(values, name, wanted)
        opened = values.open(name)
        if opened is None:
            failure = _missing()
            raise failure
        snapshot = stack.enter_context(opened)
        first, stop = _bounds(snapshot.nbytes, wanted)
        if stop - first <= _PIECE:
            data = snapshot.read(first, stop)
            return ExitStack(), _Part(first, stop, snapshot.nbytes, data)
        return stack.pop_all(), _Part(first, stop, snapshot.nbytes, None, snapshot)
    raise AssertionError


def _ranged(values: Values, name: Any, wanted: _Range) -> _Part:
    """Return a part of a value that the storage cuts."""
    start, stop = wanted
    data = values.get_range(name, start, stop)
    if data is None:
        failure = _missing()
        raise failure
    nbytes = memoryview(data).nbytes
    if not nbytes:
        failure = _unsatisfiable(values.size(name))
        raise failure
    first = start if start >= 0 else max(0, (values.size(name) or nbytes) - nbytes)
    return _Part(first, first + nbytes, None, data)


def _conditional(
    lease: AbstractContextManager[Values], name: Any, condition: Condition, method: str
) -> Response:
    """Answer a conditional request for a value, which is read whole.

    Returns:
        The value, or that it is still the same.

    Raises:
        ProblemError: ``If-Match`` does not hold.
    """
    with lease as values:
        value = values.get(name)
    if value is None:
        failure = _missing()
        raise failure
    if not condition._replace(none_match=None).fits(value):
        text = "the value is not what If-Match says"
        raise ProblemError(text, "precondition-failed", 412)
    headers = {"etag": etag_of(value), "accept-ranges": "bytes"}
    if not condition.fits(value):
        return Response(status_code=304, headers=headers)
    headers["content-length"] = str(memoryview(value).nbytes)
    return Response(b"" if method == "HEAD" else value, 200, headers, _TYPE)


def _head(lease: AbstractContextManager[Values], name: Any) -> Response:
    """Answer with the length of a value."""
    with lease as values:
        nbytes = values.size(name)
    if nbytes is None:
        failure = _missing()
        raise failure
    headers = {"content-length": str(nbytes), "accept-ranges": "bytes"}
    return Response(headers=headers, media_type=_TYPE)


def _bounds(nbytes: int, wanted: _Range | None) -> tuple[int, int]:
    """Return where the wanted part of a value begins and ends.

    Raises:
        ProblemError: There is no such part.
    """
    if wanted is None:
        return 0, nbytes
    first, stop, _ = slice(*wanted).indices(nbytes)
    if stop <= first:
        failure = _unsatisfiable(nbytes)
        raise failure
    return first, stop


def _missing() -> ProblemError:
    """Return the problem that there is no such value."""
    return ProblemError("nothing is stored under this name", "not-found", 404)


def _unsatisfiable(nbytes: int | None) -> ProblemError:
    """Return the problem that a range is outside of a value."""
    headers = {} if nbytes is None else {"Content-Range": f"bytes */{nbytes}"}
    return ProblemError("the range is outside of the value", "range-not-satisfiable", 416, headers)
