"""One conversation with Redis: finds the server, follows it when it moves, translates errors.

1. The server is the one that the url names; or the primary that a sentinel names; or the
   first of a cluster that can be reached.
2. A server of a cluster that has not got the keys says which one has ("MOVED"), having done
   nothing. That one is asked, now and from then on.
3. After any failure of the line the search begins anew with the next call. Nothing that may
   have been done is done twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from redis.exceptions import ExecAbortError

from zarr_backends import (
    BackendTimeoutError,
    ConfigurationError,
    NetworkError,
    PermissionDeniedError,
    ZarrBackendsError,
)
from zarr_backends_redis._clients import Command, leased
from zarr_backends_redis._deadlines import Deadline
from zarr_backends_redis._errors import (
    BACKEND_ID,
    failure_of,
    is_read_only,
    moved_to,
    translated,
)
from zarr_backends_redis._options import Settings
from zarr_backends_redis._urls import Address

__all__ = ["Session"]

_NMOVES = 8
"""Times that one call goes to another server."""

_PAUSE_S = 0.05
"""Wait while sentinels and servers do not agree."""

_WAIT_SHARE = 0.75
"""Part of the time that is left in which replicas have to answer."""


class Session:
    """The connections of one instance in one process.

    Args:
        settings: What servers are reached with.
    """

    def __init__(self, settings: Settings) -> None:
        """Take a share of this process's connections."""
        self._settings = settings
        self._address: Address | None = None
        self._clients, self.close = leased(settings, self)

    def run(self, commands: Sequence[Command], deadline: Deadline | None = None) -> list[Any]:
        """Send commands in one go and return the replies.

        Args:
            commands: What is sent, to one server.
            deadline: Of the call, where that is more than this.

        Returns:
            One reply for each command.

        Raises:
            ZarrBackendsError: The line failed, or one of the replies is an error.
        """
        deadline = deadline or Deadline(self._settings.timeout_s)
        with deadline, translated(deadline):
            try:
                return self._run(commands, deadline)
            except Exception as error:
                if getattr(error, "transient", True):
                    self._address = None
                raise

    def write(self, commands: Sequence[Command], deadline: Deadline | None = None) -> list[Any]:
        """Do as `run`, and wait for as many replicas as the settings ask for.

        Args:
            commands: What is sent, to one server.
            deadline: Of the call, where that is more than this.

        Returns:
            One reply for each command.

        Raises:
            BackendTimeoutError: The primary has it, and not enough replicas.
        """
        count = self._settings.min_replicas
        if not count:
            return self.run(commands, deadline)
        deadline = deadline or Deadline(self._settings.timeout_s)
        wait_ms = max(1, int(deadline.remaining_s * _WAIT_SHARE * 1000))
        *replies, reached = self.run([*commands, ("WAIT", count, wait_ms)], deadline)
        if reached < count:
            message = (
                f"Redis: {reached} replicas have the write after {wait_ms / 1000:g} s, and "
                f"min_replicas={count}; the primary has it"
            )
            raise BackendTimeoutError(message, backend=BACKEND_ID)
        return replies

    def _run(self, commands: Sequence[Command], deadline: Deadline) -> list[Any]:
        """Send commands to the server that has the keys."""
        failure: Exception | None = None
        for _ in range(_NMOVES):
            address = self._address or self._found(deadline)
            replies = self._clients.exchange(address, commands, deadline)
            failure = _first_error(replies)
            if failure is None:
                self._address = address
                return replies
            moved = moved_to(failure, address[0])
            if moved:
                self._address = moved
            elif is_read_only(failure) and self._settings.place.kind != "server":
                self._address = None
                time.sleep(min(_PAUSE_S, deadline.remaining_s))
            else:
                raise failure_of(failure, deadline) from failure
        message = f"Redis: servers sent each other {_NMOVES} times: {failure}"
        raise NetworkError(message, backend=BACKEND_ID)

    def _found(self, deadline: Deadline) -> Address:
        """Return the address of a server to begin with.

        Raises:
            ZarrBackendsError: There is none, for the reason that the last one gave.
            PermissionDeniedError: One of them refuses.
        """
        place = self._settings.place
        if len(place.seeds) == 1 and place.kind != "sentinel":
            return place.seeds[0]
        failure = ZarrBackendsError("no server is named", backend=BACKEND_ID)
        for done, seed in enumerate(place.seeds):
            try:
                with deadline.share(len(place.seeds) - done) as part, translated(part):
                    if place.kind == "sentinel":
                        return self._primary(seed, part)
                    _raise_first(self._clients.exchange(seed, [("PING",)], part))
                    return seed
            except PermissionDeniedError:
                raise
            except ZarrBackendsError as error:
                failure = error
        raise failure

    def _primary(self, sentinel: Address, deadline: Deadline) -> Address:
        """Return the address of the primary that a sentinel names.

        Raises:
            ConfigurationError: The sentinel knows none of that name.
            NetworkError: It is none, or not any more.
        """
        name = self._settings.place.master_name
        named = self._clients.ask_sentinel(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
        if named is None:
            message = f"the sentinel at {sentinel[0]}:{sentinel[1]} knows no primary {name!r:.80}"
            raise ConfigurationError(message, backend=BACKEND_ID, option="url")
        address = named[0].decode(), int(named[1])
        # During a failover sentinels still name the old primary, which may follow by now.
        (server,) = _raise_first(self._clients.exchange(address, [("HELLO",)], deadline))
        if b"master" not in server:
            message = f"Redis: the server at {address[0]}:{address[1]} is no primary (any more)"
            raise NetworkError(message, backend=BACKEND_ID)
        return address


def _raise_first(replies: list[Any]) -> list[Any]:
    """Return replies of which none is an error."""
    error = _first_error(replies)
    if error is not None:
        raise error
    return replies


def _first_error(replies: Sequence[Any]) -> Exception | None:
    """Return the error that says most, None where there is none."""
    errors = list(_errors_in(replies))
    reasons = (error for error in errors if not isinstance(error, ExecAbortError))
    return next(reasons, errors[0] if errors else None)


def _errors_in(replies: Sequence[Any]) -> Iterator[Exception]:
    """Yield errors, also those of commands in a transaction."""
    for reply in replies:
        if isinstance(reply, Exception):
            yield reply
        elif isinstance(reply, list):
            yield from (one for one in reply if isinstance(one, Exception))
