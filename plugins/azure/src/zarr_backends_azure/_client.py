"""The client that an adlfs file system holds, set up for our requests."""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple
from urllib.request import getproxies

__all__ = ["Client", "opened_client", "plain_boundary"]

_CONNECT_S = 5.0
"""Seconds for one attempt to connect, so that several fit into the time-out."""

_ONE_PUT_NBYTES = 5000 * 2**20
"""Size up to which a value is written by one request: as much as the service takes. Above it
the client sends blocks, which it names alike in each upload, so that two would mix."""

_ONE_GET_NBYTES = 2**40
"""Size up to which a value is read by one request, so that it is of one version."""

_BLOCK_NBYTES = 2**18
"""Bytes that are taken from the line at a time."""


class Client(NamedTuple):
    """A file system of adlfs, and a container of its account."""

    fs: Any
    service: Any
    container: Any
    write_options: dict[str, Any]

    async def close(self, *, with_credential: bool) -> None:
        """Close the connections."""
        await self.service.close()
        if with_credential and hasattr(self.fs.credential, "close"):
            await self.fs.credential.close()


def opened_client(
    fs: Any, container: str, *, max_concurrency: int, timeout_s: float, access_tier: str = ""
) -> Client:
    """Give a file system a client without retries, in place of the one that it has.

    Args:
        fs: The adlfs file system.
        container: Name of the container.
        max_concurrency: Connections at a time.
        timeout_s: Seconds to wait for an answer.
        access_tier: Of new blobs.

    Returns:
        It, and what our requests are made on.
    """
    # Imported here, in the loop, which a session of aiohttp belongs to.
    from aiohttp import ClientSession, DummyCookieJar, TCPConnector  # noqa: PLC0415
    from azure.core.pipeline.transport import AioHttpTransport  # noqa: PLC0415
    from azure.storage.blob import StandardBlobTier  # noqa: PLC0415
    from azure.storage.blob.aio import BlobServiceClient  # noqa: PLC0415

    session = ClientSession(
        connector=TCPConnector(limit=max_concurrency),
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        # Where it is asked for proxies, it looks for them in threads, before each request.
        trust_env=bool(getproxies()),
    )
    timeouts = {
        "connection_timeout": min(_CONNECT_S, timeout_s),
        "read_timeout": timeout_s,
        "connection_data_block_size": _BLOCK_NBYTES,
    }
    given = fs.service_client
    service = BlobServiceClient(
        given.url,
        credential=given.credential,
        transport=AioHttpTransport(session=session, **timeouts),
        retry_total=0,
        max_single_put_size=_ONE_PUT_NBYTES,
        max_single_get_size=_ONE_GET_NBYTES,
    )
    fs.service_client = service
    tier = {"standard_blob_tier": StandardBlobTier(access_tier)} if access_tier else {}
    return Client(fs, service, service.get_container_client(container), tier)


def plain_boundary(request: Any) -> None:
    """Take a boundary between the parts of a batch that has no "=" in it.

    Azurite cuts the header at each of them.
    """
    inner = request.http_request
    content_type = inner.headers.get("Content-Type", "")
    old = content_type.partition("boundary=")[2].strip('"')
    if old and isinstance(inner.data, bytes):
        new = f"batch_{secrets.token_hex(16)}"
        inner.headers["Content-Type"] = f"multipart/mixed; boundary={new}"
        inner.data = inner.data.replace(old.encode(), new.encode())
        inner.headers["Content-Length"] = str(len(inner.data))
