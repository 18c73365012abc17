"""Clients of MongoDB that instances of this process share: one for each url.

A client is closed with the last instance that uses it. A forked child makes clients of its
own; those of its parent are kept aside there and never touched.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import pymongo
from dns.exception import DNSException, Timeout
from dns.resolver import resolve
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from zarr_backends import BackendTimeoutError
from zarr_backends_mongodb._deadlines import Refusal
from zarr_backends_mongodb._errors import failure_of
from zarr_backends_mongodb._options import BACKEND_ID
from zarr_backends_mongodb._turns import Turns

__all__ = ["Address", "SharedClient", "leased", "look_up"]

_CONNECT_S = 10.0
"""Seconds that connecting may take where the url does not say; a call's own time may be less,
but what watches the servers has no other bound."""

_SELECTION_S = 3600.0
"""Seconds of looking for a server: longer than any call may take, whose time counts instead."""


_CLOSE_S = 1.0
"""Seconds for telling the servers that a client is done; they find out by themselves too."""


class Address(NamedTuple):
    """What instances must have in common to share a client."""

    url: str
    username: str | None
    password: str | None


class SharedClient:
    """A client, and what is known of its buckets."""

    def __init__(self, address: Address) -> None:
        """Prepare; nothing is connected."""
        try:
            self.client: MongoClient[dict[str, Any]] = MongoClient(
                address.url,
                connect=False,
                tz_aware=False,
                serverSelectionTimeoutMS=int(_SELECTION_S * 1000),
                **_more(address),
            )
        except Exception as error:
            failure = failure_of(error)
            raise failure from error
        self.users = 0
        self.refusal = Refusal()
        self.turns = Turns()
        self.ready: dict[tuple[str, str], float] = {}
        """Database and bucket to when it was last swept, on this process's clock."""


def _more(address: Address) -> dict[str, Any]:
    """Return options of a client that its url does not say."""
    login = {"username": address.username, "password": address.password}
    defaults = {"connectTimeoutMS": int(_CONNECT_S * 1000), "appname": "zarr-backends"}
    url = address.url.lower()
    wanted = {name: value for name, value in defaults.items() if f"{name.lower()}=" not in url}
    return wanted | {name: value for name, value in login.items() if value is not None}


_clients: dict[Address, SharedClient] = {}
_of_parents: list[SharedClient] = []
_lock = threading.RLock()


def _forget() -> None:
    """Begin anew in a forked child; another thread may have held the lock."""
    global _lock  # noqa: PLW0603  # the one place where it changes
    _lock = threading.RLock()
    _of_parents.extend(_clients.values())
    _clients.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def look_up(address: Address, srv_name: str, timeout_s: float) -> None:
    """Ask for the servers behind ``mongodb+srv`` before the client does, who takes its time.

    Args:
        address: Whose client is about to be used; one that is in use knows its servers.
        srv_name: Name of the records.
        timeout_s: Seconds that there are.

    Raises:
        BackendTimeoutError: No name server answered. Other failures the client tells of.
    """
    if address in _clients:
        return
    try:
        resolve(srv_name, "SRV", lifetime=timeout_s)
    except Timeout as error:
        message = f"no name server told of {srv_name} within {timeout_s:g} s"
        raise BackendTimeoutError(message, backend=BACKEND_ID) from error
    except DNSException:
        pass


def leased(address: Address, owner: object) -> tuple[SharedClient, Callable[[], object]]:
    """Return the client for an address, and the function that gives it back.

    Args:
        address: Which.
        owner: Who uses it; it is given back at the latest when this object is gone.
    """
    with _lock:
        shared = _clients.get(address)
        if shared is None:
            shared = _clients[address] = SharedClient(address)
        shared.users += 1
    return shared, weakref.finalize(owner, _give_back, os.getpid(), address, shared)


def _give_back(pid: int, address: Address, shared: SharedClient) -> None:
    """Take note that someone is done; close the client after the last."""
    if pid != os.getpid():
        return
    with _lock:
        shared.users -= 1
        if shared.users:
            return
        if _clients.get(address) is shared:
            del _clients[address]
    with suppress(PyMongoError), pymongo.timeout(_CLOSE_S):
        shared.client.close()
