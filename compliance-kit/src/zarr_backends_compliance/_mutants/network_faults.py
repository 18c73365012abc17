"""Faults of backends that talk to a server: what they make of its failures."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any

from zarr_backends import (
    BackendError,
    BackendTimeoutError,
    Buffer,
    NetworkError,
    PermissionDeniedError,
    Transform,
    contiguous_view,
)
from zarr_backends_compliance._mutants.mutant import mutant
from zarr_backends_compliance._mutants.network_reference import NetworkReference, Reply

__all__ = [
    "AnyStatusIsSuccess",
    "AnyTwoHundredIsMetadata",
    "BareTimeout",
    "BusyIsFinal",
    "CauseCutOff",
    "DeadAfterRestart",
    "DeniedDeletes",
    "DeniedIsMissing",
    "DeniedIsTransient",
    "DrippingForever",
    "ErrorShowsToken",
    "ExistsFalseOnError",
    "FirstPieceOnly",
    "FullIsSuccess",
    "GarbageLeaks",
    "GatewayIsFinal",
    "HalvesOfWrites",
    "HeadOfReplyIsAll",
    "ListingEndsOnStatus",
    "ListingEndsWhenLost",
    "NoTimeout",
    "NoTimeoutForBody",
    "NoTimeoutOption",
    "OpenSaysMissing",
    "PageIsListing",
    "RefusedIsMissing",
    "ResetLeaks",
    "ServerErrorIsMissing",
    "StalledIsNetworkError",
    "TruncatedIsAccepted",
    "UpdateTwice",
    "WriteNotAcknowledged",
    "WrongTokenIsNetworkError",
]


_PART_NBYTES = 100_000
"""Longest value that `HalvesOfWrites` sends in one request."""


def _network(killer: str, fault: str) -> Any:
    """Declare a mutant that needs the server."""
    return mutant(killer, fault, server="network")


@_network("ZB-FAULT-01", "There is no option timeout_s.")
class NoTimeoutOption(NetworkReference):
    """Knows best."""

    def connect(self, *, url: str, prefix: str = "", token: str = "") -> None:  # type: ignore[override]  # the fault
        """Take no time-out."""
        super().connect(url=url, prefix=prefix, token=token, timeout_s=2.0)


@_network("ZB-FAULT-02", "A key is missing where the server cannot be reached.")
class RefusedIsMissing(NetworkReference):
    """Takes every failure to connect for an absent key."""

    def get(self, key: str) -> Buffer | None:
        """Return None for a server that refuses."""
        try:
            return super().get(key)
        except NetworkError as error:
            if isinstance(error.__cause__, ConnectionRefusedError):
                return None
            raise


@_network("ZB-FAULT-02", "The cause of an error is cut off by `from None`.")
class CauseCutOff(NetworkReference):
    """Likes short tracebacks."""

    def _exchange(self, *arguments: Any, **options: Any) -> Reply:
        try:
            return super()._exchange(*arguments, **options)
        except NetworkError as error:
            raise NetworkError(error.message, backend=self.backend_id) from None


@_network("ZB-FAULT-02", "A write that cannot reach the server is logged, and not raised.")
class WriteNotAcknowledged(NetworkReference):
    """Believes that it will go well the next time."""

    def set(self, key: str, value: Buffer) -> None:
        """Ignore a refused connection."""
        try:
            super().set(key, value)
        except NetworkError as error:
            if not isinstance(error.__cause__, ConnectionRefusedError):
                raise


@_network("ZB-FAULT-03", "A connection that is reset leaks the client's own exception.")
class ResetLeaks(NetworkReference):
    """Translates errors of connecting, and none of reading."""

    def _exchange(self, *arguments: Any, **options: Any) -> Reply:
        try:
            return super()._exchange(*arguments, **options)
        except NetworkError as error:
            if type(error.__cause__) is ConnectionResetError:
                raise error.__cause__ from None
            raise


@_network("ZB-FAULT-04", "A truncated body is returned as far as it came.")
class TruncatedIsAccepted(NetworkReference):
    """Reads until the server hangs up."""

    def _reply_of(self, response: HTTPResponse) -> Reply:
        try:
            return super()._reply_of(response)
        except IncompleteRead as error:
            etag = response.getheader("ETag", "")
            return Reply(response.status, error.partial, etag, len(error.partial))


@_network("ZB-FAULT-04", "A reply whose head ends too early is taken for an empty value.")
class HeadOfReplyIsAll(NetworkReference):
    """Does without Content-Length."""

    def _reply_of(self, response: HTTPResponse) -> Reply:
        if response.getheader("Content-Length") is None:
            return Reply(response.status, response.read(), "", 0)
        return super()._reply_of(response)


@_network("ZB-FAULT-05", "A server that does not answer makes the backend hang.")
class NoTimeout(NetworkReference):
    """Has an option that does nothing."""

    def connect(
        self, *, url: str, prefix: str = "", token: str = "", timeout_s: float = 30.0
    ) -> None:
        """Wait for an hour, whatever `timeout_s` is."""
        super().connect(url=url, prefix=prefix, token=token, timeout_s=max(3600.0, timeout_s))


@_network("ZB-FAULT-05", "A server that does not answer is a NetworkError.")
class StalledIsNetworkError(NetworkReference):
    """Knows one error."""

    def _exchange(self, *arguments: Any, **options: Any) -> Reply:
        try:
            return super()._exchange(*arguments, **options)
        except BackendTimeoutError as error:
            raise NetworkError(error.message, backend=self.backend_id) from error


@_network("ZB-FAULT-05", "A server that does not answer leaks the socket's TimeoutError.")
class BareTimeout(NetworkReference):
    """Takes TimeoutError for one of ours."""

    def _exchange(self, *arguments: Any, **options: Any) -> Reply:
        try:
            return super()._exchange(*arguments, **options)
        except BackendTimeoutError as error:
            raise TimeoutError(error.message) from error


@_network("ZB-FAULT-06", "The time-out ends with the head: a body that stops makes it hang.")
class NoTimeoutForBody(NetworkReference):
    """Gives the body all the time that there is."""

    def _reply_of(self, response: HTTPResponse) -> Reply:
        response.fp.raw._sock.deadline += 3600  # type: ignore[attr-defined]  # noqa: SLF001  # what has no name
        return super()._reply_of(response)


@_network("ZB-FAULT-07", "The time-out begins anew with every byte.")
class DrippingForever(NetworkReference):
    """Has the time-out of a socket, and no other."""

    def _reply_of(self, response: HTTPResponse) -> Reply:
        endless = response.fp.raw._sock  # type: ignore[attr-defined]  # noqa: SLF001  # what has no name
        endless._hurry = lambda: endless.settimeout(self._timeout_s)  # noqa: SLF001  # what has no name
        try:
            return super()._reply_of(response)
        finally:
            del endless._hurry  # noqa: SLF001  # what has no name


@_network("ZB-FAULT-08", "A large value is sent in two requests, and seen in between.")
class HalvesOfWrites(NetworkReference):
    """Uploads a first part, then the whole."""

    def set(self, key: str, value: Buffer) -> None:
        """Write half of a large value before all of it."""
        data = contiguous_view(value)
        if data.nbytes > _PART_NBYTES:
            super().set(key, data[: data.nbytes // 2])
        super().set(key, data)


@_network("ZB-FAULT-09", "A connection that has been closed is never replaced.")
class DeadAfterRestart(NetworkReference):
    """Connects once."""

    _is_dead = False

    def _request(self, *arguments: Any, **options: Any) -> Reply:
        if self._is_dead:
            message = "the connection is closed"
            raise BrokenPipeError(message)
        try:
            return super()._request(*arguments, **options)
        except (ConnectionError, HTTPException) as error:
            self._is_dead = not isinstance(error, ConnectionRefusedError)
            raise


@_network("ZB-FAULT-10", "What the first read brings is taken for the whole body.")
class FirstPieceOnly(NetworkReference):
    """Tries it on a fast line."""

    def _reply_of(self, response: HTTPResponse) -> Reply:
        first = response.read1() if response.length else b""
        return super()._reply_of(response)._replace(body=first)


@_network("ZB-FAULT-11", "A reply that is not HTTP leaks the parser's exception.")
class GarbageLeaks(NetworkReference):
    """Translates errors of the network alone."""

    def _exchange(self, *arguments: Any, **options: Any) -> Reply:
        try:
            return super()._exchange(*arguments, **options)
        except NetworkError as error:
            if type(error.__cause__).__name__ == "BadStatusLine":
                raise ValueError(str(error.__cause__)) from error
            raise


@_network("ZB-FAULT-12", "A listing ends where the connection is lost between two pages.")
class ListingEndsWhenLost(NetworkReference):
    """Returns what it has."""

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Stop at a lost connection once something has been listed."""
        listed = 0
        try:
            for key in super().list_keys(prefix):
                listed += 1
                yield key
        except NetworkError:
            if not listed:
                raise


@_network("ZB-FAULT-13", "An update whose reply was lost is done again, after it had been done.")
class UpdateTwice(NetworkReference):
    """Retries everything that is transient."""

    def update(self, key: str, transform: Transform) -> None:
        """Try a few times."""
        for pause_s in (0.05, 0.2, 0.4):
            try:
                return super().update(key, transform)
            except NetworkError:
                time.sleep(pause_s)
        return super().update(key, transform)


@_network("ZB-FAULT-14", "open says that there is no array where there is no server.")
class OpenSaysMissing(NetworkReference):
    """Takes any trouble with the first contact for an empty place."""

    _has_answered = False

    def exists(self) -> bool:
        """Say no for a server that has never answered."""
        try:
            found = super().exists()
        except NetworkError:
            if self._has_answered:
                raise
            return False
        return found

    def _exchange(self, *arguments: Any, **options: Any) -> Reply:
        reply = super()._exchange(*arguments, **options)
        self._has_answered = True
        return reply


@_network("ZB-FAULT-15", "Wrong credentials are a NetworkError, which is retried for ever.")
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


@_network("ZB-FAULT-16", "Errors show the request, and with it the token.")
class ErrorShowsToken(NetworkReference):
    """Is of great help."""

    def _exchange(self, *arguments: Any, **options: Any) -> Reply:
        try:
            return super()._exchange(*arguments, **options)
        except NetworkError as error:
            message = f"{error.message}: {arguments}, Authorization: Bearer {self._token}"
            raise NetworkError(message, backend=self.backend_id) from error.__cause__


@_network("ZB-FAULT-20", "A key is missing where the server has failed.")
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


@_network("ZB-FAULT-20", "exists() is false where the server fails.")
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


@_network("ZB-FAULT-21", "A server that is busy is an error that is not transient.")
class BusyIsFinal(NetworkReference):
    """Forgets an attribute."""

    def _may_pass(self, status: int) -> bool:
        return super()._may_pass(status) and status != HTTPStatus.SERVICE_UNAVAILABLE


@_network("ZB-FAULT-21", "A throttled request is an error that is not transient.")
class GatewayIsFinal(NetworkReference):
    """Takes 429 for one more fault of the caller."""

    def _may_pass(self, status: int) -> bool:
        return super()._may_pass(status) and status != HTTPStatus.TOO_MANY_REQUESTS


@_network("ZB-FAULT-22", "A key is missing where it must not be read.")
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


@_network("ZB-FAULT-22", "A delete that is refused is taken for done.")
class DeniedDeletes(NetworkReference):
    """Deletes are idempotent, are they not?"""

    def delete(self, key: str) -> None:
        """Ignore a refusal."""
        try:
            super().delete(key)
        except PermissionDeniedError as error:
            if "status 403" not in error.message:
                raise


@_network("ZB-FAULT-22", "A refusal is a transient error.")
class DeniedIsTransient(NetworkReference):
    """Hopes that rights come back."""

    def _may_pass(self, status: int) -> bool:
        return super()._may_pass(status) or status == HTTPStatus.FORBIDDEN


@_network("ZB-FAULT-23", "A write that the full server refused counts as done.")
class FullIsSuccess(NetworkReference):
    """Looks whether there was an answer, not at what it was."""

    def set(self, key: str, value: Buffer) -> None:
        """Ignore that there is no space."""
        try:
            super().set(key, value)
        except BackendError as error:
            if "status 507" not in error.message:
                raise


@_network("ZB-FAULT-24", "A page that is no listing leaks the parser's exception.")
class PageIsListing(NetworkReference):
    """Trusts in status 200."""

    def _page(self, prefix: str, after: str) -> dict[str, Any]:
        try:
            return super()._page(prefix, after)
        except BackendError as error:
            if isinstance(error.__cause__, ValueError):
                raise error.__cause__ from None
            raise


@_network("ZB-FAULT-24", "A page that is no metadata says that there is no array.")
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


@_network("ZB-FAULT-25", "A listing ends where a further page is refused.")
class ListingEndsOnStatus(NetworkReference):
    """Looks at the status of the first page."""

    def _page(self, prefix: str, after: str) -> dict[str, Any]:
        try:
            return super()._page(prefix, after)
        except BackendError as error:
            if after and "status 503" in error.message:
                return {"keys": [], "last": True}
            raise


@_network("ZB-FAULT-26", "A write that is redirected, and so not done, counts as done.")
class AnyStatusIsSuccess(NetworkReference):
    """Checks for errors, which begin at 400."""

    def _request(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> Reply:
        reply = super()._request(method, path, headers, body)
        is_done = method in ("PUT", "DELETE") and reply.status // 100 == 3  # noqa: PLR2004  # a redirection
        return reply._replace(status=204) if is_done else reply
