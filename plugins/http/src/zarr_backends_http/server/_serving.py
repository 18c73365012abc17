"""The application in uvicorn, on a socket of its own."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from zarr_backends import ConfigurationError

__all__ = ["check_exposure", "serve"]

_KEEP_ALIVE_S = 75
"""Seconds that an idle connection stays open: longer than clients keep theirs."""

_GRACE_S = 30
"""Seconds that requests have to end when the server stops."""

_BACKLOG = 1024

_REQUESTS = 1000
"""Connections and requests at a time; beyond, the answer is 503. It bounds what clients that
go away without waiting leave behind."""


def check_exposure(host: str, *, api_key: str | None, read_only: bool) -> None:
    """Refuse to let everybody write.

    Raises:
        ConfigurationError: The server would take writes from other machines without a key.
    """
    if api_key is None and not read_only and not _is_loopback(host):
        message = (
            f"host {host!r:.80} can be reached from other machines: give an api key "
            "(--api-key env:NAME), or serve with --read-only"
        )
        raise ConfigurationError(message, option="host")


def serve(
    app: ASGIApp,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    certificate: tuple[str, str] | None = None,
    on_start: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; requests that are under way are ended first.

    Args:
        app: What `create_app` returns.
        host: Address to listen on.
        port: Port; 0 takes a free one.
        certificate: Files of a certificate and its key, for TLS.
        on_start: Called with the url as soon as connections are taken.

    Raises:
        ConfigurationError: The address cannot be listened on, or other machines could write
            without a key.
    """
    if getattr(getattr(app, "state", None), "is_open_to_writes", False):
        check_exposure(host, api_key=None, read_only=False)
    listener = _listener(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_REQUESTS,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
        ssl_certfile=certificate[0] if certificate else None,
        ssl_keyfile=certificate[1] if certificate else None,
    )
    name = f"[{host}]" if ":" in host else host
    url = f"{'https' if certificate else 'http'}://{name}:{listener.getsockname()[1]}"
    with listener:
        if on_start is not None:
            on_start(url)
        uvicorn.Server(config).run(sockets=[listener])


def _listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ConfigurationError: The address is taken, or none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        message = f"cannot listen on {host!r:.80}, port {port}: {error}"
        raise ConfigurationError(message, option="host") from error


def _is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
