"""Whether the server and its storage work."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from zarr_backends_http.server._problems import ProblemError
from zarr_backends_http.server._storage import Storage

__all__ = ["Health"]

_PATIENCE_S = 5.0
"""Seconds in which the storage has to answer."""

_PROBE = "zarr-backends-health"
"""Id of an array that is asked for and need not exist."""


class Health:
    """Asks the storage; one question at a time, so that a hanging one is asked no more."""

    def __init__(self, storage: Storage) -> None:
        """Prepare; nothing is asked yet."""
        self._storage = storage
        self._executor = ThreadPoolExecutor(1, "zarr-backends-http-health")
        self._question: Future[None] | None = None

    async def show(self, _: Request) -> Response:
        """Ask the storage.

        Returns:
            That it works.

        Raises:
            ProblemError: It does not, or not in time.
        """
        if self._question is None or self._question.done():
            self._question = self._executor.submit(self._ask)
        waiting = asyncio.shield(asyncio.wrap_future(self._question))
        try:
            await asyncio.wait_for(waiting, _PATIENCE_S)
        except Exception as error:
            text = f"the storage does not work ({type(error).__name__})"
            raise ProblemError(text, "unhealthy", 503) from error
        return JSONResponse({"status": "ok", "storage": self._storage.backend.backend_id})

    def close(self) -> None:
        """Ask no more."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _ask(self) -> None:
        """Ask the storage for something small."""
        with self._storage.lease(_PROBE) as backend:
            backend.exists()
