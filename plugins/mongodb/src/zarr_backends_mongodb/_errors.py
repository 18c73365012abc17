"""From the errors of MongoDB and its client to ours: one table, and one place that uses it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from dns.exception import DNSException
from dns.resolver import NXDOMAIN, NoAnswer
from pymongo import errors as mongo

from zarr_backends import (
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    ConflictError,
    CorruptStorageError,
    NetworkError,
    PermissionDeniedError,
    StorageFullError,
    ZarrBackendsError,
)
from zarr_backends_mongodb._options import BACKEND_ID

__all__ = ["DUPLICATE_KEY", "failure_of"]

DUPLICATE_KEY = 11000
"""Code of a document that a unique index refuses."""

_Class: TypeAlias = type[ZarrBackendsError]

_CODES: Mapping[int, _Class] = MappingProxyType(
    # Unauthorized, AuthenticationFailed, UserNotFound, UserWritesBlocked,
    # ReauthenticationRequired; what Atlas says to everything
    dict.fromkeys((13, 18, 11, 371, 391, 8000), PermissionDeniedError)
    # MaxTimeMSExpired, WriteConcernTimeout, ExceededTimeLimit, LockTimeout, NetworkTimeout,
    # NetworkInterfaceExceededTimeLimit
    | dict.fromkeys((50, 64, 262, 24, 89, 202), BackendTimeoutError)
    # WriteConflict
    | dict.fromkeys((DUPLICATE_KEY, 112), ConflictError)
    # OutOfDiskSpace
    | dict.fromkeys((14031,), StorageFullError)
    # HostUnreachable, HostNotFound, SocketException, FailedToSatisfyReadPreference
    | dict.fromkeys((6, 7, 9001, 133), NetworkError)
    # ShutdownInProgress, PrimarySteppedDown, LegacyNotPrimary, NotWritablePrimary,
    # InterruptedAtShutdown, InterruptedDueToReplStateChange, NotPrimaryNoSecondaryOk,
    # NotPrimaryOrSecondary
    | dict.fromkeys((91, 189, 10058, 10107, 11600, 11602, 13435, 13436), NetworkError)
    # CursorNotFound, CursorKilled, ReadConcernMajorityNotAvailableYet, QueryPlanKilled,
    # SnapshotTooOld, SnapshotUnavailable, TemporarilyUnavailable,
    # IngressRequestRateLimitExceeded: it works when it is done again
    | dict.fromkeys((43, 237, 134, 175, 239, 246, 365, 462), NetworkError)
    # InvalidOptions, InvalidNamespace, UnknownReplWriteConcern, UnsatisfiableWriteConcern,
    # IndexOptionsConflict, IndexKeySpecsConflict, ReadConcernMajorityNotEnabled, NotAReplicaSet
    # (for the read concern), BadValue (of commands where only the write concern varies)
    | dict.fromkeys((72, 73, 79, 100, 85, 86, 148, 123, 2), ConfigurationError)
    # DataCorruptionDetected
    | dict.fromkeys((301,), CorruptStorageError)
)
"""Codes of the server, with the names that they have in its source, and Atlas's 8000."""

_OPTIONS: Mapping[int, str] = MappingProxyType(
    dict.fromkeys((79, 100, 2), "write_concern")
    | dict.fromkeys((123, 148), "read_concern")
    | dict.fromkeys((73, 85, 86), "bucket")
)
"""Options that are at fault where a code says so."""

_CLASSES: tuple[tuple[type[BaseException], _Class], ...] = (
    (mongo.NetworkTimeout, BackendTimeoutError),
    (mongo.WTimeoutError, BackendTimeoutError),
    (mongo.ExecutionTimeout, BackendTimeoutError),
    (mongo.WaitQueueTimeoutError, BackendTimeoutError),
    (mongo.ConnectionFailure, NetworkError),
    (mongo.ProtocolError, NetworkError),
    (mongo.InvalidOperation, NetworkError),  # the client was closed by another thread
    (mongo.DocumentTooLarge, ConfigurationError),
    (mongo.InvalidName, ConfigurationError),
    (mongo.ConfigurationError, ConfigurationError),
    (mongo.PyMongoError, BackendError),
    (TimeoutError, BackendTimeoutError),
    (OSError, NetworkError),
)
"""Classes of the client; the first one that fits counts."""


def failure_of(error: Exception) -> ZarrBackendsError:
    """Return our error for one of MongoDB's client.

    Args:
        error: What a call raised.
    """
    kind = _class_of(error)
    option = _option_of(error) if kind is ConfigurationError else None
    text = " ".join(str(error).split())
    message = f"MongoDB: {type(error).__name__}: {text:.400}"
    transient = True if _is_lost(error) and kind is BackendError else None
    return kind(message, backend=BACKEND_ID, option=option, transient=transient)


def _class_of(error: Exception) -> _Class:
    """Return the class of our error."""
    if isinstance(error, mongo.ServerSelectionTimeoutError):
        return _of_selection(error)
    if isinstance(error, mongo.PyMongoError) and error.timeout:
        return BackendTimeoutError
    for code in _codes_of(error):
        if code in _CODES:
            return StorageFullError if _is_quota(code, error) else _CODES[code]
    if isinstance(error, mongo.ConfigurationError) and _is_unanswered(error):
        return NetworkError
    for theirs, ours in _CLASSES:
        if isinstance(error, theirs):
            return ours
    # A reply that is none is found out by whatever parses it.
    return NetworkError if _is_lost(error) else BackendError


def _of_selection(error: mongo.ServerSelectionTimeoutError) -> _Class:
    """Return the class for no server in time: it was silent, or could not be reached."""
    described: Any = error.details
    servers = described.server_descriptions().values() if described else ()
    faults = [server.error for server in servers if server.error is not None]
    if faults and not all(isinstance(fault, mongo.NetworkTimeout) for fault in faults):
        return NetworkError
    return BackendTimeoutError if faults or not servers else NetworkError


def _codes_of(error: Exception) -> list[int]:
    """Return the codes that the server gave, the outermost first."""
    details = error.details if isinstance(error, mongo.OperationFailure) else None
    codes = [error.code] if isinstance(error, mongo.OperationFailure) else []
    for name in ("writeErrors", "writeConcernErrors"):
        codes += [one.get("code") for one in (details or {}).get(name, ())]
    return [code for code in codes if isinstance(code, int)]


def _option_of(error: Exception) -> str:
    """Return the option that is at fault."""
    return next((_OPTIONS[code] for code in _codes_of(error) if code in _OPTIONS), "url")


def _is_quota(code: int, error: Exception) -> bool:
    """Whether Atlas says by its one code that there is no more space."""
    atlas = 8000
    return code == atlas and "space quota" in str(error)


def _is_unanswered(error: Exception) -> bool:
    """Whether a name behind mongodb+srv could not be looked up, be it right or wrong."""
    cause = error.__cause__ or error.__context__
    return isinstance(cause, DNSException) and not isinstance(cause, NXDOMAIN | NoAnswer)


def _is_lost(error: Exception) -> bool:
    """Whether what came back was no reply of a server."""
    return isinstance(error, ValueError | KeyError | IndexError | TypeError)
