"""The application: routes, and what they need."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from zarr_backends import Backend, ConfigurationError, ZarrBackendsError
from zarr_backends_http.server._arrays import Arrays
from zarr_backends_http.server._gate import Gate
from zarr_backends_http.server._health import Health
from zarr_backends_http.server._metrics import Metrics
from zarr_backends_http.server._openapi import openapi_document
from zarr_backends_http.server._problems import ProblemError, response_of
from zarr_backends_http.server._storage import Storage
from zarr_backends_http.server._threads import Threads

__all__ = ["MAX_BODY_NBYTES", "create_app"]

MAX_BODY_NBYTES = 2**30
"""Bytes of the longest body that is taken, unless told otherwise."""

_THREADS = 32
"""Calls of the storage at a time, unless told otherwise."""

_KEY = re.compile(r"[\x21-\x7e]+")

_NAMES: Mapping[int, str] = {404: "no-such-resource", 405: "method-not-allowed"}


def create_app(  # noqa: PLR0913  # by name
    storage: str | type[Backend],
    options: Mapping[str, Any] | None = None,
    *,
    api_key: str | None = None,
    read_only: bool = False,
    max_body_nbytes: int = MAX_BODY_NBYTES,
    threads: int = _THREADS,
) -> Starlette:
    """Return an ASGI application that serves a backend.

    Args:
        storage: A backend id, a url, a path or a backend class.
        options: Options of the backend. Where one holds ``{array_id}``, the id of the array
            goes there; otherwise it goes behind the one that names the place of an array.
        api_key: Key that requests must have as a bearer token; None asks for none.
        read_only: Refuse everything that changes something.
        max_body_nbytes: Bytes of the longest body that is taken.
        threads: Calls of the storage at a time.

    Raises:
        ConfigurationError: An option is unknown, missing or impossible.
    """
    if api_key is not None and not (isinstance(api_key, str) and _KEY.fullmatch(api_key)):
        message = "api_key must be printable ASCII text without spaces, or None"
        raise ConfigurationError(message, option="api_key")
    place, workers, metrics = Storage(storage, options or {}), Threads(threads), Metrics()
    arrays = Arrays(place, workers, max_body_nbytes)
    health = Health(place)

    async def show_metrics(_: Request) -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    async def show_document(_: Request) -> Response:
        return Response(openapi_document(), media_type="application/json")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        workers.close()
        health.close()
        place.close()

    app = Starlette(
        routes=[
            Route("/health", health.show),
            Route("/metrics", show_metrics),
            Route("/openapi.json", show_document),
            *arrays.routes(),
        ],
        exception_handlers={
            HTTPException: _on_http_error,
            ProblemError: _on_error,
            ZarrBackendsError: _on_error,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.is_open_to_writes = api_key is None and not read_only
    app.add_middleware(Gate, api_key=api_key, read_only=read_only, metrics=metrics)
    return app


async def _on_error(_: Request, error: Exception) -> Response:
    """Answer with the problem document of an error."""
    return response_of(error)


async def _on_http_error(_: Request, error: Exception) -> Response:
    """Answer with a problem document where no route fits."""
    status = getattr(error, "status_code", 500)
    name = _NAMES.get(status, "invalid-request")
    detail = str(getattr(error, "detail", ""))
    return response_of(ProblemError(detail, name, status, getattr(error, "headers", None) or {}))
