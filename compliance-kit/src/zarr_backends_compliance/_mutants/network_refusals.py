"""Faults of backends that talk to a server: what they make of its refusals."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from zarr_backends import (
    BackendError,
    Buffer,
    NetworkError,
    PermissionDeniedError,
)
from zarr_backends_compliance._mutants.mutant import network_mutant
from zarr_backends_compliance._mutants.network_reference import NetworkReference, Reply

__all__ = [
    "AnyStatusIsSuccess",
    "AnyTwoHundredIsMetadata",
    "BusyIsFinal",
    "DeniedDeletes",
    "DeniedIsMissing",
    "DeniedIsTransient",
    "ErrorShowsToken",
    "ExistsFalseOnError",
    "FullIsSuccess",
    "GatewayIsFinal",
    "ListingEndsOnStatus",
    "PageIsListing",
    "ServerErrorIsMissing",
    "WrongTokenIsNetworkError",
]


@network_mutant("ZB-FAULT-15", "Wrong credentials are a NetworkError, which is retried for ever.")
class WrongTokenIsNetworkError(NetworkReference):
    """Cannot tell a refusal at the door from one inside."""

    _is_inside = False

    def _exchange(self, *arguments: Any, **options: Any) -> Reply:
        try:
            reply = super()._exchange(*arguments, **options)
        except PermissionDeniedError as error:
            if self._is_inside:
                raise
            raise NetworkError(error.message, backend=self.backend_id) from error
        self._is_inside = True
        return reply


@network_mutant("ZB-FAULT-16", "Errors show the request, and with it the token.")
class ErrorShowsToken(NetworkReference):
    """Is of great help."""

    def _exchange(self, *arguments: Any, **options: Any) -> Reply:
        try:
            return super()._exchange(*arguments, **options)
        except NetworkError as error:
            message = f"{error.message}: {arguments}, Authorization: Bearer {self._token}"
            raise NetworkError(message, backend=self.backend_id) from error.__cause__


@network_mutant("ZB-FAULT-20", "A key is missing where the server has failed.")
class ServerErrorIsMissing(NetworkReference):
    """Takes every status but 200 for an absent key, unless it is told to come back."""

    def get(self, key: str) -> Buffer | None:
        """Return None for a server that fails."""
        try:
            return super().get(key)
        except BackendError as error:
            if "status 500" in error.message:
                return None
            raise


@network_mutant("ZB-FAULT-20", "exists() is false where the server fails.")
class ExistsFalseOnError(NetworkReference):
    """Catches whatever comes."""

    def exists(self) -> bool:
        """Say no for a server that fails."""
        try:
            return super().exists()
        except BackendError as error:
            if "status 500" in error.message:
                return False
            raise


@network_mutant("ZB-FAULT-21", "A server that is busy is an error that is not transient.")
class BusyIsFinal(NetworkReference):
    """Forgets an attribute."""

    def _may_pass(self, status: int) -> bool:
        return super()._may_pass(status) and status != HTTPStatus.SERVICE_UNAVAILABLE


@network_mutant("ZB-FAULT-21", "A throttled request is an error that is not transient.")
class GatewayIsFinal(NetworkReference):
    """Takes 429 for one more fault of the caller."""

    def _may_pass(self, status: int) -> bool:
        return super()._may_pass(status) and status != HTTPStatus.TOO_MANY_REQUESTS


@network_mutant("ZB-FAULT-22", "A key is missing where it must not be read.")
class DeniedIsMissing(NetworkReference):
    """Thinks of stores that answer 403 for what is not there."""

    def get(self, key: str) -> Buffer | None:
        """Return None where access is denied."""
        try:
            return super().get(key)
        except PermissionDeniedError as error:
            if "status 403" in error.message:
                return None
            raise


@network_mutant("ZB-FAULT-22", "A delete that is refused is taken for done.")
class DeniedDeletes(NetworkReference):
    """Deletes are idempotent, are they not?"""

    def delete(self, key: str) -> None:
        """Ignore a refusal."""
        try:
            super().delete(key)
        except PermissionDeniedError as error:
            if "status 403" not in error.message:
                raise


@network_mutant("ZB-FAULT-22", "A refusal is a transient error.")
class DeniedIsTransient(NetworkReference):
    """Hopes that rights come back."""

    def _may_pass(self, status: int) -> bool:
        return super()._may_pass(status) or status == HTTPStatus.FORBIDDEN


@network_mutant("ZB-FAULT-23", "A write that the full server refused counts as done.")
class FullIsSuccess(NetworkReference):
    """Looks whether there was an answer, not at what it was."""

    def set(self, key: str, value: Buffer) -> None:
        """Ignore that there is no space."""
        try:
            super().set(key, value)
        except BackendError as error:
            if "status 507" not in error.message:
                raise


@network_mutant("ZB-FAULT-24", "A page that is no listing leaks the parser's exception.")
class PageIsListing(NetworkReference):
    """Trusts in status 200."""

    def _page(self, prefix: str, after: str) -> dict[str, Any]:
        try:
            return super()._page(prefix, after)
        except BackendError as error:
            if isinstance(error.__cause__, ValueError):
                raise error.__cause__ from None
            raise


@network_mutant("ZB-FAULT-24", "A page that is no metadata says that there is no array.")
class AnyTwoHundredIsMetadata(NetworkReference):
    """Looks for a brace."""

    def get(self, key: str) -> Buffer | None:
        """Return None for documents that are none."""
        value = super().get(key)
        return (
            None
            if key.endswith((".json", ".zarray")) and bytes(value or b"<").startswith(b"<")
            else value
        )


@network_mutant("ZB-FAULT-25", "A listing ends where a further page is refused.")
class ListingEndsOnStatus(NetworkReference):
    """Looks at the status of the first page."""

    def _page(self, prefix: str, after: str) -> dict[str, Any]:
        try:
            return super()._page(prefix, after)
        except BackendError as error:
            if after and "status 503" in error.message:
                return {"keys": [], "last": True}
            raise


@network_mutant("ZB-FAULT-26", "A write that is redirected, and so not done, counts as done.")
class AnyStatusIsSuccess(NetworkReference):
    """Checks for errors, which begin at 400."""

    def _request(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> Reply:
        reply = super()._request(method, path, headers, body)
        is_done = method in ("PUT", "DELETE") and reply.status // 100 == 3  # noqa: PLR2004  # a redirection
        return reply._replace(status=204) if is_done else reply
