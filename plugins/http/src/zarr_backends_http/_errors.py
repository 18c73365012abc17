"""The one boundary between what a server or httpx says and our errors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpcore
import httpx

from zarr_backends import (
    ArrayExistsError,
    ArrayNotFoundError,
    BackendError,
    BackendTimeoutError,
    ChunkNotFoundError,
    CodecError,
    ConfigurationError,
    ConflictError,
    CorruptStorageError,
    MetadataError,
    MetadataNotFoundError,
    NetworkError,
    NotFoundError,
    PermissionDeniedError,
    StorageFullError,
    ZarrBackendsError,
)
from zarr_backends_http._protocol import PROBLEM_PREFIX

__all__ = ["BACKEND_ID", "PROBLEMS", "Problem", "error_of_answer", "translated"]

BACKEND_ID = "http"


class Problem(NamedTuple):
    """What an error is called in a problem document, and its status."""

    name: str
    status: int


PROBLEMS: Mapping[type[ZarrBackendsError], Problem] = {
    # The first class that an error is an instance of counts.
    ArrayNotFoundError: Problem("array-not-found", 404),
    ChunkNotFoundError: Problem("chunk-not-found", 404),
    MetadataNotFoundError: Problem("metadata-not-found", 404),
    NotFoundError: Problem("not-found", 404),
    ArrayExistsError: Problem("array-exists", 409),
    PermissionDeniedError: Problem("permission-denied", 403),
    BackendTimeoutError: Problem("storage-timeout", 504),
    NetworkError: Problem("storage-unreachable", 502),
    StorageFullError: Problem("storage-full", 507),
    ConflictError: Problem("conflict", 409),
    CorruptStorageError: Problem("corrupt-storage", 500),
    BackendError: Problem("storage-failed", 500),
    ConfigurationError: Problem("invalid-request", 400),
    MetadataError: Problem("invalid-metadata", 422),
    CodecError: Problem("invalid-data", 422),
}
"""What the server makes of an error, and the client of what the server says."""

_BY_NAME = {PROBLEM_PREFIX + problem.name: kind for kind, problem in PROBLEMS.items()}

_BY_STATUS: Mapping[int, type[BackendError]] = {
    401: PermissionDeniedError,
    403: PermissionDeniedError,
    408: BackendTimeoutError,
    409: ConflictError,
    412: ConflictError,
    413: StorageFullError,
    502: NetworkError,
    503: NetworkError,
    504: BackendTimeoutError,
    507: StorageFullError,
}
"""What a status stands for where nothing else is said; other ones are a `BackendError`."""

_PASSING = frozenset({408, 409, 412, 425, 429, 502, 503, 504})
"""Statuses after which a retry can help."""

_LONGEST = 500
"""Characters that are quoted of what a server says."""


@contextmanager
def translated(place: str, timeout_s: float) -> Iterator[None]:
    """Turn whatever the client library raises into an error of ours.

    Args:
        place: Where the server is, for messages.
        timeout_s: Time-out, for messages.

    Yields:
        Nothing.

    Raises:
        BackendTimeoutError: It took too long.
        NetworkError: The connection was refused or lost, or what came back is not HTTP.
        ZarrBackendsError: It is one already.
    """
    try:
        yield
    except ZarrBackendsError:  # some are a ValueError
        raise
    except (httpcore.TimeoutException, httpx.TimeoutException, TimeoutError) as error:
        message = f"{place} did not answer within {timeout_s:g} s"
        raise BackendTimeoutError(message, backend=BACKEND_ID) from error
    except (*_LOST, OSError, ValueError) as error:
        what = type(error).__name__
        message = f"the connection to {place} failed ({what}); is the server there?"
        raise NetworkError(message, backend=BACKEND_ID) from error


_LOST = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.StreamError,
)
"""What httpx and what is below it raise."""


def error_of_answer(place: str, status: int, body: bytes, key: str | None) -> ZarrBackendsError:
    """Return the error that an answer stands for.

    Args:
        place: Where the server is, for messages.
        status: Status of the answer.
        body: Its body, which may be a problem document.
        key: What was asked for.
    """
    problem = _problem_in(body)
    name = str(problem.get("type", ""))
    kind = _BY_NAME.get(name) or _BY_STATUS.get(status, BackendError)
    transient = problem.get("transient")
    if not isinstance(transient, bool):
        transient = status in _PASSING
    text = str(problem.get("detail") or problem.get("title") or "")[:_LONGEST]
    message = f"{place} answered with status {status}{': ' if text else ''}{text}"
    return kind(message, backend=BACKEND_ID, key=key, transient=transient)


def _problem_in(body: bytes) -> dict[str, Any]:
    """Return the problem document in a body, empty where there is none."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
