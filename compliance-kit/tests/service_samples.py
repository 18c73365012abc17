"""A little server for the tests of how servers are started, stopped and killed.

``python service_samples.py PORT FOLDER [FLAG...]`` counts its starts in a file of the folder
and answers each connection with that number and the id of a child, which leads a session of
its own as the workers of some servers do. Flags: ``deaf`` never listens, ``stubborn`` ignores
SIGTERM.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["ask", "command_of", "is_alive", "until"]


def command_of(port: int, folder: Path, *flags: str) -> Sequence[str | Path]:
    """Return the program and the arguments that start the server."""
    return [sys.executable, __file__, str(port), folder, *flags]


def ask(port: int, timeout_s: float = 5.0) -> tuple[int, int]:
    """Return how often the server was started, and the id of its child."""
    with socket.create_connection(("127.0.0.1", port), timeout_s) as connection:
        starts, child = connection.recv(100).split()
    return int(starts), int(child)


def is_alive(pid: int) -> bool:
    """Whether a process lives; a zombie does not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in {"Z", "X"}


def until(condition: object, deadline_s: float = 10.0) -> bool:
    """Wait until a function returns something true; False if it does not in time."""
    assert callable(condition)
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def _main(port: int, folder: Path, flags: Sequence[str]) -> None:
    """Serve until killed."""
    if "stubborn" in flags:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    count = folder / "starts"
    count.write_text(str(int(count.read_text() if count.exists() else "0") + 1))
    child = subprocess.Popen([sys.executable, "-c", _CHILD], start_new_session=True)
    (folder / "child").write_text(str(child.pid))
    sys.stderr.write(f"the server is process {os.getpid()}\n")
    if "deaf" in flags:
        time.sleep(60)
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(f"{count.read_text()} {child.pid}".encode())


_CHILD = "import time; time.sleep(60)"

if __name__ == "__main__":
    _main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
