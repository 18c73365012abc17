"""Listings: streamed as lines however long they are, or a sorted page at a time."""

from __future__ import annotations

import heapq
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from typing import Any

from starlette.responses import JSONResponse, Response, StreamingResponse

from zarr_backends_http._protocol import LINES_TYPE
from zarr_backends_http.server._problems import document_of
from zarr_backends_http.server._threads import Threads

__all__ = ["MAX_PAGE", "page_of", "streamed"]

MAX_PAGE = 10_000
"""Names of the longest page."""

_LINES = 1000
"""Lines that are sent at a time."""


async def streamed(threads: Threads, stack: ExitStack, values: Iterator[Any]) -> Response:
    """Return a listing as lines; the first ones are there, so that an early error is one.

    Args:
        threads: Where the storage is asked.
        stack: What the listing holds; closed at its end.
        values: What is listed.

    Raises:
        Exception: What the storage raises before its first value.
    """
    try:
        first = await threads.run(_block, values)
    except BaseException:
        await threads.run(stack.close)
        raise
    return StreamingResponse(_blocks(threads, stack, values, first), media_type=LINES_TYPE)


def page_of(
    values: Iterator[Any], after: Any, limit: int, member: str, text: Callable[[Any], str]
) -> Response:
    """Return the next few values of a listing in order.

    Args:
        values: What is listed, all of it.
        after: Value that the page follows, None for the first page.
        limit: Values of the page.
        member: Name of the list in the answer.
        text: What makes a value the text that asks for the page after it.
    """
    rest = values if after is None else (value for value in values if value > after)
    found = heapq.nsmallest(limit + 1, rest)
    page = found[:limit]
    following = text(page[-1]) if len(found) > limit else None
    return JSONResponse({member: page, "next": following})


async def _blocks(
    threads: Threads, stack: ExitStack, values: Iterator[Any], block: tuple[bytes, bool]
) -> AsyncIterator[bytes]:
    """Yield lines, and a last one that says how the listing ended."""
    try:
        lines, more = block
        while more:
            yield lines
            lines, more = await threads.run(_block, values)
        yield lines + b'{"end": true}\n'
    except Exception as error:  # noqa: BLE001  # the status has been sent: the last line says it
        yield json.dumps({"error": document_of(error)}).encode() + b"\n"
    finally:
        await threads.run(stack.close)


def _block(values: Iterator[Any]) -> tuple[bytes, bool]:
    """Return some lines, and whether there are more."""
    found = list(islice(values, _LINES))
    lines = "".join([json.dumps(value) + "\n" for value in found])
    return lines.encode(), len(found) == _LINES
