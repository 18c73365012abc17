"""One HTTP request, to look whether a server is ready and to prepare it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException

from zarr_backends_compliance.services._errors import ServiceStartError
from zarr_backends_compliance.services._ports import HOST

__all__ = ["ask", "demand"]

_TIMEOUT_S = 5.0
"""Seconds that an answer may take."""

_REFUSAL = 300
"""From this status on a server has not done what it was told."""


def ask(
    port: int,
    target: str,
    method: str = "GET",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> int:
    """Return the status that a request gets from a server on the loopback.

    Args:
        port: Of the server.
        target: Path with its query.
        method: Such as ``PUT``.
        body: Of the request.
        headers: Of the request.

    Raises:
        OSError: It does not answer, or not in HTTP.
    """
    with closing(HTTPConnection(HOST, port, timeout=_TIMEOUT_S)) as connection:
        try:
            connection.request(method, target, body, dict(headers or {}))
            return connection.getresponse().status
        except HTTPException as error:
            message = f"{HOST}:{port} does not answer in HTTP"
            raise OSError(message) from error


def demand(
    port: int, target: str, method: str, body: bytes, headers: Mapping[str, str] | None = None
) -> None:
    """Ask a server to do something that prepares it.

    Args:
        port: As for `ask`.
        target: As for `ask`.
        method: As for `ask`.
        body: As for `ask`.
        headers: As for `ask`.

    Raises:
        ServiceStartError: It does not.
    """
    try:
        status = ask(port, target, method, body, headers)
    except OSError as error:
        message = f"{method} {target} on port {port} failed: {error}"
        raise ServiceStartError(message) from error
    if status >= _REFUSAL:
        message = f"{method} {target} on port {port} was answered with {status}"
        raise ServiceStartError(message)
