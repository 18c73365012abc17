"""As much of the protocol of Redis and Valkey as starting them takes.

Source: https://valkey.io/topics/protocol, version 2.
"""

from __future__ import annotations

import socket
from typing import Any, BinaryIO

from zarr_backends_compliance.services._ports import HOST

__all__ = ["CommandError", "redis_command"]


class CommandError(OSError):
    """The server answered with an error, as one that still loads its data does."""


def redis_command(port: int, *words: str | int, password: str | None = None) -> Any:
    """Send one command over a connection of its own.

    Args:
        port: Of the server, on the loopback.
        *words: The command and its arguments.
        password: Of the default user; None for none.

    Returns:
        The answer: a string, a number, None, or a list of such.

    Raises:
        CommandError: The server refused.
        OSError: It does not answer.
    """
    address = (HOST, port)
    with socket.create_connection(address, 2.0) as server, server.makefile("rb") as stream:
        if password is not None:
            server.sendall(_encode(("AUTH", password)))
            _receive(stream)
        server.sendall(_encode(words))
        return _receive(stream)


def _encode(words: tuple[str | int, ...]) -> bytes:
    """Return a command as an array of strings."""
    encoded = [str(word).encode() for word in words]
    strings = (b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)
    return b"*%d\r\n" % len(encoded) + b"".join(strings)


def _receive(stream: BinaryIO) -> Any:
    """Return the next answer.

    Raises:
        CommandError: The answer is an error, or there is none.
    """
    line = stream.readline()
    kind, text = line[:1], line[1:].rstrip().decode()
    if kind in {b"-", b""}:
        raise CommandError(text or "the server closed the connection")
    if kind == b"+":
        return text
    number = int(text)
    if kind == b":":
        return number
    if number < 0:
        return None
    if kind == b"*":
        return [_receive(stream) for _ in range(number)]
    return stream.read(number + 2)[:-2].decode(errors="replace")
