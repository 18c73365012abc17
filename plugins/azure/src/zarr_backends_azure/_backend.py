"""The backend ``azure_blob``: an array, or a whole hierarchy, as blobs of a container."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal
from urllib.parse import unquote

from zarr_backends import ConfigurationError
from zarr_backends_azure._account import Account, account_of
from zarr_backends_azure._errors import AZURE_ERRORS
from zarr_backends_azure._files import AzureFiles
from zarr_backends_fsspec import (
    ErrorTable,
    ObjectBackend,
    checked_bool,
    checked_count,
    checked_mapping,
    checked_prefix,
    checked_seconds,
    checked_text,
    frozen,
)

__all__ = ["AzureBlobBackend"]

_TIERS = ("Hot", "Cool", "Cold")

_CONTAINER = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*|\$web")

_SEPARATOR = "\\"
"""What the service takes for a slash: two names would be one, and ``..\\x`` in another place."""

_HOST = re.compile(r"([a-z0-9]+)\.(?:blob|dfs)\.(.+)", re.IGNORECASE)


class AzureBlobBackend(ObjectBackend):
    """Keeps values as blobs below a prefix of a container."""

    backend_id: ClassVar[str] = "azure_blob"
    errors: ClassVar[ErrorTable] = AZURE_ERRORS

    def connect(  # type: ignore[override]  # noqa: PLR0913  # options of its own
        self,
        *,
        container: str,
        prefix: str = "",
        account_name: str | None = None,
        account_key: str | None = None,
        sas_token: str | None = None,
        connection_string: str | None = None,
        use_managed_identity: bool = False,
        anon: bool = False,
        endpoint_url: str | None = None,
        access_tier: Literal["Hot", "Cool", "Cold"] | None = None,
        storage_options: Mapping[str, Any] | None = None,
        max_attempts: int = 5,
        timeout_s: float = 30.0,
        max_concurrency: int = 64,
    ) -> None:
        """Take the place; nothing is connected before the first request.

        Args:
            container: Name of the container.
            prefix: Place of the array in it, with or without slashes at the ends.
            account_name: Name of the storage account; ``AZURE_STORAGE_ACCOUNT_NAME`` by default.
            account_key: Key of the account.
            sas_token: Shared access signature: the query, with or without its question mark.
            connection_string: Account and credentials in one, as the portal shows it.
            use_managed_identity: Get tokens by Azure's own search for an identity: environment,
                workload, managed identity, ``az login``. So it is done too where neither the
                options nor the environment have credentials.
            anon: Send no credentials, for public containers.
            endpoint_url: Of an emulator, another cloud or a domain of one's own.
            access_tier: Of new blobs; the account's by default.
            storage_options: Further arguments of ``adlfs.AzureBlobFileSystem``, such as a
                ``credential`` of azure-identity.
            max_attempts: How often a request is made at most that fails for a passing reason.
            timeout_s: Seconds that one request may take, attempts and pauses included.
            max_concurrency: Requests, and connections, at a time.

        Raises:
            ConfigurationError: An option is wrong, or two contradict each other.
        """
        me = self.backend_id
        texts = {"account_name": account_name, "account_key": account_key, "sas_token": sas_token}
        texts |= {"connection_string": connection_string, "endpoint_url": endpoint_url}
        given = {
            name: checked_text(name, text, backend=me, needed=text is not None)
            for name, text in texts.items()
        }
        place = _checked_container(checked_text("container", container, backend=me))
        prefix = _checked_place(checked_prefix("prefix", prefix, backend=me))
        timeout_s = checked_seconds("timeout_s", timeout_s, backend=me)
        max_concurrency = checked_count("max_concurrency", max_concurrency, backend=me)
        more = checked_mapping("storage_options", storage_options, backend=me)
        account = account_of(
            given,
            anon=checked_bool("anon", anon, backend=me),
            use_managed_identity=checked_bool(
                "use_managed_identity", use_managed_identity or "credential" in more, backend=me
            ),
        )
        if access_tier is not None and access_tier not in _TIERS:
            message = f"option access_tier: must be one of {_TIERS}, not {access_tier!r:.80}"
            raise ConfigurationError(message, backend=me, option="access_tier")
        settings: dict[str, Any] = {
            "container": place,
            "owns_credential": "credential" not in more,
            "max_attempts": checked_count("max_attempts", max_attempts, backend=me),
            "max_concurrency": max_concurrency,
            "timeout_s": timeout_s,
            "access_tier": access_tier or "",
        }
        self.attach(
            lambda: AzureFiles(_maker(account, more), **settings),
            root=f"{place}/{prefix}" if prefix else place,
            shown=f"az://{place}@{account.name}/{prefix}",
            share=(_identity(account), frozen(more), frozen(settings)),
            timeout_s=timeout_s,
            max_concurrency=max_concurrency,
            forbidden=_SEPARATOR,
            secrets=account.secrets,
        )

    @classmethod
    def options_from_url(cls, url: str) -> Mapping[str, Any]:
        """Return what a url such as ``abfs://container@account/run%201`` names, decoded.

        The account may be left out, or be a host: ``account.dfs.core.windows.net``.

        Raises:
            ConfigurationError: It has no container, or has credentials in it.
        """
        place, _, prefix = url.partition("://")[2].partition("/")
        container, at, host = place.partition("@")
        if ":" in place or re.search(r"[?&]sig=", url):
            message = "a url has no credentials in it; give sas_token= or account_key= beside it"
            raise ConfigurationError(message, backend=cls.backend_id, option="target")
        found = {"container": _checked_container(unquote(container)), "prefix": unquote(prefix)}
        return found | (_account_options(host.lower()) if at else {})


def _account_options(host: str) -> dict[str, str]:
    """Return the options of an account that a url names.

    Raises:
        ConfigurationError: It is no account.
    """
    named = _HOST.fullmatch(host)
    if named is None and "." in host:
        message = f"{host!r:.80} is no host of an account; give endpoint_url= beside the url"
        raise ConfigurationError(message, backend="azure_blob", option="target")
    name, suffix = named.groups() if named else (host, "core.windows.net")
    if suffix == "core.windows.net":
        return {"account_name": name}
    return {"account_name": name, "endpoint_url": f"https://{name}.blob.{suffix}"}


def _checked_container(container: str) -> str:
    """Return the name of a container.

    Raises:
        ConfigurationError: No container can be called so.
    """
    if not _CONTAINER.fullmatch(container):
        message = (
            f"option container: {container!r:.80} is no name of a container: 3 to 63 lower-case "
            "letters, digits and single hyphens; the place in it is the prefix"
        )
        raise ConfigurationError(message, backend="azure_blob", option="container")
    return container


def _checked_place(prefix: str) -> str:
    """Return a prefix.

    Raises:
        ConfigurationError: The service would take it for another one.
    """
    if _SEPARATOR in prefix:
        message = f"option prefix: {prefix!r:.80} has a backslash in it; separate folders by '/'"
        raise ConfigurationError(message, backend="azure_blob", option="prefix")
    return prefix


def _identity(account: Account) -> tuple[Any, ...]:
    """Return what accounts have in common that share connections."""
    return account.endpoint, account.connection_string, frozen(account.principal)


def _maker(account: Account, more: Mapping[str, Any]) -> Callable[[], Any]:
    """Return what makes the adlfs file system."""

    def make() -> Any:
        # Imported where it is used first: it takes half a second.
        from adlfs import (  # type: ignore[import-untyped]  # noqa: PLC0415
            AzureBlobFileSystem,
        )

        fs = AzureBlobFileSystem(**_arguments(account, more))
        if not account.connection_string and fs.connection_string:
            # That of the environment, which is of another account: adlfs would prefer it.
            fs.connection_string = None
            fs.do_connect()
        # We close it. adlfs's finalizers would keep it for ever, and hang in forked processes.
        for reference in weakref.getweakrefs(fs):
            if isinstance(reference.__callback__, weakref.finalize):
                reference.__callback__.detach()
        return fs

    return make


def _arguments(account: Account, more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the adlfs file system; those of the user win."""
    arguments: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    arguments["account_name"] = account.name
    if account.connection_string:
        arguments["connection_string"] = account.connection_string
    else:
        arguments["account_host"] = account.endpoint.removeprefix("https://")
        arguments["anon"] = False
        if "credential" not in more:
            arguments["credential"] = _credential(account)
    return {**arguments, **more}


def _credential(account: Account) -> Any:
    """Return what gets tokens; adlfs would prefer keys that the environment may have."""
    from azure.identity.aio import (  # noqa: PLC0415  # it takes a quarter of a second
        ClientSecretCredential,
        DefaultAzureCredential,
    )

    if account.principal:
        return ClientSecretCredential(**account.principal)
    return DefaultAzureCredential()
