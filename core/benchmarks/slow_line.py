"""A line to a server that is as long as one to a cloud, in a process of its own.

``python slow_line.py HOST PORT DELAY_S`` prints the port to connect to, and ends with its
input. A proxy beside the client, in one process, would share its interpreter lock.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from zarr_backends_compliance.services.tcp_proxy import TcpProxy

__all__ = ["slow_line"]


@contextmanager
def slow_line(host: str, port: int, delay_s: float) -> Iterator[int]:
    """Put a line before a server.

    Args:
        host: Host of the server.
        port: Port of the server.
        delay_s: Seconds that each request takes longer.

    Yields:
        The port of the line, on this machine.
    """
    command = [sys.executable, __file__, host, str(port), str(delay_s)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin  # noqa: S101  # as asked for
        assert process.stdout  # noqa: S101  # the same
        yield int(process.stdout.readline())
        process.stdin.close()


def main() -> None:
    """Be the line, until the input ends."""
    host, port, delay_s = sys.argv[1:]
    with TcpProxy(host, int(port)) as proxy:
        proxy.slow(delay_s=float(delay_s))
        print(proxy.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
