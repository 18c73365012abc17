"""From the options of a backend to the service that they mean."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from zarr_backends import ConfigurationError
from zarr_backends_obstore._options import checked_text, refuse
from zarr_backends_obstore._services import S3, Azure, Gcs, Service

__all__ = ["OPTIONS_OF", "place_of"]

OPTIONS_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "s3": ("region", "profile", "key", "secret", "token"),
        "gs": ("credentials",),
        "az": ("account_name", "account_key", "sas_token", "connection_string"),
    }
)
"""Service to those options that it alone has."""


def place_of(
    service: str, bucket: str, given: Mapping[str, Any], common: Mapping[str, Any]
) -> Service:
    """Return the bucket of a service.

    Args:
        service: ``"s3"``, ``"gs"`` or ``"az"``.
        bucket: Its name, checked.
        given: Options of services, None where one is not given; ``anon``, ``endpoint_url`` and
            ``config``.
        common: Further arguments of `Service`, ``client`` among them.

    Raises:
        ConfigurationError: An option is of another service, or options contradict each other.
    """
    if service not in OPTIONS_OF:
        refuse("service", f"must be 's3', 'gs' or 'az', not {service!r:.80}")
    foreign = [name for other, names in OPTIONS_OF.items() if other != service for name in names]
    for name in foreign:
        if given[name] is not None:
            refuse(name, f"the service {service!r} has none; leave it out")
    config, credentials = _MAKERS[service](given)
    if given["anon"]:
        _require_none(given, OPTIONS_OF[service], ("region", "account_name"))
        config, credentials = {**config, "skip_signature": True}, None
    client = dict(common["client"])
    endpoint = config.get("endpoint") or config.get("base_url") or ""
    if str(endpoint).startswith("http://"):
        client.setdefault("allow_http", True)
    return _CLASSES[service](
        bucket,
        **{**common, "client": client},
        config={**config, **given["config"]},
        credentials=credentials,
    )


def _s3(given: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """Return settings and credentials of S3."""
    region, profile, key, secret, token = [_text(given, name) for name in OPTIONS_OF["s3"]]
    endpoint = _endpoint(given, ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
    config = {"endpoint": endpoint} if endpoint else {}
    if region:
        config["region"] = region
    if (key is None) is not (secret is None) or (token and key is None):
        name = "secret" if secret is None else "key"
        refuse(name, "key and secret go together, and a token goes with both; give them")
    if profile is not None:
        _require_none(given, ("key",), ())
        return config, _profile(profile)
    if key is None:
        return config, None
    secrets = {"access_key_id": key, "secret_access_key": secret, "token": token}
    return config, {**secrets, "expires_at": None}


def _profile(name: str) -> Callable[[], Any]:
    """Return what finds the credentials of a section of ``~/.aws/config``.

    Raises:
        ConfigurationError: What reads those files is not installed, or there is no such section.
    """
    try:
        import boto3  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415  # optional
        from botocore.exceptions import ProfileNotFound  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415
        from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415
    except ImportError as error:
        message = "option profile: needs boto3; pip install 'zarr-backends-obstore[aws]'"
        raise ConfigurationError(message, backend="obstore", option="profile") from error
    try:
        return Boto3CredentialProvider(boto3.Session(profile_name=name))
    except (ProfileNotFound, ValueError) as error:
        message = f"option profile: {name!r:.80} gives no credentials; see ~/.aws/config"
        raise ConfigurationError(message, backend="obstore", option="profile") from error


def _gs(given: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """Return settings and credentials of Google Cloud Storage."""
    credentials = given["credentials"]
    emulator = os.environ.get("STORAGE_EMULATOR_HOST", "")
    emulator = emulator if "://" in emulator or not emulator else f"http://{emulator}"
    endpoint = _endpoint(given, ()) or emulator
    config = {"base_url": endpoint} if endpoint else {}
    if isinstance(credentials, Mapping):
        config["service_account_key"] = json.dumps(dict(credentials))
    elif credentials is not None:
        config["application_credentials"] = _text(given, "credentials") or ""
    return config, None


def _az(given: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """Return settings and credentials of Azure.

    Raises:
        ConfigurationError: Options contradict each other.
    """
    account, key, sas, connection = [_text(given, name) for name in OPTIONS_OF["az"]]
    endpoint = _endpoint(given, ())
    if sum(one is not None for one in (key, sas, connection)) > 1:
        refuse("account_key", "give one of account_key, sas_token and connection_string")
    if connection is not None:
        parts = dict(part.split("=", 1) for part in connection.split(";") if "=" in part)
        account = account or parts.get("AccountName")
        key, sas = parts.get("AccountKey"), parts.get("SharedAccessSignature")
        suffix = parts.get("EndpointSuffix", "core.windows.net")
        protocol = parts.get("DefaultEndpointsProtocol", "https")
        endpoint = endpoint or parts.get("BlobEndpoint") or f"{protocol}://{account}.blob.{suffix}"
    account = account or os.environ.get("AZURE_STORAGE_ACCOUNT_NAME")
    if account is None:
        refuse("account_name", "is needed; give it, or AZURE_STORAGE_ACCOUNT_NAME")
    config = {"account_name": account}
    if endpoint:
        config["endpoint"] = _of_account(endpoint.rstrip("/"), account)
    if key:
        return config, {"access_key": key, "expires_at": None}
    if sas:
        return config, {"sas_token": sas.lstrip("?"), "expires_at": None}
    return config, None


def _of_account(endpoint: str, account: str) -> str:
    """Return an endpoint that has the account in it, as a host or as a path."""
    parts = urlsplit(endpoint)
    is_there = parts.path or (parts.hostname or "").startswith(f"{account}.")
    return endpoint if is_there else f"{endpoint}/{account}"


def _endpoint(given: Mapping[str, Any], variables: Sequence[str]) -> str | None:
    """Return the address of the service, None where it is the usual one.

    Raises:
        ConfigurationError: It is no address.
    """
    url = _text(given, "endpoint_url")
    if url is None:
        url = next(filter(None, map(os.environ.get, variables)), None)
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        is_fine = parts.scheme in {"http", "https"} and parts.hostname and parts.username is None
        _ = parts.port
    except ValueError:
        is_fine = False
    if not is_fine:
        refuse("endpoint_url", "must be http(s)://host:port, without a user in it")
    return url


def _text(given: Mapping[str, Any], name: str) -> str | None:
    """Return the text of an option, None where it is not given."""
    return checked_text(name, given[name])


def _require_none(given: Mapping[str, Any], names: Sequence[str], but: Sequence[str]) -> None:
    """Refuse credentials where they would not be used.

    Raises:
        ConfigurationError: One of the options is given.
    """
    for name in names:
        if name not in but and given[name] is not None:
            refuse(name, "is not used together with anon=True or profile; give one of them")


_CLASSES: Mapping[str, type[Service]] = MappingProxyType({"s3": S3, "gs": Gcs, "az": Azure})
_MAKERS: Mapping[str, Callable[[Mapping[str, Any]], tuple[dict[str, Any], Any]]] = MappingProxyType(
    {"s3": _s3, "gs": _gs, "az": _az}
)
