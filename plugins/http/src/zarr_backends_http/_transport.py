"""The way from httpx to its connections: those of `_deadlines`."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator
from typing import cast

import httpcore
import httpx

from zarr_backends_http._deadlines import DeadlineBackend
from zarr_backends_http._exclusive import ExclusivePool

__all__ = ["Transport"]

_KEPT = 64
"""Idle connections that are kept."""

_KEPT_S = 30.0
"""Seconds that they are kept: less than servers do, so that none is closed in our hands."""

# It writes every header, keys included, into the log.
logging.getLogger("hpack").setLevel(logging.INFO)


class Transport(httpx.BaseTransport):
    """Pooled connections, HTTP/2 where a server offers it over TLS."""

    def __init__(self, verify: ssl.SSLContext | None) -> None:
        """Prepare; nothing is connected.

        Args:
            verify: How to check certificates; None for a server without TLS.
        """
        self._pool = ExclusivePool(
            ssl_context=verify,
            max_connections=None,
            max_keepalive_connections=_KEPT,
            keepalive_expiry=_KEPT_S,
            http2=verify is not None,
            network_backend=DeadlineBackend(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the answer, its body not read yet."""
        url = request.url
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        stream = _Body(cast("_CoreStream", answer.stream))
        return httpx.Response(
            answer.status, headers=answer.headers, stream=stream, extensions=answer.extensions
        )

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


class _CoreStream(Iterator[bytes]):
    """What httpcore returns as a body."""

    def close(self) -> None: ...


class _Body(httpx.SyncByteStream):
    """The body of an answer."""

    def __init__(self, inner: _CoreStream) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        yield from self._inner

    def close(self) -> None:
        self._inner.close()
