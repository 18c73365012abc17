"""Requests to the service, on the session and with the credentials that gcsfs has."""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from zarr_backends_fsspec import in_new_thread
from zarr_backends_gcs._credentials import refreshed
from zarr_backends_gcs._errors import RefusedError

__all__ = ["LOST", "Answer", "Requests", "quoted"]

T = TypeVar("T")

LOST = (aiohttp.ClientError, ConnectionError)
"""What is raised where a connection is lost."""

_CONNECT_S = 5.0
"""Seconds for one attempt to connect, so that several fit into the time-out."""

_FIRST_PAUSE_S = 0.1
"""Seconds before the second attempt, doubled before each further one."""

_LARGE_NBYTES = 2**20
"""Size from which aiohttp wants a body as a file, to write it piece by piece."""

_LIMIT = 100
"""Connections that a session has by itself."""

_SUCCESSES = (HTTPStatus.OK, HTTPStatus.NO_CONTENT, HTTPStatus.PARTIAL_CONTENT)


class Answer(NamedTuple):
    """An answer that is a success."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Requests:
    """Makes requests for a `GcsFiles`.

    Args:
        fs: Gives the gcsfs file system.
        parameters: Parameters of every request, such as ``userProject``.
        timeout_s: Seconds that a request may take.
        max_attempts: How often a request is made at most that fails for a passing reason.
    """

    def __init__(
        self,
        fs: Callable[[], Awaitable[Any]],
        *,
        parameters: Mapping[str, str],
        timeout_s: float,
        max_attempts: int,
    ) -> None:
        """Prepare; nothing is connected."""
        self._fs = fs
        self._parameters = dict(parameters)
        self._timeout = aiohttp.ClientTimeout(
            total=timeout_s, sock_connect=min(_CONNECT_S, timeout_s)
        )
        self._max_attempts = max_attempts
        self._refreshing = asyncio.Lock()

    async def ask(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> Answer:
        """Make one request, once.

        Args:
            method: Of HTTP.
            path: Below the service's address, quoted.
            parameters: Of the query.
            headers: Beside those of the credentials.
            data: Body.

        Returns:
            A success.

        Raises:
            RefusedError: Every other answer.
        """
        fs = await self._fs()
        sent = await self._authorized(fs, headers or {})
        session = await fs._set_session()  # noqa: SLF001  # made at the first call
        query = self.query(parameters or {})
        url = URL(f"{fs._location}/{path}{query}", encoded=True)  # noqa: SLF001  # no public name
        body = io.BytesIO(data) if data is not None and len(data) >= _LARGE_NBYTES else data
        async with session.request(
            method, url, headers=sent, data=body, timeout=self._timeout, allow_redirects=False
        ) as answer:
            content = await answer.read()
        if answer.status not in _SUCCESSES:
            raise RefusedError(answer.status, content)
        return Answer(answer.status, answer.headers, content)

    async def attempted(self, request: Callable[..., Awaitable[T]], *args: Any, **more: Any) -> T:
        """Make a request that may be made twice, again after passing failures.

        Returns:
            What the request returns.

        Raises:
            RefusedError: The service refuses, or does not recover.
            ClientSSLError: It cannot show that it is the service.
        """
        for pause in range(self._max_attempts - 1):
            try:
                return await request(*args, **more)
            except RefusedError as error:
                if not error.is_passing:
                    raise
            except aiohttp.ClientSSLError:
                raise
            except LOST:
                pass
            await self.pause(pause)
        return await request(*args, **more)

    async def pause(self, n: int) -> None:
        """Wait before another attempt, after `n` pauses."""
        await asyncio.sleep(_FIRST_PAUSE_S * 2**n * random.uniform(0.5, 1.0))  # noqa: S311  # no secret

    @property
    def max_attempts(self) -> int:
        """How often a request is made at most."""
        return self._max_attempts

    def query(self, parameters: Mapping[str, str]) -> str:
        """Return parameters, and those of every request, as the end of a url."""
        every = {**parameters, **self._parameters}
        return f"?{urlencode(every, quote_via=quote, safe='')}" if every else ""

    async def _authorized(self, fs: Any, headers: Mapping[str, str]) -> dict[str, str]:
        """Return headers with the credentials, which are renewed in a thread: that blocks."""
        sent = dict(headers)
        credentials = fs.credentials.credentials
        if credentials is not None:
            if not credentials.valid:
                async with self._refreshing:
                    if not credentials.valid:
                        await in_new_thread(partial(refreshed, credentials))
            credentials.apply(sent)
        return sent


def quoted(name: str) -> str:
    """Return a name as a part of a path, with every slash and sign escaped."""
    return quote(name, safe="")


def widened(fs: Any, max_concurrency: int) -> Any:
    """Let a file system have enough connections; to be called in the loop that it runs in.

    Returns:
        The file system.
    """
    uses_certificate = getattr(fs, "_use_client_cert", False)
    if max_concurrency > _LIMIT and not uses_certificate and "connector" not in fs.session_kwargs:
        connector = aiohttp.TCPConnector(limit=max_concurrency)
        fs.session_kwargs = {**fs.session_kwargs, "connector": connector}
    return fs
