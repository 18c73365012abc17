"""Which account, and by which credentials: from options, a connection string, the environment."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from zarr_backends import ConfigurationError

__all__ = ["Account", "account_of"]

_ID = "azure_blob"

_SUFFIX = "core.windows.net"

_NAME = re.compile(r"[a-z0-9]{3,24}")

_ENDPOINT = re.compile(r"https?://[^\s;?#@\\]+", re.IGNORECASE)

_WAYS = ("account_key", "sas_token", "connection_string")

_ENVIRONMENT: Mapping[str, tuple[str, ...]] = {
    "account_name": ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"),
    "connection_string": ("AZURE_STORAGE_CONNECTION_STRING",),
    "account_key": ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY"),
    "sas_token": ("AZURE_STORAGE_SAS_TOKEN",),
    "client_id": ("AZURE_STORAGE_CLIENT_ID",),
    "client_secret": ("AZURE_STORAGE_CLIENT_SECRET",),
    "tenant_id": ("AZURE_STORAGE_TENANT_ID",),
    "anon": ("AZURE_STORAGE_ANON",),
}
"""Variables that are asked, the first that is set."""


@dataclass(frozen=True)
class Account:
    """A storage account, and how it is entered."""

    name: str
    endpoint: str
    connection_string: str = field(default="", repr=False)
    """Has key or signature, or neither for anonymous requests; "" where tokens are used."""
    principal: Mapping[str, str] = field(default_factory=dict, repr=False)
    """``client_id``, ``client_secret`` and ``tenant_id`` that get tokens; Azure's own search
    for an identity where it is empty."""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """Texts that no message may have in it."""


def account_of(given: Mapping[str, str], *, anon: bool, use_managed_identity: bool) -> Account:
    """Return the account that options name, or else the environment.

    Args:
        given: ``account_name``, ``endpoint_url``, ``account_key``, ``sas_token`` and
            ``connection_string``, each "" where it is not given.
        anon: Send no credentials.
        use_managed_identity: Ask for tokens, whatever the environment has.

    Raises:
        ConfigurationError: Options contradict each other, or name no account.
    """
    chosen = [name for name in _WAYS if given[name]]
    chosen += ["anon"] * anon + ["use_managed_identity"] * use_managed_identity
    if len(chosen) > 1:
        message = f"give one of {' and '.join(chosen)}"
        failure = _refused(chosen[1], message)
        raise failure
    known = _environment()
    name, its_name = given["account_name"], known["account_name"]
    if known["connection_string"] and not chosen and not given["endpoint_url"]:
        found = _account({**given, "account_name": "", **_only(known, "connection_string")})
        if name in ("", found.name):
            return found
    if not given["connection_string"]:
        given = {**given, "account_name": name or its_name}
    if chosen:
        return _account(given, anon=anon)
    if its_name in ("", given["account_name"]):  # credentials of one account are no other's
        for way in ("account_key", "sas_token"):
            if known[way]:
                return _account({**given, **_only(known, way)})
    if known["client_id"] and known["client_secret"] and known["tenant_id"]:
        return _account(given, principal=_only(known, "client_id", "client_secret", "tenant_id"))
    return _account(given, anon=known["anon"].lower() not in ("", "0", "f", "false"))


def _account(
    given: Mapping[str, str], *, anon: bool = False, principal: Mapping[str, str] | None = None
) -> Account:
    """Return the account of one way in."""
    if given["connection_string"]:
        return _of_connection_string(given)
    name = _checked_name(given["account_name"])
    endpoint = _endpoint(name, given["endpoint_url"])
    parts = {"BlobEndpoint": endpoint}
    if given["account_key"]:
        parts |= {"AccountName": name, "AccountKey": _checked_key(given["account_key"])}
    elif given["sas_token"]:
        parts["SharedAccessSignature"] = _checked_sas(given["sas_token"])
    elif not anon:
        if not endpoint.startswith("https://"):
            message = "tokens are sent by https only; or give account_key, sas_token or anon"
            failure = _refused("endpoint_url", message)
            raise failure
        principal = principal or {}
        secrets = frozenset({principal["client_secret"]} if principal else ())
        return Account(name, endpoint, principal=principal, secrets=secrets)
    text = ";".join(f"{part}={value}" for part, value in parts.items())
    return Account(name, endpoint, text, secrets=_secrets(parts))


def _of_connection_string(given: Mapping[str, str]) -> Account:
    """Return the account of a connection string.

    Raises:
        ConfigurationError: It is none, or is that of another account.
    """
    text = given["connection_string"].strip().rstrip(";")
    pairs = [part.partition("=") for part in text.split(";")]
    parts = {name.strip().lower(): value for name, _, value in pairs}
    name, endpoint = parts.get("accountname", ""), parts.get("blobendpoint", "").rstrip("/")
    if parts.get("usedevelopmentstorage", "").lower() == "true":
        name, endpoint = "devstoreaccount1", "http://127.0.0.1:10000/devstoreaccount1"
    elif not all(mark for _, mark, _ in pairs) or not (name or endpoint):
        message = "has to be of the form AccountName=...;AccountKey=..., as the portal shows it"
        failure = _refused("connection_string", message)
        raise failure
    if not name:
        name = urlsplit(endpoint).netloc.partition(".")[0]
    for option in ("account_name", "endpoint_url"):
        if given[option] and given[option].rstrip("/") not in (name, endpoint):
            message = "leave it out, or give the one that the connection string has"
            failure = _refused(option, message)
            raise failure
    secrets = _secrets({"AccountKey": parts.get("accountkey", "")})
    secrets |= _secrets({"SharedAccessSignature": parts.get("sharedaccesssignature", "")})
    return Account(name, endpoint, text, secrets=secrets | {text})


def _endpoint(name: str, endpoint_url: str) -> str:
    """Return the url of an account.

    Raises:
        ConfigurationError: It is no url, or has something behind the path.
    """
    if not endpoint_url:
        return f"https://{name}.blob.{_SUFFIX}"
    if not _ENDPOINT.fullmatch(endpoint_url):
        message = "must be a url such as http://127.0.0.1:10000/account, with nothing behind it"
        failure = _refused("endpoint_url", message)
        raise failure
    url = endpoint_url.rstrip("/")
    parts = urlsplit(url)
    # Emulators have the account in the path, the service has it in the name of the host.
    return f"{url}/{name}" if not parts.path and _is_machine(parts.hostname or "") else url


def _is_machine(host: str) -> bool:
    """Whether a host is named by an address, or has a name without dots."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." not in host
    return True


def _checked_name(name: str) -> str:
    """Return the name of an account.

    Raises:
        ConfigurationError: No account can be called so.
    """
    if not _NAME.fullmatch(name):
        shown = f"{name!r:.80} is no account: 3 to 24 lower-case letters and digits"
        message = shown if name else "give it, or connection_string, or AZURE_STORAGE_ACCOUNT_NAME"
        failure = _refused("account_name", message)
        raise failure
    return name


def _checked_key(key: str) -> str:
    """Return the key of an account.

    Raises:
        ConfigurationError: It is none.
    """
    try:
        base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        # Without the cause, which could show it.
        failure = _refused("account_key", "is not base64, as keys of accounts are")
        raise failure from None
    return key


def _checked_sas(token: str) -> str:
    """Return a shared access signature, without the question mark.

    Raises:
        ConfigurationError: It is none.
    """
    token = token.removeprefix("?")
    if "sig=" not in token or ";" in token:
        message = "has no signature (sig=...): give the whole query, and no url"
        failure = _refused("sas_token", message)
        raise failure
    return token


def _secrets(parts: Mapping[str, str]) -> frozenset[str]:
    """Return what of a connection string must not be seen, as it is and as urls have it."""
    found = {parts.get("AccountKey", "")}
    token = parts.get("SharedAccessSignature", "")
    if token:
        found |= {token, *parse_qs(token).get("sig", ())}
        found |= {part.removeprefix("sig=") for part in token.split("&") if part[:4] == "sig="}
    found |= {quote(text, safe="") for text in found} | {quote(text) for text in found}
    return frozenset(found - {""})


def _environment() -> dict[str, str]:
    """Return what the environment says."""
    return {
        name: next((os.environ[variable] for variable in names if os.environ.get(variable)), "")
        for name, names in _ENVIRONMENT.items()
    }


def _only(known: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return some of what is known."""
    return {name: known[name] for name in names}


def _refused(option: str, why: str) -> ConfigurationError:
    """Return the error about an option."""
    return ConfigurationError(f"option {option}: {why}", backend=_ID, option=option)
