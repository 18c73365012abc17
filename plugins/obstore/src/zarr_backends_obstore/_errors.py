"""From obstore's errors to ours: one table, and one place that uses it.

obstore has few classes of errors, and most of what a service says comes as its
``GenericError``. So a meaning is looked up by the code in the reply first, then by the HTTP
status, then by the kind of a failure below HTTP, then by the class.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from zarr_backends import (
    BackendError,
    BackendTimeoutError,
    ConfigurationError,
    ConflictError,
    NetworkError,
    PermissionDeniedError,
    StorageFullError,
    ZarrBackendsError,
)

__all__ = ["is_absent", "is_raced", "is_taken", "is_unsatisfiable_range", "translated"]


class _Meaning(NamedTuple):
    """What an error means."""

    error: type[ZarrBackendsError]
    advice: str = ""
    """What to do about it, for the message."""
    transient: bool | None = None
    """Whether a retry can help; None leaves it to the class."""


_NO_PLACE = _Meaning(
    ConfigurationError, "there is no such bucket or container; create it, or correct the name"
)
_DENIED = _Meaning(PermissionDeniedError, "check the credentials and the rights that they have")
_REGION = _Meaning(ConfigurationError, "give the bucket's own region as the option region")
_LOST = _Meaning(NetworkError)
_LATE = _Meaning(BackendTimeoutError)
_FULL = _Meaning(StorageFullError, "no space or quota is left")
_BUSY = _Meaning(BackendError, "the service is busy or away for a while", transient=True)
_CONFLICT = _Meaning(ConflictError)
_FAILED = _Meaning(BackendError)
_KEY = _Meaning(ConfigurationError, "no object can have such a name; use another key")

_CODES: Mapping[str, _Meaning] = MappingProxyType(
    {
        **dict.fromkeys(("NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"), _NO_PLACE),
        "The specified container does not exist": _NO_PLACE,
        "The specified bucket does not exist": _NO_PLACE,
        **dict.fromkeys(("QuotaExceeded", "InsufficientAccountSpace"), _FULL),
        **dict.fromkeys(("AccountIsDisabled", "InsufficientAccountPermissions"), _DENIED),
        **dict.fromkeys(("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"), _DENIED),
        **dict.fromkeys(("ExpiredToken", "InvalidToken"), _DENIED),
        **dict.fromkeys(("PermanentRedirect", "AuthorizationHeaderMalformed"), _REGION),
        **dict.fromkeys(("SlowDown", "ServerBusy", "RequestTimeout", "InternalError"), _BUSY),
    }
)
"""Code of a reply, or a sentence where there is no code, to its meaning."""

_STATUSES: Mapping[int, _Meaning] = MappingProxyType(
    {
        301: _REGION,
        **dict.fromkeys((401, 403, 407), _DENIED),
        **dict.fromkeys((408, 425, 429, 500, 502, 503, 504), _BUSY),
        **dict.fromkeys((409, 412), _CONFLICT),
        **dict.fromkeys((413, 507), _FULL),
    }
)
"""HTTP status to its meaning."""

_KINDS: Mapping[str, _Meaning] = MappingProxyType(
    {
        **dict.fromkeys(("Connect", "Request", "Interrupted", "Decode", "Body"), _LOST),
        "Timeout": _LATE,
    }
)
"""Kind of a failure below HTTP, as obstore names it, to its meaning."""

_CLASSES: Mapping[str, _Meaning] = MappingProxyType(
    {
        "TimeoutError": _LATE,
        "PermissionDeniedError": _DENIED,
        "UnauthenticatedError": _DENIED,
        "AlreadyExistsError": _CONFLICT,
        "PreconditionError": _CONFLICT,
        "InvalidPathError": _KEY,
        "UnknownConfigurationKeyError": _Meaning(ConfigurationError, "correct the option config"),
        "NotSupportedError": _Meaning(ConfigurationError, "this service cannot do it"),
        "ValueError": _KEY,
        "ConnectionError": _LOST,
    }
)
"""Name of a class to its meaning; one that is loaded twice has one name."""

_STATUS = re.compile(r"status code: (\d{3})|\(code: (\d{3})\)|\bstatus: (\d{3})\b")
_KIND = re.compile(r"\bkind: (\w+)")
_DEBUG = "\n\nDebug source:"
"""What comes after this is for the developers of the library."""

_SIGNED = re.compile(r"(?<=[?&])(sig|X-Amz-[A-Za-z-]+|X-Goog-[A-Za-z-]+|se|sp|sv)=[^&\s\"']+")
"""What a signed address has in its query."""


def is_absent(error: BaseException) -> bool:
    """Whether an error says that there is no such object, in a bucket that there is."""
    return isinstance(error, FileNotFoundError) and _code_of(str(error)) is not _NO_PLACE


def is_taken(error: BaseException) -> bool:
    """Whether an error says that the condition of a write does not hold."""
    return type(error).__name__ in {"AlreadyExistsError", "PreconditionError"} and (
        _code_of(str(error)) is None
    )


def is_raced(error: BaseException) -> bool:
    """Whether a server has dropped a change because of another one at the same time."""
    # Ceph has no name for that, and answers with status 500 and this code.
    return "UnknownError" in str(error).partition(_DEBUG)[0]


def is_unsatisfiable_range(error: BaseException) -> bool:
    """Whether an object ends before a range, or a server has ignored that there is one."""
    text = str(error)
    return _status_of(text) == 416 or "non-partial response" in text  # noqa: PLR2004  # its name


def translated(
    error: BaseException,
    *,
    backend: str,
    place: str,
    key: str | None = None,
    secrets: Iterable[str] = (),
) -> ZarrBackendsError:
    """Return the error of ours that an error means, with its cause set.

    Args:
        error: Whatever obstore has raised.
        backend: Id of the backend.
        place: Where it happened, without credentials.
        key: Key that it is about.
        secrets: What must not be seen, in the message or in the cause.

    Returns:
        The error; one of ours as it is.
    """
    if isinstance(error, ZarrBackendsError):
        return error
    meaning = _meaning(error)
    text = _SIGNED.sub(r"\1=***", str(error).partition(_DEBUG)[0]) or type(error).__name__
    for secret in secrets:
        text = text.replace(secret, "***")
    at = f"{place} (key {key!r})" if key else place
    advice = f"; {meaning.advice}" if meaning.advice else ""
    failure = meaning.error(
        f"{at}: {' '.join(text.split()):.400}{advice}",
        backend=backend,
        key=key,
        transient=meaning.transient,
    )
    failure.__cause__ = _harmless(error, secrets)
    return failure


def _meaning(error: BaseException) -> _Meaning:
    """Return what an error means."""
    text = str(error)
    if (by_code := _code_of(text)) is not None:
        return by_code
    status = _status_of(text)
    if status is not None:
        return _STATUSES.get(status, _FAILED)
    # The last kind is that of the innermost error; an outer one may be "Unknown".
    for kind in _KIND.findall(text):
        if kind in _KINDS:
            return _KINDS[kind]
    for cls in type(error).__mro__:
        if cls.__name__ in _CLASSES:
            return _CLASSES[cls.__name__]
    return _FAILED


def _code_of(text: str) -> _Meaning | None:
    """Return what the code in a reply means, None where it has none that we know."""
    reply = text.partition(_DEBUG)[0]
    return next((meaning for code, meaning in _CODES.items() if code in reply), None)


def _status_of(text: str) -> int | None:
    """Return the HTTP status that an error is about."""
    match = _STATUS.search(text)
    return int(next(filter(None, match.groups()))) if match else None


def _harmless(error: BaseException, secrets: Iterable[str]) -> BaseException:
    """Return an error, or one that stands for it where it or its causes show a secret."""
    texts = [text for link in _chain(error) for text in (str(link), repr(link))]
    if any(_SIGNED.search(text) or any(secret in text for secret in secrets) for text in texts):
        return RuntimeError(f"{type(error).__name__}, not shown: it has a credential in it")
    return error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came of."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
