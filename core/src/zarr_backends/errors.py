"""Every error of the project, in one tree.

Each class has two parents: one of ours, so that ``except ZarrBackendsError`` catches all
of them, and a built-in one, so that ordinary ``except`` clauses keep working. What went
wrong is in attributes (``backend``, ``index``, ``key``, ``option``, ``transient``); a
message is for people and never has to be parsed. No message ever holds a credential.

::

    ZarrBackendsError
    |-- BackendError (OSError)              the storage failed, or has no such thing
    |   |-- NotFoundError                   ... definitely absent
    |   |   |-- ArrayNotFoundError (FileNotFoundError)
    |   |   |-- ChunkNotFoundError (KeyError)
    |   |   `-- MetadataNotFoundError (KeyError)
    |   |-- ArrayExistsError (FileExistsError)
    |   |-- PermissionDeniedError (PermissionError)
    |   |-- BackendTimeoutError (TimeoutError)
    |   |-- NetworkError (ConnectionError)
    |   |-- StorageFullError
    |   |-- ConflictError
    |   `-- CorruptStorageError (ValueError)
    |-- ConfigurationError (ValueError)     the caller asked for something that cannot be
    |-- UnknownBackendError (LookupError)
    |-- InvalidBackendError (TypeError)
    |-- MetadataError (ValueError)          a document that is not a Zarr array
    `-- CodecError (ValueError)             bytes that cannot be encoded or decoded
        `-- ChunkCorruptionError
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ArrayExistsError",
    "ArrayNotFoundError",
    "BackendError",
    "BackendTimeoutError",
    "ChunkCorruptionError",
    "ChunkNotFoundError",
    "CodecError",
    "ConfigurationError",
    "ConflictError",
    "CorruptStorageError",
    "InvalidBackendError",
    "MetadataError",
    "MetadataNotFoundError",
    "NetworkError",
    "NotFoundError",
    "PermissionDeniedError",
    "StorageFullError",
    "UnknownBackendError",
    "ZarrBackendsError",
]


class ZarrBackendsError(Exception):
    """Root of every error that this project raises.

    Args:
        message: One or two sentences for people: what, which value, what to do about it.
        backend: Id of the backend concerned, such as ``"filesystem"``.
        index: Chunk index concerned.
        key: Store key concerned.
        option: Option of ``create`` or ``open`` concerned.
        transient: Whether the same call may succeed when it is made again; the class
            decides when it is left out.
    """

    transient: bool = False
    """Whether a retry can help. Only transient errors are ever retried."""

    def __init__(  # noqa: PLR0913  # what a message may be about
        self,
        message: str,
        *,
        backend: str | None = None,
        index: tuple[int, ...] | None = None,
        key: str | None = None,
        option: str | None = None,
        transient: bool | None = None,
    ) -> None:
        """Keep the message and what it is about."""
        super().__init__(message)
        self.message = message
        self.backend = backend
        self.index = index
        self.key = key
        self.option = option
        if transient is not None:
            self.transient = transient

    def __str__(self) -> str:
        """Return the message alone (KeyError and OSError would dress it up)."""
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with the attributes, so that worker processes hand errors back whole."""
        return type(self), (self.message,), self.__dict__


class BackendError(ZarrBackendsError, OSError):
    """The storage failed; nothing is known about whether the thing is there."""


class NotFoundError(BackendError):
    """The storage answered, and what was asked for is definitely absent."""


class ArrayNotFoundError(NotFoundError, FileNotFoundError):
    """No array is stored at the place that `open` was given."""


class ChunkNotFoundError(NotFoundError, KeyError):
    """The chunk was never written or has been deleted; an array reads its fill value."""


class MetadataNotFoundError(NotFoundError, KeyError):
    """The array has no metadata document."""


class ArrayExistsError(BackendError, FileExistsError):
    """`create` was called on an occupied place without ``overwrite=True``."""


class PermissionDeniedError(BackendError, PermissionError):
    """The storage refused the caller: missing rights, wrong credentials or read-only."""


class BackendTimeoutError(BackendError, TimeoutError):
    """The storage did not answer within the time-out; transient."""

    transient = True


class NetworkError(BackendError, ConnectionError):
    """The connection was refused, reset or lost; transient."""

    transient = True


class StorageFullError(BackendError):
    """No space or quota is left; what was stored before is unchanged."""


class ConflictError(BackendError):
    """Someone else changed the same thing in between; transient, as a retry rereads it."""

    transient = True


class CorruptStorageError(BackendError, ValueError):
    """The container itself (an archive, a database file) is damaged or hostile."""


class ConfigurationError(ZarrBackendsError, ValueError):
    """An option, a url or an argument is unknown, missing, of a wrong type or impossible."""


class UnknownBackendError(ZarrBackendsError, LookupError):
    """No installed backend has this id or url scheme; the message says what has."""


class InvalidBackendError(ZarrBackendsError, TypeError):
    """A class or plugin does not fulfil the contract; the message says which members."""


class MetadataError(ZarrBackendsError, ValueError):
    """A metadata document is not that of a Zarr array, or asks for what is unsupported."""


class CodecError(ZarrBackendsError, ValueError):
    """A codec is unknown, misconfigured, or failed on this data."""


class ChunkCorruptionError(CodecError):
    """Stored chunk bytes do not decode to exactly one chunk; ``index`` says which."""
