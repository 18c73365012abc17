"""Who owns a table, written down in its folder, and whether that process still runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Process", "Record", "process_of", "read_record", "write_record"]

_RECORD = "table.json"


class Process(NamedTuple):
    """A process, told apart from a later one with the same number."""

    pid: int
    started: str
    """When it began, in the words of the system."""

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return process_of(self.pid) == self


class Record(NamedTuple):
    """What is known of a table beside its contents."""

    name: str
    access: str
    owner: Process
    heir: Process | str | None
    """A process, ``"keep"`` or None."""


def process_of(pid: int) -> Process | None:
    """Return the process with a number; None where there is none."""
    started = _started(pid)
    return None if started is None else Process(pid, started)


def read_record(path: str) -> Record | None:
    """Return the record of the table in a folder; None where there is none."""
    try:
        document = json.loads((Path(path) / _RECORD).read_bytes())
    except FileNotFoundError:
        return None
    heir = document["heir"]
    return Record(
        document["name"],
        document["access"],
        Process(*document["owner"]),
        Process(*heir) if isinstance(heir, list) else heir,
    )


def write_record(path: str, record: Record) -> None:
    """Replace the record of the table in a folder."""
    document: dict[str, Any] = record._asdict()
    temporary = Path(path) / f"{_RECORD}.new"
    temporary.write_text(json.dumps(document), encoding="utf-8")
    temporary.replace(Path(path) / _RECORD)


def _started(pid: int) -> str | None:
    """Return when a process began; None where it has ended."""
    if sys.platform == "linux":
        try:
            status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The name, in parentheses, may hold anything; the state follows it, and 19 fields
        # later the start in ticks since the system began.
        fields = status.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    command = ["/bin/ps", "-o", "state=,lstart=", "-p", str(pid)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603  # numbers alone
    state, _, started = shown.strip().partition(" ")
    return started.strip() or None if state and not state.startswith("Z") else None
