"""Urls taken apart, with an error of ours where they cannot be."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from zarr_backends._storage.redaction import redact
from zarr_backends.errors import ConfigurationError

__all__ = ["parts_of"]


def parts_of(url: str, *, backend: str) -> SplitResult:
    """Return the parts of a url.

    Args:
        url: A url with any scheme.
        backend: Backend id, for the error.

    Raises:
        ConfigurationError: It is no url; it is quoted without its password.
    """
    try:
        return urlsplit(url)
    except ValueError:
        message = f"{redact(url)!r:.200} is no url; a bracket in it is written as %5B or %5D"
        # Not chained: what the standard library says quotes passwords.
        raise ConfigurationError(message, backend=backend, option="target") from None
