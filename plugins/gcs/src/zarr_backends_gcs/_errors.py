"""From the refusals of Google Cloud Storage, and the errors of Google's libraries, to ours.

Source: https://cloud.google.com/storage/docs/json_api/v1/status-codes
"""

from __future__ import annotations

import json
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from zarr_backends import (
    BackendError,
    ConfigurationError,
    NetworkError,
    PermissionDeniedError,
    StorageFullError,
)
from zarr_backends_fsspec import ERRORS, ErrorTable, Meaning, meaning_of_status

__all__ = ["GCS_ERRORS", "RefusedError"]

_DENIED = Meaning(
    PermissionDeniedError,
    "check the roles: reading takes storage.objects.get and storage.objects.list, writing "
    "storage.objects.create and storage.objects.delete",
)
_CREDENTIALS = Meaning(
    PermissionDeniedError, "the credentials are wrong, missing or have expired: see credentials="
)
_NO_CREDENTIALS = Meaning(
    PermissionDeniedError,
    "give credentials= or anon=True; or let Google's libraries find them "
    "(GOOGLE_APPLICATION_CREDENTIALS, gcloud auth application-default login, the service account "
    "of the machine)",
)
_NO_BUCKET = Meaning(ConfigurationError, "there is no such bucket: make it, or correct its name")
_PAYS = Meaning(ConfigurationError, "give requester_pays=True, and the project= that pays")
_BUSY = Meaning(
    BackendError, "the service is busy or away: slow down, or try again", transient=True
)
_LOST = Meaning(NetworkError)

_PASSING = frozenset((408, 425, 429, 500, 502, 503, 504))
"""Statuses that may be others when the request is made again."""

_MAYBE_DONE = frozenset((408, 500, 502, 503, 504))
"""Statuses after which a write may have been done all the same."""

_REASONS = MappingProxyType(
    {
        **dict.fromkeys(
            ("rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded"), _BUSY
        ),
        "quotaExceeded": Meaning(StorageFullError, "a quota of the project is used up"),
        "accountDisabled": Meaning(PermissionDeniedError, "see to the billing of the project"),
        "retentionPolicyNotMet": Meaning(
            PermissionDeniedError, "the bucket keeps its objects for a while: use another one"
        ),
        "userProjectMissing": _PAYS,
        "requestTooLarge": Meaning(BackendError, "take smaller chunks"),
    }
)
"""Reasons that stand in answers; what is not here is told by the status."""


class RefusedError(Exception):
    """An answer of the service that is no success.

    Args:
        status: HTTP status.
        body: Of the answer: a JSON document, or words.
    """

    def __init__(self, status: int, body: bytes = b"") -> None:
        """Take the message and the reason out of the answer."""
        self.status = status
        self.message, self.reason = _words(body)
        super().__init__(f"HTTP status {status} {self.message:.300}".rstrip())

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed later."""
        return bool(_of_refusal(self).transient)

    @property
    def is_maybe_done(self) -> bool:
        """Whether what was asked for may have been done in spite of it."""
        return self.status in _MAYBE_DONE

    @property
    def is_no_object(self) -> bool:
        """Whether it says that an object is absent, which the same status of a bucket is not."""
        return self.status == 404 and "no such object" in self.message.lower()  # noqa: PLR2004  # Not Found


def _words(body: bytes) -> tuple[str, str]:
    """Return the message of an answer, and the reason in it, "" where there is none."""
    text = body.decode("utf-8", "replace").strip()
    with suppress(ValueError, LookupError, TypeError, AttributeError):
        error = json.loads(text)["error"]
        reasons = [item.get("reason", "") for item in error.get("errors", ())]
        return str(error.get("message", "")), str(next(iter(reasons), ""))
    return text, ""


def _of_refusal(error: RefusedError) -> Meaning:
    """Return what an answer that is no success means."""
    found = _REASONS.get(error.reason)
    if found is not None:
        return found
    if error.status == 400 and "requester pays" in error.message.lower():  # noqa: PLR2004  # Bad Request
        return _PAYS
    named = {401: _CREDENTIALS, 403: _DENIED, 404: _NO_BUCKET}
    if error.status in named:
        return named[error.status]
    return _BUSY if error.status in _PASSING else meaning_of_status(error.status)


def _of_refresh(error: Any) -> Meaning:
    """Return what it means that there is no new token."""
    return _BUSY if getattr(error, "retryable", False) else _CREDENTIALS


GCS_ERRORS: ErrorTable = MappingProxyType(
    {
        **ERRORS,
        "zarr_backends_gcs._errors.RefusedError": _of_refusal,
        "google.auth.exceptions.GoogleAuthError": _CREDENTIALS,
        "google.auth.exceptions.DefaultCredentialsError": _NO_CREDENTIALS,
        "google.auth.exceptions.RefreshError": _of_refresh,
        "google.auth.exceptions.TransportError": _LOST,
        "google.auth.exceptions.TimeoutError": _LOST,
    }
)
"""What the service answers, and what aiohttp and google-auth raise."""
