"""Google's credentials of a file, of a mapping, or of the place where a program runs.

gcsfs would go without any where it finds none, and takes words that name no file for a
token; here that is an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from zarr_backends import ConfigurationError

__all__ = ["default_credentials", "given_credentials", "refreshed"]

_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"

_KINDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "service_account": ("google.oauth2.service_account", "from_service_account_info"),
        "authorized_user": ("google.oauth2.credentials", "from_authorized_user_info"),
        "impersonated_service_account": (
            "google.auth.impersonated_credentials",
            "from_impersonated_service_account_info",
        ),
        "external_account": ("google.auth.identity_pool", "from_info"),
        "external_account:aws": ("google.auth.aws", "from_info"),
        "external_account:executable": ("google.auth.pluggable", "from_info"),
    }
)
"""Module and constructor of each kind of credentials."""


def default_credentials() -> tuple[Any, str | None]:
    """Return the application default credentials, and the project that goes with them."""
    import google.auth  # noqa: PLC0415  # takes its time

    credentials, project = google.auth.default(scopes=[_SCOPE])
    return credentials, project


def given_credentials(given: str | Mapping[str, Any]) -> Any:
    """Return credentials that are written in a file or a mapping.

    Args:
        given: Path of a JSON file, or what stands in one.

    Raises:
        ConfigurationError: There is no such file, or it holds no credentials.
    """
    document = _read(given) if isinstance(given, str) else dict(given)
    kind = _kind_of(document)
    module, constructor = _KINDS[kind]
    make = getattr(import_module(module).Credentials, constructor)
    scopes = {} if kind == "authorized_user" else {"scopes": [_SCOPE]}  # it has its own
    try:
        return make(document, **scopes)
    except (ValueError, LookupError, TypeError) as error:
        failure = _refused(f"credentials of type {kind!r} cannot be made of it: {error!s:.200}")
        raise failure from error


def refreshed(credentials: Any) -> None:
    """Get a new token for credentials, which takes a request to another server."""
    from google.auth.transport.requests import Request  # noqa: PLC0415  # takes its time

    credentials.refresh(Request())


def _read(path: str) -> dict[str, Any]:
    """Return what a file holds.

    Raises:
        ConfigurationError: There is no such file, or it is no JSON object.
    """
    try:
        document = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        message = f"{path!r:.200} is no JSON file that can be read: {type(error).__name__}"
        failure = _refused(message)
        raise failure from error
    if not isinstance(document, dict):
        failure = _refused(f"{path!r:.200} has no JSON object in it")
        raise failure
    return document


def _kind_of(document: Mapping[str, Any]) -> str:
    """Return the kind of credentials that a document describes.

    Raises:
        ConfigurationError: It is none that is known.
    """
    kind = document.get("type")
    source = document.get("credential_source")
    if kind == "external_account" and isinstance(source, Mapping):
        kind += ":aws" if "environment_id" in source else ""
        kind += ":executable" if "executable" in source else ""
    if not isinstance(kind, str) or kind not in _KINDS:
        known = ", ".join(name for name in _KINDS if ":" not in name)
        failure = _refused(f"the type is {kind!r:.80}; known are {known}")
        raise failure
    return kind


def _refused(why: str) -> ConfigurationError:
    """Return the error about the option."""
    return ConfigurationError(f"option credentials: {why}", backend="gcs", option="credentials")
