"""The three services: what obstore is told for each, and how each deletes on a condition.

obstore has writes on a condition for all three, and no delete on a condition. A delete is
made so here by a header that the HTTP client adds to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from zarr_backends_obstore._account_signature import delete_signature
from zarr_backends_obstore._library import Library

__all__ = ["S3", "Azure", "Gcs", "Service"]

_FIRST_PAUSE = timedelta(milliseconds=50)
"""Before the first retry; each further one is twice as long."""

_IDLE = timedelta(seconds=20)
"""How long an unused connection is kept: less than servers do."""

_SIGNATURE_LASTS = timedelta(minutes=15)
"""How long an address that obstore signs is good for; it is used at once."""

Token = dict[str, str]


@dataclass(frozen=True)
class Service:
    """A bucket of one service, as obstore wants to be told about it."""

    bucket: str
    timeout_s: float
    retries: int
    config: Mapping[str, Any] = field(default_factory=dict)
    """Settings of obstore's store."""
    client: Mapping[str, Any] = field(default_factory=dict)
    """Settings of its HTTP client."""
    credentials: Any = None
    """What its ``credential_provider`` returns; None leaves it to obstore to find some."""

    store_class: ClassVar[str]
    batch: ClassVar[int]
    """Paths that one delete takes."""
    has_suffixes: ClassVar[bool] = True
    """Whether the last bytes of an object can be asked for without knowing its length."""

    def store(self, library: Library, retries: int, **more: Any) -> Any:
        """Return a store of obstore; nothing is connected.

        Args:
            library: The loaded obstore.
            retries: How often a request is sent again, at most.
            more: Headers of every request, and settings instead of ours.
        """
        headers = more.pop("headers", None)
        credentials = self.credentials
        provider = credentials if callable(credentials) else lambda: credentials
        if credentials is not None:
            more["credential_provider"] = provider
        return getattr(library.stores, self.store_class)(
            self.bucket,
            config={**self.config, **more.pop("config", {})},
            client_options=self.client_options(headers),
            retry_config=self.retry_config(retries),
            **more,
        )

    def client_options(self, headers: Token | None = None) -> dict[str, Any]:
        """Return the settings of the HTTP client, whose time-outs come after ours."""
        late = timedelta(seconds=2 * self.timeout_s + 1)
        options = {"timeout": late, "connect_timeout": late, "pool_idle_timeout": _IDLE}
        return {**options, **self.client, **({"default_headers": headers} if headers else {})}

    def retry_config(self, retries: int) -> dict[str, Any]:
        """Return how failed requests are repeated, within our time-out."""
        backoff = {"init_backoff": _FIRST_PAUSE, "max_backoff": timedelta(seconds=2), "base": 2}
        timeout = timedelta(seconds=self.timeout_s)
        return {"max_retries": retries, "retry_timeout": timeout, "backoff": backoff}

    async def delete_if(self, library: Library, path: str, token: Token) -> None:
        """Delete an object if it is a version; an error where it is not."""
        headers = {"if-match": token.get("e_tag", "*")}
        await library.functions.delete_async(self.store(library, 0, headers=headers), path)


class S3(Service):
    """Amazon S3, and whatever speaks like it."""

    store_class = "S3Store"
    batch = 1000

    async def delete_if(self, library: Library, path: str, token: Token) -> None:
        """Delete an object if it is a version, by a request for it alone."""
        headers = {"if-match": token["e_tag"]}
        config = {"disable_bulk_delete": True}
        store = self.store(library, 0, headers=headers, config=config)
        await library.functions.delete_async(store, path)


class Gcs(Service):
    """Google Cloud Storage, by its XML API."""

    store_class = "GCSStore"
    batch = 1

    async def delete_if(self, library: Library, path: str, token: Token) -> None:
        """Delete an object if it is a generation."""
        headers = {"x-goog-if-generation-match": token["version"]}
        await library.functions.delete_async(self.store(library, 0, headers=headers), path)


class Azure(Service):
    """Azure Blob Storage; its client deletes by batches only, which take no condition."""

    store_class = "AzureStore"
    batch = 256
    has_suffixes = False

    async def delete_if(self, library: Library, path: str, token: Token) -> None:
        """Delete a blob if it is a version, at an address that is signed."""
        address, name = await self._signed(library, path)
        store = library.stores.HTTPStore.from_url(
            address,
            client_options=self.client_options({"if-match": token["e_tag"]}),
            retry_config=self.retry_config(0),
        )
        await library.functions.delete_async(store, name)

    async def _signed(self, library: Library, path: str) -> tuple[str, str]:
        """Return an address with a signature, and what of the path is not in it."""
        account = self.config.get("account_name", "")
        endpoint = self.config.get("endpoint", f"https://{account}.blob.core.windows.net")
        given = self.credentials if isinstance(self.credentials, dict) else {}
        query = given.get("sas_token")
        if "access_key" in given:
            query = delete_signature(account, given["access_key"])
        if query:
            return f"{endpoint}/{self.bucket}?{query}", path
        store, lasts = self.store(library, 0), _SIGNATURE_LASTS
        return await library.functions.sign_async(store, "DELETE", path, lasts), ""
