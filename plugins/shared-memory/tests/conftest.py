"""Tables of a test's own, and other processes that use them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zarr_backends_shared_memory import SharedMemoryBackend

_PRELUDE = """
import os, sys, time
from zarr_backends_shared_memory import SharedMemoryBackend
def table(**options):
    return SharedMemoryBackend.create(**{options}, **options)
def say(word):
    print(word, flush=True)
def wait():
    sys.stdin.readline()
"""


class Other:
    """A Python process that runs a program and talks through its standard streams."""

    def __init__(self, options: dict[str, str], program: str) -> None:
        """Start it."""
        source = _PRELUDE.replace("{options}", repr(options)) + program
        self.process = subprocess.Popen(
            [sys.executable, "-c", source],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self.process.pid

    def hear(self) -> str:
        """Return the next line that it says."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go_on(self) -> None:
        """Let it go on after `wait`."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self, *, kill: bool = False) -> None:
        """Wait for its end."""
        if kill:
            self.process.kill()
        self.process.communicate(timeout=30)


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    """Return the options of a table that nobody else knows; the folder goes with the test."""
    return {"table_name": "table", "folder": str(tmp_path)}


@pytest.fixture
def backend(place: dict[str, str]) -> Iterator[SharedMemoryBackend]:
    """Return an instance on that table, which is removed at the end."""
    with SharedMemoryBackend.create(**place) as backend:
        yield backend
        backend.delete_table()


@pytest.fixture
def other(place: dict[str, str]) -> Iterator[Callable[[str], Other]]:
    """Return what starts a process; those that are left are killed at the end."""
    started: list[Other] = []

    def start(program: str) -> Other:
        started.append(Other(place, program))
        return started[-1]

    yield start
    for process in started:
        process.end(kill=True)
