"""One server that can be stopped, killed, frozen and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from zarr_backends_compliance.services import _guard
from zarr_backends_compliance.services._errors import ServiceStartError
from zarr_backends_compliance.services._guarding import Command, Guard, tail

__all__ = ["ServerProcess"]

_POLL_S = 0.02
"""Seconds between two looks at a server that starts."""

_STOP_S = 15.0
"""Seconds that a server has for an orderly end."""


@dataclass(eq=False, slots=True)
class ServerProcess:
    """A tree of processes, from its first `start` on."""

    guard: Guard = field(repr=False)
    """Owner of the tree and of the folder."""

    name: str
    """Names its log, and it in errors."""

    command: Command
    """How it is started, each time."""

    is_ready: Callable[[], bool] = field(repr=False)
    """Asked every 20 ms after a start; an OSError that it raises means no."""

    stop_signal: int = signal.SIGTERM
    """Asks it for an orderly end."""

    deadline_s: float = 30.0
    """Seconds until it must be ready."""

    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def log(self) -> Path:
        """File that holds its output since the first start."""
        return self.guard.folder / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """Id of the tree's root; 0 where the server does not run."""
        return self._process.pid if self._process is not None else 0

    @property
    def is_running(self) -> bool:
        """Whether the root of the tree lives; a frozen one does."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server, again with the same arguments, and wait until it is ready.

        Raises:
            ServiceStartError: It ended or was not ready in time; the message ends with its
                log. It has been killed.
        """
        self.kill()  # what is left of it
        try:
            self._process = self.guard.spawn(self.command, self.log)
            self._wait_until_ready()
        except OSError as error:
            message = f"cannot start {self.name}: {error}"
            raise ServiceStartError(message) from error
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ask the server to end, and kill its tree if that takes more than 15 s."""
        if self._process is None:
            return
        # A child that leads a session of its own is not found any more once its parent ended.
        earlier = _guard.tree_of(self.pid)
        if self.is_running:
            os.kill(self.pid, self.stop_signal)
            self.thaw()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_S)
        self.guard.end(self._process, earlier)
        self._process = None

    def kill(self) -> None:
        """Kill the whole tree, without any goodbye, and wait until it has gone."""
        if self._process is not None:
            self.guard.end(self._process)
            self._process = None

    def freeze(self) -> None:
        """Stop the tree's clocks: connections stay open and nobody answers."""
        if self._process is not None:
            _guard.signal_tree(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen tree go on."""
        if self._process is not None:
            _guard.signal_tree(self._process.pid, signal.SIGCONT)

    def log_tail(self) -> str:
        """Return the last 4,000 bytes of the server's output."""
        return tail(self.log)

    def _wait_until_ready(self) -> None:
        """Look until the server answers, has ended or is late."""
        deadline = time.monotonic() + self.deadline_s
        while time.monotonic() < deadline:
            if not self.is_running:
                status = self._process.returncode if self._process is not None else None
                self._fail(f"ended with status {status} before it was ready")
            with suppress(OSError):
                if self.is_ready() and self.is_running:
                    return
            time.sleep(_POLL_S)
        self._fail(f"was not ready after {self.deadline_s:g} s")

    def _fail(self, reason: str) -> None:
        """Report a server that does not start.

        Raises:
            ServiceStartError: Always.
        """
        message = f"{self.name} {reason}; its log ends:\n{self.log_tail()}"
        raise ServiceStartError(message)
