"""Paths of folders, as users and urls give them.

Source: RFC 8089, "The file URI scheme".
"""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

from zarr_backends._storage.redaction import redact
from zarr_backends._storage.url_parts import parts_of
from zarr_backends.errors import ConfigurationError

__all__ = ["absolute_folder", "path_from_url"]

_DRIVE = re.compile(r"/[A-Za-z]:(?:/|$)")
"""How the path of a url starts that names a drive of Windows."""


def absolute_folder(path: object, *, backend: str) -> str:
    """Return the absolute path of a folder, which need not exist.

    Args:
        path: What a user gave.
        backend: Backend id, for the error.

    Raises:
        ConfigurationError: It is no path, or that of something else than a folder.
    """
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        message = f"path must be the path of a folder, not {path!r:.80}"
        raise ConfigurationError(message, backend=backend, option="path")
    folder = os.path.abspath(os.fsdecode(path))
    if not _is_encodable(folder):
        message = f"path {path!r:.80} holds characters that paths cannot have"
        raise ConfigurationError(message, backend=backend, option="path")
    if os.path.lexists(folder) and not os.path.isdir(folder):
        message = f"{folder} is there and is no folder; give a folder, or a path that is free"
        raise ConfigurationError(message, backend=backend, option="path")
    return folder


def path_from_url(url: str, *, backend: str) -> str:
    """Return the path in a url such as ``file:///data/run%201.zarr``.

    Args:
        url: A url with any scheme.
        backend: Backend id, for the error.

    Raises:
        ConfigurationError: It names another machine, or has a query, a fragment or no path.

    >>> path_from_url("file:///data/run%201.zarr", backend="filesystem")
    '/data/run 1.zarr'
    """
    parts = parts_of(url, backend=backend)
    if parts.netloc not in ("", "localhost"):
        message = (
            f"the url {redact(url)!r:.200} names a machine; "
            "a path on this one has three slashes: file:///folder/array"
        )
        raise ConfigurationError(message, backend=backend, option="target")
    if parts.query or parts.fragment or not parts.path:
        message = (
            f"the url {redact(url)!r:.200} must be a path alone; write '?' as %3F and '#' as %23"
        )
        raise ConfigurationError(message, backend=backend, option="target")
    try:
        path = unquote(parts.path, errors="strict")
    except UnicodeDecodeError as error:
        message = f"the url {redact(url)!r:.200} is not UTF-8 behind its % signs"
        raise ConfigurationError(message, backend=backend, option="target") from error
    return path[1:] if os.name == "nt" and _DRIVE.match(path) else path


def _is_encodable(path: str) -> bool:
    """Whether the system can be asked for a path."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False
