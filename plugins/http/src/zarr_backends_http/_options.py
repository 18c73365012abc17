"""Options of the backend ``http``, checked, and what urls say of them."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

import httpx

from zarr_backends import ConfigurationError
from zarr_backends_http._errors import BACKEND_ID
from zarr_backends_http._protocol import fault_of_name

__all__ = ["Settings", "checked_array_id", "options_of_url", "settings_of", "tls_of"]

_ARRAYS = "/arrays/"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset({"authorization", "content-length", "host", "range", "transfer-encoding"})
"""Headers that are not the user's to set."""


class Settings(NamedTuple):
    """Where a server is, and how it is spoken to."""

    base_url: str
    headers: Mapping[str, str]
    timeout_s: float
    verify: bool | str

    def __repr__(self) -> str:
        """Show the place: a header may be a secret."""
        return f"Settings({self.base_url!r})"


def settings_of(
    base_url: object, api_key: object, timeout_s: object, headers: object, verify: object
) -> Settings:
    """Return checked options.

    Raises:
        ConfigurationError: One is of a wrong type or impossible.
    """
    url = _checked_url(base_url)
    own = _checked_headers(headers)
    if api_key is not None:
        if not isinstance(api_key, str) or not re.fullmatch(r"[\x21-\x7e]+", api_key):
            failure = _wrong("api_key", "must be printable ASCII text without spaces, or None")
            raise failure
        own["authorization"] = f"Bearer {api_key}"
    is_number = isinstance(timeout_s, int | float) and not isinstance(timeout_s, bool)
    if not is_number or not 0 < float(timeout_s) < 10**6:  # type: ignore[arg-type]  # a number
        failure = _wrong("timeout_s", f"must be a number of seconds above 0, not {timeout_s!r:.80}")
        raise failure
    if not isinstance(verify, bool | str) or verify == "":
        failure = _wrong(
            "verify", f"must be True, False or a file of certificates, not {verify!r:.80}"
        )
        raise failure
    if isinstance(verify, str) and ("\0" in verify or not os.path.exists(verify)):  # noqa: PTH110
        failure = _wrong("verify", f"is {verify!r:.200}, and there is no such file or folder")
        raise failure
    return Settings(url, own, float(timeout_s), verify)  # type: ignore[arg-type]  # checked


def options_of_url(url: str) -> dict[str, Any]:
    """Return the options in a url such as ``http://host:8000/arrays/run%201``.

    Raises:
        ConfigurationError: It is no such url.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        # Not chained: what the standard library says quotes passwords.
        failure = _wrong("target", "is no url")
        raise failure from None
    base, found, array_id = parts.path.rpartition(_ARRAYS)
    if parts.query or parts.fragment or not found or not array_id:
        message = (
            "an array behind a server of zarr-backends-http has a url such as "
            "http://host:8000/arrays/name; read plain files on a web server with storage='fsspec', "
            "and give base_url= and array_id= for a name with '/arrays/' in it"
        )
        raise ConfigurationError(message, backend=BACKEND_ID, option="target")
    base_url = _checked_url(f"{parts.scheme}://{parts.netloc}{base}", "target")
    try:
        name = unquote(array_id, errors="strict")
    except UnicodeDecodeError as error:
        message = "the url is not UTF-8 behind its % signs"
        raise ConfigurationError(message, backend=BACKEND_ID, option="target") from error
    fault = fault_of_name(name)
    if fault:
        failure = _wrong("target", f"is a url whose array id {fault}")
        raise failure
    return {"base_url": base_url, "array_id": name}


def checked_array_id(array_id: object) -> str:
    """Return the name of an array.

    Raises:
        ConfigurationError: It is none.
    """
    fault = fault_of_name(array_id)
    if fault:
        failure = _wrong("array_id", fault)
        raise failure
    return str(array_id)


@lru_cache(maxsize=16)
def tls_of(verify: bool | str) -> ssl.SSLContext:  # noqa: FBT001  # as httpx has it
    """Return how certificates are checked; reading them takes some milliseconds.

    Args:
        verify: True, False, or a file or folder of certificates.

    Raises:
        ConfigurationError: The file holds none.
    """
    if isinstance(verify, bool):
        return httpx.create_ssl_context(verify=verify)
    try:
        is_folder = os.path.isdir(verify)  # noqa: PTH112  # a string all along
        return ssl.create_default_context(
            cafile=None if is_folder else verify, capath=verify if is_folder else None
        )
    except (OSError, ssl.SSLError) as error:
        message = f"verify is {verify!r:.200}, which cannot be read as certificates"
        raise ConfigurationError(message, backend=BACKEND_ID, option="verify") from error


def _checked_url(base_url: object, option: str = "base_url") -> str:
    """Return the address of a server, without a slash at its end.

    Raises:
        ConfigurationError: It is none.
    """
    if not isinstance(base_url, str):
        failure = _wrong(option, f"must be a url, not {type(base_url).__name__}")
        raise failure
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError:
        # Not chained: what the standard library says quotes passwords.
        failure = _wrong(option, "is no url")
        raise failure from None
    if "@" in parts.netloc:
        failure = _wrong(option, "holds a user or password; servers are given a key: api_key=")
        raise failure
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or port == 0
        or " " in parts.netloc
    ):
        failure = _wrong(option, "must be a url such as http://host:8000 or https://host/path")
        raise failure
    if parts.query or parts.fragment or not base_url.isprintable():
        failure = _wrong(option, "must have no query, no fragment and only printable characters")
        raise failure
    path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
    if any(segment in (".", "..") for segment in path.split("/")):
        failure = _wrong(option, "has a '.' or '..' segment")
        raise failure
    try:
        httpx.URL(f"{parts.scheme}://{parts.netloc}")
    except (httpx.InvalidURL, ValueError) as error:
        failure = _wrong(option, f"has the host {parts.hostname!r:.80}, which is none")
        raise failure from error
    return f"{parts.scheme}://{parts.netloc}{path}"


def _checked_headers(headers: object) -> dict[str, str]:
    """Return headers of the user.

    Raises:
        ConfigurationError: One cannot be sent, or is not the user's to set.
    """
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        failure = _wrong("headers", f"must be a mapping of strings, not {type(headers).__name__}")
        raise failure
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            failure = _wrong("headers", f"has the name {name!r:.80}, which is none of a header")
            raise failure
        if name.lower() in _OURS:
            failure = _wrong("headers", f"has {name!r}, which is set by the client; see api_key")
            raise failure
        if not isinstance(value, str) or not re.fullmatch(r"[\x20-\x7e]*", value):
            failure = _wrong("headers", f"has a value for {name!r} that is no printable ASCII text")
            raise failure
    return {name.lower(): value for name, value in headers.items()}


def _wrong(option: str, fault: str) -> ConfigurationError:
    """Return the error about an option; it quotes no value that may be a secret."""
    return ConfigurationError(f"{option} {fault}", backend=BACKEND_ID, option=option)
