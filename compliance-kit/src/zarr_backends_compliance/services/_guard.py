"""The watcher: ends servers and removes their folder once their owner has ended.

It runs as ``python -I -S _guard.py FOLDER``, imports the standard library alone and starts in
some 30 ms:

1. It makes the folder and says so with one line; only then does its owner start anything.
2. Each line from its owner names a process: ``+PID STARTED`` to watch, ``-PID`` to forget.
3. The pipe closes when the owner closes it or ends, be it by SIGKILL. Then every tree that
   is still watched is killed, the folder is removed, and the watcher ends.

A tree is a process, its descendants and whoever is in the session that it leads.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

__all__ = ["ProcessEntry", "kill_tree", "process_table", "signal_tree", "started_at", "tree_of"]

_ROUNDS = 20
"""How often a tree is looked at again for children that were born meanwhile."""

_GONE_S = 10.0
"""Seconds until a killed tree counts as one that does not go away."""


class ProcessEntry(NamedTuple):
    """One living process."""

    parent: int
    """Id of its parent."""

    session: int
    """Id of its session's leader."""

    started: str
    """When it started; together with the id it names a process for ever."""


def process_table() -> dict[int, ProcessEntry]:
    """Return every living process of the machine; zombies are dead.

    Raises:
        OSError: The system does not tell.
    """
    if not Path("/proc/self/stat").exists():
        return _table_of_ps()
    table = {}
    for folder in Path("/proc").iterdir():
        entry = _entry_of_proc(folder) if folder.name.isdigit() else None
        if entry is not None:
            table[int(folder.name)] = entry
    return table


def started_at(pid: int) -> str:
    """Return when a process started; an empty string where it has ended."""
    entry = process_table().get(pid)
    return entry.started if entry else ""


def tree_of(pid: int, started: str = "") -> dict[int, str]:
    """Return the living processes of a tree.

    Args:
        pid: Of its root, which leads a session; it may have ended.
        started: When the root started; a younger process of the same id is somebody else.

    Returns:
        Ids, and when each started; none where all have ended.
    """
    table = process_table()
    root = table.get(pid)
    if root is not None and started and root.started != started:
        return {}
    found = {one for one, entry in table.items() if pid in {one, entry.session}}
    grown = True
    while grown:
        children = {one for one, entry in table.items() if entry.parent in found}
        grown = not children <= found
        found |= children
    return {one: table[one].started for one in found}


def signal_tree(pid: int, number: int, started: str = "") -> set[int]:
    """Send a signal to a whole tree, also to those born while it is sent.

    Args:
        pid: Of the tree's root.
        number: Of the signal.
        started: When the root started.

    Returns:
        Ids of those that got it.
    """
    reached: set[int] = set()
    for _ in range(_ROUNDS):
        more = set(tree_of(pid, started)) - reached
        if not more:
            break
        for one in sorted(more):
            _send(one, number)
        reached |= more
    return reached


def kill_tree(pid: int, started: str = "", earlier: Mapping[int, str] | None = None) -> None:
    """Kill a whole tree and wait until it has gone.

    Everybody is stopped first: who dies alone would leave children that are found no more.

    Args:
        pid: Of the tree's root.
        started: When the root started.
        earlier: The tree as it was before its root may have ended; they are killed too.
    """
    stopped = signal_tree(pid, signal.SIGSTOP, started)
    doomed = dict(earlier or {})
    doomed |= {one: entry.started for one, entry in process_table().items() if one in stopped}
    deadline = time.monotonic() + _GONE_S
    while time.monotonic() < deadline:
        table = process_table()
        alive = [one for one, age in doomed.items() if one in table and table[one].started == age]
        if not alive:
            return
        for one in alive:
            _send(one, signal.SIGKILL)
        time.sleep(0.005)


def _entry_of_proc(folder: Path) -> ProcessEntry | None:
    """Return what /proc tells of a process; None if it has ended."""
    try:
        text = (folder / "stat").read_bytes()
    except OSError:
        return None
    # The name stands in parentheses and may hold anything, parentheses too.
    fields = text.rpartition(b")")[2].split()
    if fields[0] in {b"Z", b"X"}:
        return None
    return ProcessEntry(int(fields[1]), int(fields[3]), fields[19].decode())


def _table_of_ps() -> dict[int, ProcessEntry]:
    """Return the processes of a system without /proc; groups stand for sessions."""
    columns = "pid=,ppid=,pgid=,state=,lstart="
    listed = subprocess.run(  # noqa: S603 - nothing in it comes from outside
        ["/bin/ps", "-A", "-o", columns], capture_output=True, text=True, check=True
    )
    table = {}
    for line in listed.stdout.splitlines():
        pid, parent, group, state, started = line.split(None, 4)
        if not state.startswith("Z"):
            table[int(pid)] = ProcessEntry(int(parent), int(group), started.strip())
    return table


def _send(pid: int, number: int) -> None:
    """Send a signal to a process that may have ended."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _remove(folder: str) -> None:
    """Remove a folder in which something may still be written."""
    for _ in range(_ROUNDS):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            return
        time.sleep(0.05)


def _remove_shared_memory(folder: Path) -> None:
    """Remove the segments that PostgreSQL leaves behind when it is killed.

    They are the only thing that a server keeps outside its folder; each is named by the last
    number of the seventh line of a ``postmaster.pid``.
    """
    for noted in folder.glob("*/postmaster.pid"):
        line = noted.read_text().splitlines()[6:7]
        if line and line[0].split():
            command = ["ipcrm", "-m", line[0].split()[-1]]
            subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - a number


def _watch() -> dict[int, str]:
    """Read the owner's lines until it ends; return what is then still watched."""
    watched: dict[int, str] = {}
    for line in sys.stdin:
        if not line.endswith("\n"):
            continue  # the owner ended in the middle of it
        pid, _, started = line[1:].strip().partition(" ")
        if line.startswith("+"):
            watched[int(pid)] = started
        else:
            watched.pop(int(pid), None)
    return watched


def main(folder: str) -> None:
    """Watch over the servers of one folder.

    Args:
        folder: Absolute path; nothing exists there yet.
    """
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # its owner's end is its own
    Path(folder).mkdir(0o711)  # another user's server must reach its own folder in it
    try:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for pid, started in _watch().items():
            kill_tree(pid, started)
        with suppress(OSError):
            _remove_shared_memory(Path(folder))
    finally:
        _remove(folder)


if __name__ == "__main__":
    main(sys.argv[1])
