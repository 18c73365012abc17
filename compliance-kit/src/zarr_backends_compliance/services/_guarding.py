"""Processes and a folder that end with the process that owns them, however it ends.

A `Guard` owns a temporary folder and every process that is started through it, and has a
watcher (`_guard`) that outlives this process for the moment it needs to clean up. A process
starts behind a gate, so that there is no moment at which nobody would end it:

1. A shell starts in a session of its own and waits for a line.
2. The watcher is told its id.
3. The line is sent, and the shell becomes the server. If this process ends before, the
   shell reads the end of the pipe instead and ends as well.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from zarr_backends_compliance.services import _guard
from zarr_backends_compliance.services._errors import ServiceStartError, ServiceUnavailableError

__all__ = ["GATE", "Command", "Guard", "tail"]

GATE = ("/bin/sh", "-c", 'read -r go && exec "$@" </dev/null', "sh")
"""Becomes the program that its arguments name once it has read a line."""

_TAIL_NBYTES = 4000
"""How much of a log an error shows."""

_FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS", "COVERAGE_PROCESS_START")
"""Variables of the tests' own Python that would disturb a server written in Python."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program as it is to be started; not shown, an argument may be a password."""

    argv: Sequence[str | Path] = field(repr=False)
    """Program and arguments."""

    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables added to those of this process."""

    user: int | None = None
    """Id of the user that it runs as, with that user's group; None for this process's."""

    cwd: Path | None = None
    """Its working folder; the guard's if none is given."""

    @property
    def name(self) -> str:
        """The program's name without its folder."""
        return Path(self.argv[0]).name


class Guard:
    """A temporary folder and processes; all of them end with this process.

    Used in a ``with`` statement it is closed at an error alone: what was started without one
    lives on in the `Service` that it is given to.

    Attributes:
        folder: Absolute path of the folder, which others may enter but not list.
    """

    folder: Path

    def __init__(self) -> None:
        """Make the folder.

        Raises:
            ServiceUnavailableError: This system has no POSIX processes.
            ServiceStartError: The folder or the watcher cannot be had.
        """
        if not hasattr(os, "fork"):
            reason = f"servers need POSIX processes, this is {sys.platform}"
            remedy = "use Linux or macOS"
            raise ServiceUnavailableError(sys.platform, reason, remedy)
        # The temporary folder may itself be a link, which some servers refuse.
        parent = Path(tempfile.gettempdir()).resolve()
        self.folder = parent / f"zarr-backends-{secrets.token_hex(8)}"
        self._owner = os.getpid()
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._watcher = subprocess.Popen(  # noqa: S603 - a module of ours
            [sys.executable, "-I", "-S", _guard.__file__, str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        _guards.add(self)
        if self._watcher.stdout is None or not self._watcher.stdout.readline():
            self.close()
            message = f"cannot make {self.folder}; is its parent full or read-only?"
            raise ServiceStartError(message)

    def spawn(self, command: Command, log: Path) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own.

        Args:
            command: The program.
            log: File that all its output is appended to.

        Returns:
            The process; to be given to `end` whether it has ended or not.

        Raises:
            OSError: It cannot be started.
        """
        ours = {key: value for key, value in os.environ.items() if key not in _FOREIGN}
        user = command.user
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - its callers are the services
                [*GATE, *map(str, command.argv)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=ours | dict(command.env),
                cwd=command.cwd or self.folder,
                start_new_session=True,
                user=user,
                group=None if user is None else _group_of(user),
                extra_groups=None if user is None else (),
            )
        self._running[process.pid] = process
        self._tell(f"+{process.pid} {_guard.started_at(process.pid)}\n")
        if process.stdin is not None:
            with suppress(BrokenPipeError), process.stdin:  # if it has ended, `wait` will tell
                process.stdin.write(b"go\n")
        return process

    def end(
        self, process: subprocess.Popen[bytes], earlier: Mapping[int, str] | None = None
    ) -> None:
        """Kill a process with its tree, wait until all have gone, and forget it.

        Args:
            process: As `spawn` returned it.
            earlier: Its tree before it may have ended, as `_guard.tree_of` returns it.
        """
        _guard.kill_tree(process.pid, earlier=earlier)
        process.wait()
        self._running.pop(process.pid, None)
        self._tell(f"-{process.pid}\n")

    def run(self, command: Command, timeout_s: float = 60.0) -> str:
        """Run a program to its end.

        Args:
            command: The program.
            timeout_s: Seconds after which its tree is killed.

        Returns:
            All of its output, that to standard error too.

        Raises:
            ServiceStartError: It could not be started, failed or took too long; the message
                ends with its last output.
        """
        log = self.folder / f"run-{secrets.token_hex(4)}.log"
        try:
            process = self.spawn(command, log)
        except OSError as error:
            message = f"cannot start {command.name}: {error}"
            raise ServiceStartError(message) from error
        try:
            outcome = f"ended with status {process.wait(timeout_s)}"
        except subprocess.TimeoutExpired:
            outcome = f"took more than {timeout_s:g} s"
        finally:
            self.end(process)
        if outcome != "ended with status 0":
            message = f"{command.name} {outcome}; its output ends:\n{tail(log)}"
            raise ServiceStartError(message)
        return log.read_text(errors="replace")

    def close(self) -> None:
        """Kill whatever still runs and remove the folder; done twice it does nothing."""
        if os.getpid() != self._owner:
            return  # a forked copy of this object owns nothing
        for process in tuple(self._running.values()):
            self.end(process)
        for pipe in (self._watcher.stdin, self._watcher.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        self._watcher.wait()

    def _tell(self, line: str) -> None:
        """Send a line to the watcher."""
        pipe = self._watcher.stdin
        if pipe is not None and not pipe.closed:
            pipe.write(line.encode())
            pipe.flush()

    def _drop(self) -> None:
        """Close a forked copy of the pipe: it would keep the watcher waiting."""
        for pipe in (self._watcher.stdin, self._watcher.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        """Return the guard itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close after an error, an interrupt included."""
        if error is not None:
            self.close()


def tail(log: Path) -> str:
    """Return the last 4,000 bytes of a text file; a missing one is empty."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_NBYTES))
            return file.read().decode(errors="replace").strip()
    except OSError:
        return ""


def _group_of(user: int) -> int:
    """Return the id of a user's own group."""
    import pwd  # noqa: PLC0415 - POSIX alone has it

    return pwd.getpwuid(user).pw_gid


_guards: weakref.WeakSet[Guard] = weakref.WeakSet()


def _drop_in_child() -> None:
    """A forked child must not keep the pipes of its parent's watchers open."""
    for guard in tuple(_guards):
        guard._drop()  # noqa: SLF001 - one module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drop_in_child)
