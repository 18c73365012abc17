"""What a request says: names in its path, numbers in its query, a range, a body."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.requests import ClientDisconnect, Request

from zarr_backends_http._protocol import fault_of_name, index_of
from zarr_backends_http.server._problems import ProblemError

__all__ = [
    "body_of",
    "checked_index",
    "document_in",
    "index_in",
    "name_in",
    "number_in",
    "range_in",
    "text_in",
]

_PATIENCE_S = 60.0
"""Seconds in which the next piece of a body has to come in."""

_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")
_NUMBER = re.compile(r"[0-9]{1,9}")


def name_in(request: Request, parameter: str) -> str:
    """Return an array id or key in the path of a request.

    Raises:
        ProblemError: It is none: an empty, '.' or '..' segment in it might lead elsewhere.
    """
    text = _decoded(request.path_params[parameter], parameter)
    fault = fault_of_name(text)
    if fault:
        message = f"the {parameter} in the path {fault}"
        raise ProblemError(message, "invalid-request", 400)
    return text


def index_in(request: Request, parameter: str) -> tuple[int, ...]:
    """Return the chunk index in the path of a request.

    Raises:
        ProblemError: It is none.
    """
    text = _decoded(request.path_params[parameter], parameter)
    return checked_index(text, "the chunk index in the path")


def checked_index(text: str, what: str) -> tuple[int, ...]:
    """Return the chunk index that a text stands for.

    Raises:
        ProblemError: It is none.
    """
    index = index_of(text)
    if index is None:
        message = f"{what} must be numbers with commas between, or (); not {text!r:.80}"
        raise ProblemError(message, "invalid-request", 400)
    return index


def text_in(request: Request, parameter: str) -> str:
    """Return a text in the query of a request, "" where there is none.

    Raises:
        ProblemError: It cannot be part of a key.
    """
    text = request.query_params.get(parameter, "")
    if "\0" in text or "\ufffd" in text:
        message = f"{parameter} in the query is no text in UTF-8"
        raise ProblemError(message, "invalid-request", 400)
    if any(segment in (".", "..") for segment in text.split("/")[:-1]):
        message = f"{parameter} in the query has a '.' or '..' segment, as no key has"
        raise ProblemError(message, "invalid-request", 400)
    return text


def number_in(request: Request, parameter: str, default: int, highest: int) -> int:
    """Return a positive number in the query of a request.

    Raises:
        ProblemError: It is none, or too high.
    """
    text = request.query_params.get(parameter, str(default))
    if not _NUMBER.fullmatch(text) or not 0 < int(text) <= highest:
        message = f"{parameter} must be a number from 1 to {highest}, not {text!r:.80}"
        raise ProblemError(message, "invalid-request", 400)
    return int(text)


def range_in(request: Request) -> tuple[int, int | None] | None:
    """Return start and stop of the range that is asked for, None for the whole.

    What is no single range of bytes is passed over, and so is any range beside an
    ``If-Range``, as this server has no versions. Source: RFC 9110, sections 13.1.5 and 14.2.
    """
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if match is None or "if-range" in request.headers:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        return (-int(suffix), None) if int(suffix) else (0, 0)
    if last and int(last) < int(first):
        return None
    return int(first), int(last) + 1 if last else None


async def body_of(request: Request, limit: int) -> bytes:
    """Return the body of a request, whole.

    Args:
        request: The request.
        limit: Bytes that it may have.

    Raises:
        ProblemError: It is longer, ends early, or stops coming in.
    """
    announced = request.headers.get("content-length", "0")
    nbytes, pieces = 0, list[bytes]()
    too_long = ProblemError(
        f"a body may have up to {limit} bytes", "too-large", 413, {"Connection": "close"}
    )
    if announced.isdecimal() and int(announced) > limit:
        raise too_long
    stream = request.stream()
    while (piece := await _next_piece(stream)) is not None:
        nbytes += len(piece)
        if nbytes > limit:
            raise too_long
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _next_piece(stream: AsyncIterator[bytes]) -> bytes | None:
    """Return the next piece of a body, None at its end.

    Raises:
        ProblemError: It does not come, or not in time.
    """
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await anext(stream, None)
    except ClientDisconnect as error:
        message = "the body ends early"
        raise ProblemError(message, "invalid-request", 400) from error
    except TimeoutError as error:
        message = f"nothing more of the body came within {_PATIENCE_S:g} s"
        headers = {"Connection": "close"}
        raise ProblemError(message, "body-timeout", 408, headers) from error


def document_in(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is.

    Raises:
        ProblemError: It is none.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        message = "the body is no JSON"
        raise ProblemError(message, "invalid-metadata", 422) from error
    if not isinstance(document, dict):
        message = "the body is no JSON object"
        raise ProblemError(message, "invalid-metadata", 422)
    return document


def _decoded(text: str, parameter: str) -> str:
    """Return what is behind the % signs of a part of a path.

    Raises:
        ProblemError: It is no text.
    """
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError as error:
        message = f"the {parameter} in the path is not UTF-8 behind its % signs"
        raise ProblemError(message, "invalid-request", 400) from error
