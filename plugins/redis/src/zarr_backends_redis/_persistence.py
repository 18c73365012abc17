"""What a server does to keep what it has been told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zarr_backends_redis._clients import Command

__all__ = ["QUESTIONS", "Persistence", "persistence_of"]

QUESTIONS: tuple[Command, ...] = (
    ("INFO", "persistence"),
    ("INFO", "replication"),
    ("INFO", "memory"),
)

_CONFIG = ("appendfsync", "save")

SETTINGS: tuple[Command, ...] = tuple(("CONFIG", "GET", name) for name in _CONFIG)
"""Managed services refuse these."""


@dataclass(frozen=True, slots=True)
class Persistence:
    """How a server is set. `str` of it says in one line what that means."""

    append_only: bool
    """Whether every write is appended to a file."""
    append_fsync: str | None
    """``"always"``, ``"everysec"`` or ``"no"``; None where the server does not tell."""
    snapshots: str | None
    """When the whole memory is written to a file, as the setting ``save`` has it; empty for
    never, None where the server does not tell."""
    last_write_ok: bool
    """Whether the last such file was written without an error."""
    replicas: int
    """How many replicas are connected."""
    max_memory_nbytes: int
    """Memory after which writes are refused or values thrown away, 0 for no limit."""
    eviction: str
    """What is thrown away then; ``"noeviction"`` for nothing."""

    @property
    def evicts(self) -> bool:
        """Whether the server may throw chunks away when its memory is full."""
        return self.max_memory_nbytes > 0 and self.eviction != "noeviction"

    def __str__(self) -> str:
        """Say what is lost when the server is killed, and when its memory is full."""
        full = "" if not self.evicts else f"; when its memory is full it drops {self.eviction}"
        wrong = "" if self.last_write_ok else "; its last file could NOT be written"
        return f"a killed server loses {self._lost()}{wrong}{full}; {self.replicas} replicas"

    def _lost(self) -> str:
        """Say what is lost when the server is killed."""
        if self.append_only:
            known = {"always": "nothing", "everysec": "the last second or two"}
            return known.get(self.append_fsync or "", "what the system had not written yet")
        if self.snapshots == "":
            return "EVERYTHING: it has neither an append-only file nor snapshots"
        when = f" ({self.snapshots})" if self.snapshots else ""
        return f"all since its last snapshot{when}, or everything if it makes none"


def persistence_of(answers: list[Any], settings: Mapping[str, str]) -> Persistence:
    """Return what answers to `QUESTIONS` mean.

    Args:
        answers: Replies.
        settings: What the server told of its settings.
    """
    found = _fields(b"\r\n".join(answers).decode())
    return Persistence(
        append_only=found.get("aof_enabled") == "1",
        append_fsync=settings.get("appendfsync"),
        snapshots=settings.get("save"),
        last_write_ok="err"
        not in (found.get("aof_last_write_status"), found.get("rdb_last_bgsave_status")),
        replicas=int(found.get("connected_slaves", 0)),
        max_memory_nbytes=int(found.get("maxmemory", 0)),
        eviction=found.get("maxmemory_policy", "unknown"),
    )


def _fields(text: str) -> dict[str, str]:
    """Return the fields of what INFO answers."""
    lines = (line.partition(":") for line in text.splitlines())
    return {name: value for name, separator, value in lines if separator}
