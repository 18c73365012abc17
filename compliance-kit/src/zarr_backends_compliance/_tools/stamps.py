"""Values that tell by themselves which write they come from, and whether they are whole."""

from __future__ import annotations

import random
import struct
import zlib

from zarr_backends_compliance._kernel.expect import content
from zarr_backends_compliance._kernel.verdicts import violated

__all__ = ["LEAST_NBYTES", "number_of", "stamped"]

_HEAD = struct.Struct("<4sQQ")
"""Mark, number and length of the whole."""

_MARK = b"ZBC\1"

_BLOCK = 509
"""Bytes after which the filling repeats; a prime, so that no page equals another."""

LEAST_NBYTES = _HEAD.size + 4
"""Length of the shortest value, in bytes."""


def stamped(number: int, nbytes: int = 1000) -> bytes:
    """Return a value that carries a number, its own length and a checksum of all of it.

    Args:
        number: What tells it from all others.
        nbytes: Its length, at least `LEAST_NBYTES`.
    """
    block = random.Random(number).randbytes(_BLOCK)  # noqa: S311  # not for secrecy
    filling = nbytes - LEAST_NBYTES
    body = _HEAD.pack(_MARK, number, nbytes) + (block * (filling // _BLOCK + 1))[:filling]
    return body + struct.pack("<I", zlib.crc32(body))


def number_of(value: object, what: str = "the chunk") -> int:
    """Return the number of a stamped value that a backend gave; fail where it is not whole.

    Args:
        value: What the backend returned.
        what: What it is, to begin the sentence with.
    """
    data = content(value, what)
    if len(data) < LEAST_NBYTES or data[:4] != _MARK:
        violated(f"{what} is torn: {len(data):,} bytes that are no value that was written")
    _, number, nbytes = _HEAD.unpack(data[: _HEAD.size])
    if len(data) != nbytes:
        violated(f"{what} is torn: {len(data):,} of the {nbytes:,} bytes of write {number}")
    if struct.unpack("<I", data[-4:])[0] != zlib.crc32(data[:-4]):
        violated(f"{what} is torn: its {nbytes:,} bytes are a mixture of write {number} and others")
    return int(number)
