"""Faults of backends that talk to a server: what they make of a line that breaks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any

from zarr_backends import (
    BackendTimeoutError,
    Buffer,
    NetworkError,
    Transform,
    contiguous_view,
)
from zarr_backends_compliance._mutants.mutant import network_mutant
from zarr_backends_compliance._mutants.network_reference import NetworkReference, Reply

__all__ = [
    "BareTimeout",
    "CauseCutOff",
    "DeadAfterRestart",
    "DrippingForever",
    "FirstPieceOnly",
    "GarbageLeaks",
    "HalvesOfWrites",
    "HeadOfReplyIsAll",
    "ListingEndsWhenLost",
    "NoTimeout",
    "NoTimeoutForBody",
    "NoTimeoutOption",
    "OpenSaysMissing",
    "RefusedIsMissing",
    "ResetLeaks",
    "StalledIsNetworkError",
    "TruncatedIsAccepted",
    "UpdateTwice",
    "WriteNotAcknowledged",
]


_PART_NBYTES = 100_000
"""Longest value that `HalvesOfWrites` sends in one request."""


@network_mutant("ZB-FAULT-01", "There is no option timeout_s.")
class NoTimeoutOption(NetworkReference):
    """Knows best."""

    def connect(self, *, url: str, prefix: str = "", token: str = "") -> None:  # type: ignore[override]  # the fault
        """Take no time-out."""
        super().connect(url=url, prefix=prefix, token=token, timeout_s=2.0)


@network_mutant("ZB-FAULT-02", "A key is missing where the server cannot be reached.")
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


@network_mutant("ZB-FAULT-02", "The cause of an error is cut off by `from None`.")
class CauseCutOff(NetworkReference):
    """Likes short tracebacks."""

    def _exchange(self, *arguments: Any, **options: Any) -> Reply:
        try:
            return super()._exchange(*arguments, **options)
        except NetworkError as error:
            raise NetworkError(error.message, backend=self.backend_id) from None


@network_mutant("ZB-FAULT-02", "A write that cannot reach the server is logged, and not raised.")
class WriteNotAcknowledged(NetworkReference):
    """Believes that it will go well the next time."""

    def set(self, key: str, value: Buffer) -> None:
        """Ignore a refused connection."""
        try:
            super().set(key, value)
        except NetworkError as error:
            if not isinstance(error.__cause__, ConnectionRefusedError):
                raise


@network_mutant("ZB-FAULT-03", "A connection that is reset leaks the client's own exception.")
class ResetLeaks(NetworkReference):
    """Translates errors of connecting, and none of reading."""

    def _exchange(self, *arguments: Any, **options: Any) -> Reply:
        try:
            return super()._exchange(*arguments, **options)
        except NetworkError as error:
            if type(error.__cause__) is ConnectionResetError:
                raise error.__cause__ from None
            raise


@network_mutant("ZB-FAULT-04", "A truncated body is returned as far as it came.")
class TruncatedIsAccepted(NetworkReference):
    """Reads until the server hangs up."""

    def _reply_of(self, response: HTTPResponse) -> Reply:
        try:
            return super()._reply_of(response)
        except IncompleteRead as error:
            etag = response.getheader("ETag", "")
            return Reply(response.status, error.partial, etag, len(error.partial))


@network_mutant("ZB-FAULT-04", "A reply whose head ends too early is taken for an empty value.")
class HeadOfReplyIsAll(NetworkReference):
    """Does without Content-Length."""

    def _reply_of(self, response: HTTPResponse) -> Reply:
        if response.getheader("Content-Length") is None:
            return Reply(response.status, response.read(), "", 0)
        return super()._reply_of(response)


@network_mutant("ZB-FAULT-05", "A server that does not answer makes the backend hang.")
class NoTimeout(NetworkReference):
    """Has an option that does nothing."""

    def connect(
        self, *, url: str, prefix: str = "", token: str = "", timeout_s: float = 30.0
    ) -> None:
        """Wait for an hour, whatever `timeout_s` is."""
        super().connect(url=url, prefix=prefix, token=token, timeout_s=max(3600.0, timeout_s))


@network_mutant("ZB-FAULT-05", "A server that does not answer is a NetworkError.")
class StalledIsNetworkError(NetworkReference):
    """Knows one error."""

    def _exchange(self, *arguments: Any, **options: Any) -> Reply:
        try:
            return super()._exchange(*arguments, **options)
        except BackendTimeoutError as error:
            raise NetworkError(error.message, backend=self.backend_id) from error


@network_mutant("ZB-FAULT-05", "A server that does not answer leaks the socket's TimeoutError.")
class BareTimeout(NetworkReference):
    """Takes TimeoutError for one of ours."""

    def _exchange(self, *arguments: Any, **options: Any) -> Reply:
        try:
            return super()._exchange(*arguments, **options)
        except BackendTimeoutError as error:
            raise TimeoutError(error.message) from error


@network_mutant("ZB-FAULT-06", "The time-out ends with the head: a body that stops makes it hang.")
class NoTimeoutForBody(NetworkReference):
    """Gives the body all the time that there is."""

    def _reply_of(self, response: HTTPResponse) -> Reply:
        response.fp.raw._sock.deadline += 3600  # type: ignore[attr-defined]  # noqa: SLF001  # what has no name
        return super()._reply_of(response)


@network_mutant("ZB-FAULT-07", "The time-out begins anew with every byte.")
class DrippingForever(NetworkReference):
    """Has the time-out of a socket, and no other."""

    def _reply_of(self, response: HTTPResponse) -> Reply:
        endless = response.fp.raw._sock  # type: ignore[attr-defined]  # noqa: SLF001  # what has no name
        endless._hurry = lambda: endless.settimeout(self._timeout_s)  # noqa: SLF001  # what has no name
        try:
            return super()._reply_of(response)
        finally:
            del endless._hurry  # noqa: SLF001  # what has no name


@network_mutant("ZB-FAULT-08", "A large value is sent in two requests, and seen in between.")
class HalvesOfWrites(NetworkReference):
    """Uploads a first part, then the whole."""

    def set(self, key: str, value: Buffer) -> None:
        """Write half of a large value before all of it."""
        data = contiguous_view(value)
        if data.nbytes > _PART_NBYTES:
            super().set(key, data[: data.nbytes // 2])
        super().set(key, data)


@network_mutant("ZB-FAULT-09", "A connection that has been closed is never replaced.")
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


@network_mutant("ZB-FAULT-10", "What the first read brings is taken for the whole body.")
class FirstPieceOnly(NetworkReference):
    """Tries it on a fast line."""

    def _reply_of(self, response: HTTPResponse) -> Reply:
        first = response.read1() if response.length else b""
        return super()._reply_of(response)._replace(body=first)


@network_mutant("ZB-FAULT-11", "A reply that is not HTTP leaks the parser's exception.")
class GarbageLeaks(NetworkReference):
    """Translates errors of the network alone."""

    def _exchange(self, *arguments: Any, **options: Any) -> Reply:
        try:
            return super()._exchange(*arguments, **options)
        except NetworkError as error:
            if type(error.__cause__).__name__ == "BadStatusLine":
                raise ValueError(str(error.__cause__)) from error
            raise


@network_mutant("ZB-FAULT-12", "A listing ends where the connection is lost between two pages.")
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


@network_mutant(
    "ZB-FAULT-13", "An update whose reply was lost is done again, after it had been done."
)
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


@network_mutant("ZB-FAULT-14", "open says that there is no array where there is no server.")
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
