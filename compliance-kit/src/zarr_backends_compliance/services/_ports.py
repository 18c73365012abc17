"""Ports that nobody uses and that no outgoing connection is given by chance."""

from __future__ import annotations

import random
import socket

__all__ = ["HOST", "free_port", "is_listening"]

HOST = "127.0.0.1"
"""Where every service listens."""

_PORTS = range(20_000, 32_000)
"""Below the ports that Linux, macOS and Windows take for outgoing connections, so that a
server that was stopped gets its port again."""

_handed_out: set[int] = set()


def free_port() -> int:
    """Return a loopback port that is free now and that this process was not given before.

    Raises:
        OSError: None of a hundred tried ports is free.
    """
    chosen = random.SystemRandom()
    for _ in range(100):
        port = chosen.choice(_PORTS)
        if port not in _handed_out and _can_bind(port):
            _handed_out.add(port)
            return port
    message = f"no free port on {HOST} among 100 tried in {_PORTS.start}..{_PORTS.stop - 1}"
    raise OSError(message)


def is_listening(port: int) -> bool:
    """Whether somebody accepts connections on a loopback port."""
    with socket.socket() as connection:
        connection.settimeout(1.0)
        return connection.connect_ex((HOST, port)) == 0


def _can_bind(port: int) -> bool:
    """Whether a server could listen on a port."""
    with socket.socket() as listener:
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True
