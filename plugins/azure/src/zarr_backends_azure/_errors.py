"""From the errors of Azure's libraries to ours.

What the service refuses is told by the code in its answer, or by the HTTP status where that
says enough.

Source: "Status and error codes" and "Blob Storage error codes" of the Azure Storage REST API.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from zarr_backends import (
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    NetworkError,
    PermissionDeniedError,
    StorageFullError,
)
from zarr_backends_fsspec import ERRORS, ErrorTable, Meaning, meaning_of_status

__all__ = ["AZURE_ERRORS", "code_of", "is_transient"]

_DENIED = Meaning(
    PermissionDeniedError,
    "check the rights: reading takes r and l of a SAS, or the role Storage Blob Data Reader; "
    "writing takes w, c and d as well, or Storage Blob Data Contributor",
)
_CREDENTIALS = Meaning(PermissionDeniedError, "the credentials are wrong or have expired")
_NO_CREDENTIALS = Meaning(
    PermissionDeniedError,
    "give account_key, sas_token, connection_string or anon=True; or let Azure find an identity "
    "(environment, managed identity, az login)",
)
_NO_CONTAINER = Meaning(
    ConfigurationError, "there is no such container: make it, or correct its name"
)
_NOTHING = Meaning(
    ConfigurationError,
    "the account has no such container, or none that is open to anonymous requests: correct "
    "account_name, container or endpoint_url, or give credentials",
)
_BUSY = Meaning(BackendError, "the service is busy: slow down, or try again", transient=True)
_CHANGING = Meaning(BackendError, "the container is being deleted or made", transient=True)
_ARCHIVED = Meaning(BackendError, "the blob is archived: move it to another access tier first")
_LEASED = Meaning(BackendError, "another program holds a lease on the blob or container")
_SNAPSHOTS = Meaning(BackendError, "the blob has snapshots, which have to be deleted first")
_KIND = Meaning(BackendError, "there is a page or append blob with this name: delete it")
_HEADER = Meaning(
    ConfigurationError, "the account does not take a header: access_tier may be wrong for it"
)
_NAME = Meaning(ConfigurationError, "a name is not allowed here: container, prefix or key")
_LARGE = Meaning(BackendError, "the value is too large for one request: take smaller chunks")
_LATE = Meaning(BackendTimeoutError)
_LOST = Meaning(NetworkError)

_CODES: Mapping[str, Meaning] = MappingProxyType(
    {
        **dict.fromkeys(
            ("AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation"),
            _CREDENTIALS,
        ),
        **dict.fromkeys(
            (
                *("AccountIsDisabled", "AuthorizationFailure", "AuthorizationPermissionMismatch"),
                *("AuthorizationProtocolMismatch", "AuthorizationResourceTypeMismatch"),
                *("AuthorizationServiceMismatch", "AuthorizationSourceIPMismatch"),
                *("BlobImmutableDueToPolicy", "InsufficientAccountPermissions"),
                *("KeyBasedAuthenticationNotPermitted", "PublicAccessNotPermitted"),
                "UnauthorizedBlobOverwrite",
            ),
            _DENIED,
        ),
        "ContainerNotFound": _NO_CONTAINER,
        "ResourceNotFound": _NOTHING,
        **dict.fromkeys(
            ("InternalError", "OperationTimedOut", "ServerBusy", "TooManyRequests"), _BUSY
        ),
        **dict.fromkeys(("AccountBeingCreated", "ContainerBeingDeleted"), _CHANGING),
        **dict.fromkeys(("BlobArchived", "BlobBeingRehydrated"), _ARCHIVED),
        **dict.fromkeys(
            ("LeaseIdMissing", "LeaseAlreadyPresent", "LeaseLost", "LeaseIdMismatch"), _LEASED
        ),
        "SnapshotsPresent": _SNAPSHOTS,
        "InvalidBlobType": _KIND,
        **dict.fromkeys(("InvalidHeaderValue", "UnsupportedHeader"), _HEADER),
        **dict.fromkeys(("InvalidResourceName", "InvalidUri", "OutOfRangeInput"), _NAME),
        "RequestBodyTooLarge": _LARGE,
        "MemoryExtentStoreAtSizeLimit": Meaning(StorageFullError, "Azurite's memory is used up"),
    }
)
"""Codes of the service's answers; what is not here is told by the status."""


def code_of(error: Any) -> str:
    """Return the code of an answer, such as BlobNotFound; "" where it has none."""
    code = getattr(error, "error_code", None)
    if not code and error.response is not None:
        code = error.response.headers.get("x-ms-error-code")
    return str(getattr(code, "value", code) or "")


def _of_answer(error: Any) -> Meaning:
    """Return what an answer that is no success means."""
    found = _CODES.get(code_of(error))
    if found is not None:
        return found
    status = int(error.status_code or 0)
    if not 300 <= status <= 599:  # noqa: PLR2004  # no answer, or one that broke off
        return _LOST
    if status == 403:  # noqa: PLR2004  # Forbidden
        return _DENIED
    return _BUSY if status == 500 else meaning_of_status(status)  # noqa: PLR2004  # Internal


def _of_refusal(error: Any) -> Meaning:
    """Return what it means that a token could not be had, or was not taken."""
    return _of_answer(error) if code_of(error) else _CREDENTIALS


def is_transient(error: Any) -> bool:
    """Whether an answer may be another one when it is asked for again."""
    meaning = _of_answer(error)
    return meaning is _LOST or bool(meaning.transient)


AZURE_ERRORS: ErrorTable = MappingProxyType(
    {
        **ERRORS,
        "azure.core.exceptions.HttpResponseError": _of_answer,
        "azure.core.exceptions.ClientAuthenticationError": _of_refusal,
        "azure.core.exceptions.ServiceRequestError": _LOST,
        "azure.core.exceptions.ServiceRequestTimeoutError": _LATE,
        "azure.core.exceptions.ServiceResponseError": _LOST,
        "azure.core.exceptions.ServiceResponseTimeoutError": _LATE,
        "azure.identity._exceptions.CredentialUnavailableError": _NO_CREDENTIALS,
        "azure.storage.blob._shared.authentication.AzureSigningError": _CREDENTIALS,
    }
)
"""What adlfs, azure-storage-blob, azure-core and azure-identity raise."""
