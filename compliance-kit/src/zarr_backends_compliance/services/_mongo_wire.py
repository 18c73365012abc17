"""As much of MongoDB's protocol as starting it takes: one command, its answer.

Sources: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol (OP_MSG),
https://bsonspec.org/spec.html.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from typing import Any

from zarr_backends_compliance.services._ports import HOST

__all__ = ["MongoError", "mongo_command"]

_OP_MSG = 2013

_HEADER_NBYTES = 16

_MAX_REPLY_NBYTES = 48_000_000
"""Largest message of the protocol."""


class MongoError(OSError):
    """The server answered that a command failed, or with what is no answer."""


def mongo_command(port: int, command: Mapping[str, Any]) -> dict[str, Any]:
    """Send a command to the database ``admin`` over a connection of its own.

    Args:
        port: Of the server, on the loopback.
        command: Its name first; values are strings, numbers, and mappings and lists of such.

    Returns:
        The answer; members of other types than these are None.

    Raises:
        MongoError: The command failed.
        OSError: The server does not answer.
    """
    body = b"\0\0\0\0\0" + _encode({**command, "$db": "admin"})
    with socket.create_connection((HOST, port), timeout=5.0) as connection:
        connection.sendall(struct.pack("<iiii", _HEADER_NBYTES + len(body), 1, 0, _OP_MSG) + body)
        with connection.makefile("rb") as stream:
            header = stream.read(_HEADER_NBYTES)
            nbytes = struct.unpack_from("<i", header)[0] if len(header) == _HEADER_NBYTES else 0
            if not _HEADER_NBYTES < nbytes <= _MAX_REPLY_NBYTES:
                message = f"port {port} answers, but not as MongoDB does"
                raise MongoError(message)
            answer = _decode(stream.read(nbytes - _HEADER_NBYTES)[5:])
    if answer.get("ok") != 1:
        message = f"{next(iter(command))}: {answer.get('errmsg')!s:.300}"
        raise MongoError(message)
    return answer


def _encode(document: Mapping[str, Any]) -> bytes:
    """Return a document in BSON."""
    members = b"".join(_encode_member(name, value) for name, value in document.items())
    return struct.pack("<i", len(members) + 5) + members + b"\0"


def _encode_member(name: str, value: Any) -> bytes:
    """Return one member in BSON.

    Raises:
        TypeError: Its type is not among those that are needed here.
    """
    key = name.encode() + b"\0"
    match value:
        case bool():
            return b"\x08" + key + bytes([value])
        case int():
            return b"\x10" + key + struct.pack("<i", value)
        case str():
            text = value.encode() + b"\0"
            return b"\x02" + key + struct.pack("<i", len(text)) + text
        case list():
            return b"\x04" + key + _encode({str(i): one for i, one in enumerate(value)})
        case dict():
            return b"\x03" + key + _encode(value)
        case _:
            message = f"cannot send {type(value).__name__}"
            raise TypeError(message)


_FIXED = {
    0x01: "<d",
    0x08: "<?",
    0x09: "<q",
    0x10: "<i",
    0x11: "<Q",
    0x12: "<q",
    0x07: "12s",
    0x0A: "",
}
"""Types of a fixed size, and how they are packed."""


def _decode(data: bytes) -> dict[str, Any]:
    """Return what a BSON document holds."""
    document: dict[str, Any] = {}
    position = 4
    while data[position]:
        kind = data[position]
        end = data.index(b"\0", position)
        name = data[position + 1 : end].decode()
        document[name], position = _decode_value(kind, data, end + 1)
    return document


def _decode_value(kind: int, data: bytes, start: int) -> tuple[Any, int]:
    """Return a value, and where the next member starts.

    Raises:
        MongoError: It is of a type that these commands do not answer with.
    """
    if kind in _FIXED:
        values = struct.unpack_from(_FIXED[kind], data, start)
        return (values[0] if values else None), start + struct.calcsize(_FIXED[kind])
    nbytes = struct.unpack_from("<i", data, start)[0]
    match kind:
        case 0x02:
            return data[start + 4 : start + 3 + nbytes].decode(), start + 4 + nbytes
        case 0x03:
            return _decode(data[start : start + nbytes]), start + nbytes
        case 0x04:
            return list(_decode(data[start : start + nbytes]).values()), start + nbytes
        case 0x05:
            return None, start + 5 + nbytes
        case _:
            message = f"answered with a value of the BSON type {kind:#x}"
            raise MongoError(message)
