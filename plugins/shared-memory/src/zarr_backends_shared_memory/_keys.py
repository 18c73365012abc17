"""Store keys as the keys of LMDB, which have 511 bytes at most.

A key of up to 496 bytes is stored as ``k`` and its bytes. Of a longer one, ``k``, its first
464 bytes, a NUL and its SHA-256 are stored, 498 bytes in all, so that the length tells the two
apart; the whole key is then the value of ``n`` and the SHA-256.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from zarr_backends import ConfigurationError

__all__ = ["LongKey", "after_folder", "name_entry", "stored_key", "stored_prefix"]

LongKey = 498
"""Bytes of a stored key that stands for a longer one."""

_HEAD = 464
"""Bytes of a long key that are stored, so that listings find it by its beginning."""

_SHORT = 496
"""Bytes of the longest key that is stored as it is."""

_DIGEST = 32
"""Bytes of a SHA-256."""


def stored_key(key: str) -> bytes:
    """Return the key under which LMDB keeps a value.

    Raises:
        ConfigurationError: It is no text, empty, or cannot be written in UTF-8.
    """
    try:
        raw = key.encode()
    except (AttributeError, UnicodeEncodeError) as error:
        message = f"a key is a string of text, not {key!r:.80}"
        raise ConfigurationError(message, backend="shared_memory", option="key") from error
    if not raw:
        message = "a key must not be empty"
        raise ConfigurationError(message, backend="shared_memory", option="key")
    if len(raw) <= _SHORT:
        return b"k" + raw
    return b"k" + raw[:_HEAD] + b"\0" + sha256(raw).digest()


def stored_prefix(prefix: str) -> bytes:
    """Return what the stored keys of all keys with a prefix begin with."""
    return b"k" + prefix.encode("utf-8", "surrogatepass")[:_HEAD]


def name_entry(stored: bytes) -> bytes | None:
    """Return where the whole of a long key is kept; None for a short one."""
    return b"n" + stored[-_DIGEST:] if len(stored) == LongKey else None


def after_folder(prefix: str, name: str) -> Iterator[bytes]:
    """Yield where a listing goes on that passes over what is below a folder.

    Nothing is yielded for a folder whose name is too long for that.
    """
    raw = f"{prefix}{name}".encode()
    if len(raw) < _HEAD:
        yield b"k" + raw + b"0"  # which follows "/"
