"""Errors as problem documents. Source: RFC 9457."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from zarr_backends import ZarrBackendsError
from zarr_backends_http._errors import PROBLEMS, Problem
from zarr_backends_http._protocol import PROBLEM_PREFIX, PROBLEM_TYPE

__all__ = ["ProblemError", "document_of", "response_of"]

_LOG = logging.getLogger("zarr_backends_http.server")

_NO_HEADERS: Mapping[str, str] = {}


class ProblemError(Exception):
    """A request cannot be answered as the client would like it."""

    def __init__(
        self, detail: str, name: str, status: int, headers: Mapping[str, str] = _NO_HEADERS
    ) -> None:
        """Keep what is said about it."""
        super().__init__(detail)
        self.name = name
        self.status = status
        self.detail = detail
        self.headers = headers


def document_of(error: Exception) -> dict[str, Any]:
    """Return the problem document of an error.

    What the storage says about its own failures goes to the log and not to clients: it may
    name paths and hosts that are not theirs to know.
    """
    if isinstance(error, ProblemError):
        return _document(error.name, error.status, error.detail)
    if not isinstance(error, ZarrBackendsError):
        _LOG.error("an error that nobody expected", exc_info=error)
        text = "the server failed; its log says why"
        return _document("internal-error", HTTPStatus.INTERNAL_SERVER_ERROR, text)
    problem = _problem_of(error)
    detail = str(error)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR or problem.name == "permission-denied":
        _LOG.warning("the storage failed: %s: %s", type(error).__name__, error)
        detail = f"the storage behind the server failed ({type(error).__name__})"
    return _document(problem.name, problem.status, detail) | {"transient": error.transient}


def response_of(error: Exception) -> Response:
    """Return the answer that an error is."""
    document = document_of(error)
    headers = error.headers if isinstance(error, ProblemError) else _NO_HEADERS
    body = json.dumps(document).encode()
    return Response(body, document["status"], dict(headers), PROBLEM_TYPE)


def _document(name: str, status: int, detail: str) -> dict[str, Any]:
    """Return a problem document."""
    return {
        "type": PROBLEM_PREFIX + name,
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
    }


def _problem_of(error: ZarrBackendsError) -> Problem:
    """Return what an error of ours is called."""
    found = (problem for kind, problem in PROBLEMS.items() if isinstance(error, kind))
    return next(found, Problem("internal-error", HTTPStatus.INTERNAL_SERVER_ERROR))
