"""From the errors of botocore to ours.

What the service refuses is told by the code in its answer, or by the HTTP status where an
answer has no body, as those to HEAD.
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

__all__ = ["S3_ERRORS", "code_of", "is_transient", "status_of"]

_DENIED = Meaning(
    PermissionDeniedError,
    "check the policy: reading takes s3:GetObject and s3:ListBucket (without the latter a key "
    "that is not there is denied instead of missing), writing s3:PutObject and s3:DeleteObject",
)
_CREDENTIALS = Meaning(PermissionDeniedError, "the credentials are wrong or have expired")
_NO_CREDENTIALS = Meaning(
    PermissionDeniedError,
    "give key and secret, a profile, or anon=True; or let AWS find them (environment, "
    "~/.aws, the role of the machine)",
)
_CLOCK = Meaning(PermissionDeniedError, "set the clock of this machine right")
_NO_BUCKET = Meaning(ConfigurationError, "there is no such bucket: make it, or correct its name")
_REGION = Meaning(ConfigurationError, "the bucket is in another region: give region=")
_BUSY = Meaning(BackendError, "the service is busy: slow down, or try again", transient=True)
_CONFLICT = Meaning(BackendError, "another request changed it at the same time", transient=True)
_LATE = Meaning(BackendTimeoutError)
_LOST = Meaning(NetworkError)

_CODES: Mapping[str, Meaning] = MappingProxyType(
    {
        **dict.fromkeys(("AccessDenied", "AllAccessDisabled", "AccountProblem"), _DENIED),
        **dict.fromkeys(
            (
                *("ExpiredToken", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidToken"),
                *("SignatureDoesNotMatch", "TokenRefreshRequired", "AuthFailure"),
            ),
            _CREDENTIALS,
        ),
        "RequestTimeTooSkewed": _CLOCK,
        **dict.fromkeys(("InvalidBucketName", "NoSuchBucket"), _NO_BUCKET),
        **dict.fromkeys(
            ("AuthorizationHeaderMalformed", "IllegalLocationConstraint", "PermanentRedirect"),
            _REGION,
        ),
        **dict.fromkeys(
            (
                *("InternalError", "RequestLimitExceeded", "RequestTimeout", "SlowDown"),
                *("ServiceUnavailable", "Throttling", "ThrottlingException", "BandwidthLimit"),
                *("TooManyRequests", "RequestThrottled", "OperationAborted"),
            ),
            _BUSY,
        ),
        "ConditionalRequestConflict": _CONFLICT,
        "QuotaExceeded": Meaning(StorageFullError, "the quota of the user or bucket is used up"),
        "NotImplemented": Meaning(BackendError, "this service does not know the request"),
    }
)
"""Codes of S3's answers; what is not here is told by the status."""


def code_of(error: Any) -> str:
    """Return the code of a ClientError, such as NoSuchKey; the status where it has no body."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: Any) -> int:
    """Return the HTTP status of a ClientError, 0 where it is unknown."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _of_answer(error: Any) -> Meaning:
    """Return what an answer that is no success means."""
    found = _CODES.get(code_of(error))
    if found is not None:
        return found
    status = status_of(error)
    if status == 403:  # noqa: PLR2004  # Forbidden
        return _DENIED
    return _BUSY if status == 500 else meaning_of_status(status)  # noqa: PLR2004  # Internal


def is_transient(error: Any) -> bool:
    """Whether an answer may be another one when it is asked for again."""
    return bool(_of_answer(error).transient)


S3_ERRORS: ErrorTable = MappingProxyType(
    {
        **ERRORS,
        "builtins.FileNotFoundError": _NO_BUCKET,  # s3fs's, of an upload in parts
        "botocore.exceptions.ClientError": _of_answer,
        "botocore.exceptions.HTTPClientError": _LOST,
        "botocore.exceptions.ConnectionError": _LOST,
        "botocore.exceptions.IncompleteReadError": _LOST,
        "botocore.exceptions.ReadTimeoutError": _LATE,
        "botocore.exceptions.ConnectTimeoutError": _LATE,
        "botocore.exceptions.NoCredentialsError": _NO_CREDENTIALS,
        "botocore.exceptions.CredentialRetrievalError": _NO_CREDENTIALS,
        "botocore.exceptions.TokenRetrievalError": _CREDENTIALS,
        "botocore.exceptions.SSOError": _CREDENTIALS,
        "botocore.exceptions.PartialCredentialsError": _NO_CREDENTIALS,
        "botocore.exceptions.ProfileNotFound": Meaning(
            ConfigurationError, "give a profile of ~/.aws/config"
        ),
        "botocore.exceptions.NoRegionError": Meaning(ConfigurationError, "give region="),
        "botocore.exceptions.InvalidRegionError": Meaning(ConfigurationError, "correct region="),
        "botocore.exceptions.ParamValidationError": Meaning(ConfigurationError, "correct it"),
        "botocore.exceptions.EndpointProviderError": Meaning(
            ConfigurationError, "correct endpoint_url= or region="
        ),
    }
)
"""What s3fs, aiobotocore and botocore raise."""
