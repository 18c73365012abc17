"""Names of members: which ones are taken, and which mark an archive as hostile.

A name that leaves the folder that somebody unpacks the archive into, or that two programs
read differently, has no place in an archive of chunks.
"""

from __future__ import annotations

import re

from zarr_backends.errors import ConfigurationError, CorruptStorageError

__all__ = ["checked_folder", "checked_key", "decode_name", "encode_name"]

_UNSAFE = re.compile(r"(?:^|/)\.{0,2}(?:/|$)|[\\\x00]|^[A-Za-z]:")
"""An empty, "." or ".." segment (a leading slash makes one), a backslash, NUL, a drive."""

_MAX_NBYTES = 65535
"""Bytes of the longest name: its length is a 16-bit number (APPNOTE 4.4.10)."""

UTF8_FLAG = 1 << 11
"""General purpose bit that says that a name is UTF-8 (APPNOTE 4.4.4)."""


def checked_key(key: str) -> str:
    """Return a key that may become a member's name.

    Raises:
        ConfigurationError: The name would be unsafe or cannot be stored.
    """
    if not isinstance(key, str):
        message = f"a key is a string, not {key!r:.80}"
        raise ConfigurationError(message, backend="zip", option="key")
    if _UNSAFE.search(key):
        message = (
            f"key {key!r:.80} cannot be a member of an archive: keys have no empty, '.' or '..' "
            "segment, no backslash, no NUL and no drive letter"
        )
        raise ConfigurationError(message, backend="zip", option="key")
    return key


def checked_folder(prefix: str) -> str:
    """Return a folder inside the archive with a slash at its end; "" for the archive itself.

    Raises:
        ConfigurationError: The folder cannot be part of a member's name.
    """
    if not isinstance(prefix, str):
        message = f"prefix must be a string, not {prefix!r:.80}"
        raise ConfigurationError(message, backend="zip", option="prefix")
    folder = prefix.strip("/")
    if not folder:
        return ""
    if _UNSAFE.search(folder):
        message = f"prefix {prefix!r:.80} must be a plain folder such as 'group/array'"
        raise ConfigurationError(message, backend="zip", option="prefix")
    encode_name(folder)
    return folder + "/"


def encode_name(name: str) -> tuple[bytes, int]:
    """Return a name as stored and the flag bits that go with it.

    Raises:
        ConfigurationError: It has no UTF-8 form or is longer than the format can say.
    """
    try:
        raw = name.encode()
    except UnicodeEncodeError as error:
        message = f"key {name!r:.80} is no valid Unicode and cannot be stored"
        raise ConfigurationError(message, backend="zip", option="key") from error
    if len(raw) > _MAX_NBYTES:
        message = f"key {name!r:.80} has {len(raw)} bytes, a zip archive names up to {_MAX_NBYTES}"
        raise ConfigurationError(message, backend="zip", option="key")
    return raw, 0 if raw.isascii() else UTF8_FLAG


def decode_name(raw: bytes, flags: int) -> str:
    """Return the name of a member of an archive that may be anybody's.

    Raises:
        CorruptStorageError: It is unsafe or not in the character set that it claims.
    """
    try:
        name = raw.decode("utf-8" if flags & UTF8_FLAG or raw.isascii() else "cp437")
    except UnicodeDecodeError as error:
        message = f"member {raw!r:.80} has a name that is not UTF-8 although marked as such"
        raise CorruptStorageError(message) from error
    if _UNSAFE.search(name.removesuffix("/")):
        message = f"member {name!r:.80} has an unsafe name"
        raise CorruptStorageError(message)
    return name
