"""From the errors of file systems to ours: one table, and one place that uses it.

The table has names of classes, so that no library is imported for it. A class is looked up
by its own name, then by those of its parents; what stands there is a `Meaning`, or a function
that finds one by looking into the error.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from zarr_backends import (
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    NetworkError,
    PermissionDeniedError,
    StorageFullError,
    ZarrBackendsError,
)

__all__ = ["ERRORS", "ErrorTable", "Meaning", "StatusError", "meaning_of_status", "translated"]


class Meaning(NamedTuple):
    """What an error of a library means."""

    error: type[ZarrBackendsError]
    advice: str = ""
    """What to do about it, for the message."""
    transient: bool | None = None
    """Whether a retry can help; None leaves it to the class."""


ErrorTable: TypeAlias = Mapping[str, Meaning | Callable[[Any], Meaning]]
"""Full name of an exception class to what it means."""


class StatusError(Exception):
    """An HTTP status that is no success."""

    def __init__(self, status: int, reason: str = "") -> None:
        """Keep the status."""
        super().__init__(f"HTTP status {status} {reason}".rstrip())
        self.status = status


_DENIED = Meaning(PermissionDeniedError, "check the credentials and the rights that they have")
_LOST = Meaning(NetworkError)
_LATE = Meaning(BackendTimeoutError)
_FULL = Meaning(StorageFullError, "no space or quota is left")
_FAILED = Meaning(BackendError)
_BUSY = Meaning(BackendError, "the server is busy or away for a while", transient=True)
_IMPOSSIBLE = Meaning(ConfigurationError, "this file system cannot do it")

_NETWORK_ERRNOS = frozenset(
    getattr(errno, name)
    for name in (
        *("ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "EHOSTDOWN", "EHOSTUNREACH"),
        *("ENETDOWN", "ENETRESET", "ENETUNREACH", "ENOTCONN", "EPIPE", "EBADF", "ESHUTDOWN"),
    )
    if hasattr(errno, name)
)

_ERRNOS: Mapping[int, Meaning] = MappingProxyType(
    {
        **dict.fromkeys(_NETWORK_ERRNOS, _LOST),
        **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _DENIED),
        **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), _FULL),
        errno.ETIMEDOUT: _LATE,
    }
)


def meaning_of_status(status: int) -> Meaning:
    """Return what an HTTP status means that is no success."""
    if status in (401, 403, 407):
        return _DENIED
    if status in (408, 425, 429, 502, 503, 504):
        return _BUSY
    if status == 507:  # noqa: PLR2004  # Insufficient Storage
        return _FULL
    return _FAILED


def _of_errno(error: OSError) -> Meaning:
    return _ERRNOS.get(error.errno or 0, _FAILED)


def _of_status(error: Any) -> Meaning:
    return meaning_of_status(int(getattr(error, "status", 0) or 0))


def _of_response(error: Any) -> Meaning:
    status = getattr(getattr(error, "response", None), "status_code", 0)
    return meaning_of_status(int(status or 0))


def _of_ftp_reply(error: Exception) -> Meaning:
    """Tell by the code that an FTP reply begins with; 550 is said of many things."""
    code, text = str(error)[:3], str(error).lower()
    if code in ("530", "532", "533", "553") or "denied" in text or "not enough priv" in text:
        return _DENIED
    if code in ("452", "552"):
        return _FULL
    if code in ("421", "425", "426"):
        return _LOST
    return _BUSY if code.startswith("4") else _FAILED


def _of_smb(error: Any) -> Meaning:
    statuses = {
        **dict.fromkeys((0xC0000022, 0xC00000A2), _DENIED),
        **dict.fromkeys((0xC000007F, 0xC0000044), _FULL),
    }
    return statuses.get(getattr(error, "ntstatus", 0), _FAILED)


_INSTALL = Meaning(ConfigurationError, "install what this file system needs")
_HOST_KEY = Meaning(
    ConfigurationError,
    "the server's key is not among the known hosts: add it to ~/.ssh/known_hosts, or give "
    "storage_options={'known_hosts': file}",
)
_CERTIFICATE = Meaning(ConfigurationError, "the server's certificate cannot be verified")

ERRORS: ErrorTable = MappingProxyType(
    {
        "builtins.Exception": _FAILED,
        "builtins.OSError": _of_errno,
        "builtins.PermissionError": _DENIED,
        "builtins.TimeoutError": _LATE,
        "builtins.ConnectionError": _LOST,
        "builtins.EOFError": _LOST,
        "builtins.ImportError": _INSTALL,
        "builtins.NotImplementedError": _IMPOSSIBLE,
        "socket.gaierror": _LOST,
        "ssl.SSLError": _LOST,
        "ssl.SSLCertVerificationError": _CERTIFICATE,
        "fsspec.exceptions.FSTimeoutError": _LATE,
        "zarr_backends_fsspec._errors.StatusError": _of_status,
        # --- HTTP -------------------------------------------------------------------
        "aiohttp.client_exceptions.ClientError": _LOST,
        "aiohttp.client_exceptions.ClientResponseError": _of_status,
        "aiohttp.client_exceptions.InvalidURL": Meaning(ConfigurationError, "correct the url"),
        "aiohttp.client_exceptions.ClientConnectorCertificateError": _CERTIFICATE,
        "httpx.TransportError": _LOST,
        "httpx.TimeoutException": _LATE,
        "httpx.InvalidURL": Meaning(ConfigurationError, "correct the url"),
        "requests.exceptions.HTTPError": _of_response,
        "requests.exceptions.ConnectionError": _LOST,
        "requests.exceptions.ChunkedEncodingError": _LOST,
        "requests.exceptions.Timeout": _LATE,
        # --- SFTP -------------------------------------------------------------------
        "asyncssh.misc.DisconnectError": _LOST,
        "asyncssh.misc.PermissionDenied": _DENIED,
        "asyncssh.misc.HostKeyNotVerifiable": _HOST_KEY,
        "asyncssh.misc.ChannelOpenError": _LOST,
        "asyncssh.public_key.KeyImportError": Meaning(ConfigurationError, "give another key file"),
        "asyncssh.sftp.SFTPError": _FAILED,
        "asyncssh.sftp.SFTPPermissionDenied": _DENIED,
        "asyncssh.sftp.SFTPWriteProtect": _DENIED,
        "asyncssh.sftp.SFTPNoConnection": _LOST,
        "asyncssh.sftp.SFTPConnectionLost": _LOST,
        "asyncssh.sftp.SFTPNoSpaceOnFilesystem": _FULL,
        "asyncssh.sftp.SFTPQuotaExceeded": _FULL,
        # --- FTP --------------------------------------------------------------------
        "ftplib.Error": _of_ftp_reply,
        # --- SMB --------------------------------------------------------------------
        "smbprotocol.exceptions.SMBException": _LOST,
        "smbprotocol.exceptions.SMBOSError": _of_smb,
        "smbprotocol.exceptions.LogonFailure": _DENIED,
        "smbprotocol.exceptions.AccessDenied": _DENIED,
        "spnego.exceptions.SpnegoError": _DENIED,
    }
)
"""What the libraries of file systems raise. A backend on one of them adds its own."""


def translated(  # noqa: PLR0913  # what a message is about
    error: Exception,
    table: ErrorTable = ERRORS,
    *,
    backend: str,
    place: str,
    key: str | None = None,
    secrets: Iterable[str] = (),
) -> ZarrBackendsError:
    """Return the error of ours that an error means, with its cause set.

    Args:
        error: Whatever a library has raised.
        table: What errors mean.
        backend: Id of the backend.
        place: Where it happened, without credentials.
        key: Key that it is about.
        secrets: What must not be seen, in the message or in the cause.
    """
    if isinstance(error, ZarrBackendsError):
        return error
    meaning = _meaning(error, table)
    text = str(error) or type(error).__name__
    shown = text
    for secret in secrets:
        shown = shown.replace(secret, "***")
    at = f"{place} (key {key!r})" if key else place
    advice = f"; {meaning.advice}" if meaning.advice else ""
    failure = meaning.error(
        f"{at}: {type(error).__name__}: {shown:.300}{advice}",
        backend=backend,
        key=key,
        transient=meaning.transient,
    )
    failure.__cause__ = _harmless(error, secrets)
    return failure


def _meaning(error: Exception, table: ErrorTable) -> Meaning:
    """Return what an error means, by its class and those above it."""
    for cls in type(error).__mro__:
        found = table.get(f"{cls.__module__}.{cls.__qualname__}")
        if found is not None:
            return found if isinstance(found, Meaning) else found(error)
    return _FAILED


def _harmless(error: Exception, secrets: Iterable[str]) -> Exception:
    """Return an error, or one that stands for it where it or its causes show a secret."""
    texts = [text for link in _chain(error) for text in (str(link), repr(link))]
    if not any(secret in text for secret in secrets for text in texts):
        return error
    return RuntimeError(f"{type(error).__name__}, not shown because it has a credential in it")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came of."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
