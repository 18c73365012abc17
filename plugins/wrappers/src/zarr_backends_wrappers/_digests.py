"""Digests of values: SHA-256, or BLAKE3 where its package is installed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeAlias

from zarr_backends import Buffer, ConfigurationError

__all__ = ["ALGORITHMS", "Digest", "digest_named"]

Digest: TypeAlias = Callable[[Buffer], str]
"""Bytes to hexadecimal digits."""

ALGORITHMS = ("blake3", "sha256")


def digest_named(wrapper: str, name: str) -> Digest:
    """Return a digest.

    Args:
        wrapper: Id of the wrapper, for the error.
        name: One of `ALGORITHMS`.

    Raises:
        ConfigurationError: Its package is not installed.
    """
    if name == "sha256":
        return lambda data: hashlib.sha256(data).hexdigest()
    try:
        from blake3 import blake3  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        message = 'algorithm="blake3" needs: pip install "zarr-backends-wrappers[blake3]"'
        raise ConfigurationError(message, backend=wrapper, option="algorithm") from error
    return lambda data: str(blake3(data).hexdigest())
