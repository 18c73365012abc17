"""What client and server have agreed on, beside what HTTP says; see ``openapi.json``."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import quote

__all__ = [
    "BATCH_TYPE",
    "LINES_TYPE",
    "MAX_BATCH",
    "MAX_NAME_NBYTES",
    "PROBLEM_PREFIX",
    "PROBLEM_TYPE",
    "PROTOCOL_HEADER",
    "PROTOCOL_VERSION",
    "etag_of",
    "fault_of_name",
    "index_of",
    "packed",
    "quoted",
    "text_of_index",
    "unpacked",
]

PROTOCOL_HEADER = "Zarr-Backends-Protocol"
"""Header of every answer of a server. The client takes no answer without it for one: the 404
of a wrong address is no missing chunk, and the 200 of a login page no value."""

PROTOCOL_VERSION = "1"

PROBLEM_TYPE = "application/problem+json"
PROBLEM_PREFIX = "urn:zarr-backends:problem:"
"""What the types of problems start with. Source: RFC 9457, section 3.1.1."""

LINES_TYPE = "application/x-ndjson"
"""A listing of any length: a JSON value a line, and an object as the last one, which is
``{"end": true}`` or has the member ``error``."""

BATCH_TYPE = "application/vnd.zarr-backends.batch"
"""Several values: for each its number of bytes (64 bit, little-endian; 2^64-1 for an absent
one), then the bytes."""

MAX_BATCH = 1000
"""Values that one request may ask for."""

MAX_NAME_NBYTES = 4096
"""Bytes of the longest array id or key, in UTF-8."""

_LENGTH = struct.Struct("<Q")
_ABSENT = 2**64 - 1
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_INDEX = re.compile(r"(?:0|[1-9][0-9]{0,18})(?:,(?:0|[1-9][0-9]{0,18})){0,63}")
_SCALAR = "()"
"""The index of the one chunk of an array without dimensions."""


def quoted(text: str) -> str:
    """Return a name as one segment of a path."""
    return quote(text, safe="")


def text_of_index(index: Iterable[int]) -> str:
    """Return a chunk index as the path has it.

    >>> text_of_index((0, 12)), text_of_index(())
    ('0,12', '()')
    """
    return ",".join(map(str, index)) or _SCALAR


def index_of(text: str) -> tuple[int, ...] | None:
    """Return the chunk index that a text stands for, None where it is none.

    >>> index_of("0,12"), index_of("()"), index_of("0,-1"), index_of("01")
    ((0, 12), (), None, None)
    """
    if text == _SCALAR:
        return ()
    return tuple(map(int, text.split(","))) if _INDEX.fullmatch(text) else None


def etag_of(value: Any) -> str:
    """Return the entity tag of a value: the first half of its SHA-256, in quotes.

    >>> etag_of(b"")
    '"e3b0c44298fc1c149afbf4c8996fb924"'
    """
    return f'"{sha256(value).hexdigest()[:32]}"'


def fault_of_name(name: object) -> str:
    """Return what is wrong with an array id or a key, "" where nothing is."""
    if not isinstance(name, str):
        return f"must be a string, not {type(name).__name__}"
    if any(segment in ("", ".", "..") for segment in name.split("/")):
        return "has an empty, '.' or '..' segment, or a slash at one end"
    if _CONTROL.search(name):
        return "holds a control character"
    try:
        nbytes = len(name.encode())
    except UnicodeEncodeError:
        return "is no Unicode text"
    return "" if nbytes <= MAX_NAME_NBYTES else f"has over {MAX_NAME_NBYTES} bytes in UTF-8"


def packed(values: Iterable[Any]) -> Iterator[Any]:
    """Yield the parts of the message that holds several values."""
    for value in values:
        yield _LENGTH.pack(_ABSENT if value is None else memoryview(value).nbytes)
        if value is not None:
            yield value


def unpacked(message: bytes) -> list[memoryview | None]:
    """Return the values that a message holds.

    Raises:
        ValueError: It ends in the middle of one.
    """
    view, start = memoryview(message), 0
    values: list[memoryview | None] = []
    while start < len(view):
        if start + _LENGTH.size > len(view):
            message_ = "a batch ends inside of a length"
            raise ValueError(message_)
        (nbytes,) = _LENGTH.unpack_from(view, start)
        start += _LENGTH.size
        if nbytes == _ABSENT:
            values.append(None)
            continue
        if start + nbytes > len(view):
            message_ = "a batch ends inside of a value"
            raise ValueError(message_)
        values.append(view[start : start + nbytes])
        start += nbytes
    return values
