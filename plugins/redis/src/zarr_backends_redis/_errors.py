"""From the errors of Redis and its client to ours: one table, and one place that uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions

from zarr_backends import (
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    CorruptStorageError,
    NetworkError,
    PermissionDeniedError,
    StorageFullError,
    ZarrBackendsError,
)
from zarr_backends_redis._deadlines import Deadline

__all__ = ["BACKEND_ID", "failure_of", "is_read_only", "moved_to", "translated"]

BACKEND_ID = "redis"

_Class = type[ZarrBackendsError]

_KINDS: tuple[tuple[type[Exception], _Class], ...] = (
    (exceptions.AuthenticationError, PermissionDeniedError),
    (exceptions.AuthorizationError, PermissionDeniedError),
    (exceptions.NoPermissionError, PermissionDeniedError),
    (exceptions.OutOfMemoryError, StorageFullError),
    (exceptions.ReadOnlyError, PermissionDeniedError),
    (exceptions.TryAgainError, NetworkError),
    (exceptions.AskError, NetworkError),  # and MovedError
    (exceptions.ClusterError, NetworkError),
    (exceptions.ConnectionError, NetworkError),
    (exceptions.TimeoutError, BackendTimeoutError),
    (exceptions.InvalidResponse, NetworkError),
    (TimeoutError, BackendTimeoutError),
    (OSError, NetworkError),
)
"""What classes of redis-py mean; the first one that fits counts."""

_TEXTS: tuple[tuple[re.Pattern[str], _Class], ...] = (
    (re.compile(r"CERTIFICATE_VERIFY_FAILED|certificate verify failed"), PermissionDeniedError),
    (re.compile(r"\bOOM command not allowed"), StorageFullError),
    (re.compile(r"^WRONGTYPE"), CorruptStorageError),
    (re.compile(r"^NOPERM|\bACL failure in script"), PermissionDeniedError),
    (re.compile(r"DB index is out of range|invalid DB index|SELECT is not allowed"),
     ConfigurationError),
    (re.compile(r"^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|LOADING|UNBLOCKED)\b"),
     NetworkError),
    (re.compile(r"^BUSY\b"), BackendTimeoutError),
    (re.compile(r"Protocol error"), NetworkError),
)  # fmt: skip
"""What texts mean; they are looked at before classes."""

_MOVED = re.compile(r"(?:MOVED )?\d+ (?P<host>.*):(?P<port>\d+)$")


@contextmanager
def translated(deadline: Deadline) -> Iterator[None]:
    """Turn whatever Redis or its client raises into errors of ours.

    Args:
        deadline: What fails after its end does so because of it.

    Yields:
        Nothing.

    Raises:
        ZarrBackendsError: What an error means.
    """
    try:
        yield
    except ZarrBackendsError:
        raise
    except Exception as error:
        failure = failure_of(error, deadline)
        raise failure from error


def failure_of(error: Exception, deadline: Deadline) -> ZarrBackendsError:
    """Return our error for one of Redis or its client.

    Args:
        error: What was raised, or the reply that says so.
        deadline: Of the call.
    """
    if deadline.remaining_s == 0 and not isinstance(error, exceptions.ResponseError):
        message = f"Redis did not answer within {deadline.timeout_s:.3g} s"
        return BackendTimeoutError(message, backend=BACKEND_ID)
    kind = _kind_of(error)
    text = " ".join(str(error).split())[:400]
    option = "url" if kind is ConfigurationError else None
    return kind(f"Redis: {text or type(error).__name__}", backend=BACKEND_ID, option=option)


def moved_to(error: Exception, asked: str) -> tuple[str, int] | None:
    """Return the address of the server of a cluster that has the keys, if an error says so.

    Args:
        error: A reply.
        asked: Host of the server that replied; it counts where no other is named.
    """
    if not isinstance(error, exceptions.MovedError) and not str(error).startswith("MOVED "):
        return None
    match = _MOVED.match(str(error))
    return (match["host"].strip("[]") or asked, int(match["port"])) if match else None


def is_read_only(error: Exception) -> bool:
    """Whether a server refuses to write because it follows another one."""
    return isinstance(error, exceptions.ReadOnlyError) or str(error).startswith("READONLY")


def _kind_of(error: Exception) -> _Class:
    """Return the class of our error."""
    text = str(error)
    for pattern, kind in _TEXTS:
        if pattern.search(text):
            return kind
    return next((ours for theirs, ours in _KINDS if isinstance(error, theirs)), BackendError)
