"""What an author is told about a check that failed, in less than 30 lines."""

from __future__ import annotations

import re
import textwrap
from collections import defaultdict

from zarr_backends_compliance._kernel.runner import Result

__all__ = ["MOST_LINES", "compact", "explanation"]

MOST_LINES = 29

_WIDTH = 96

_SEEN_LINES = 5
"""Lines that are shown of what was seen."""

_IMPORT = re.compile(r"from (\S+) import (.+)")


def explanation(result: Result, *, command: str, program: str) -> str:
    """Return what a failure says: the contract, what was seen, how to see it, what to look at.

    Args:
        result: A failed check.
        command: Runs it again.
        program: Least program that shows the fault.
    """
    check = result.check
    told = [f"{result.verdict} {check.id}  {check.title}"]
    told += _paragraph("contract", check.clause)
    told += _paragraph("seen", result.seen, _SEEN_LINES)
    if result.verdict != "ERROR":
        told += _paragraph("hint", check.hint)
    told += [f"  again     {command}"]
    if result.verdict != "ERROR":
        told += ["  program", *_cut(compact(program).splitlines(), MOST_LINES - len(told) - 1)]
    return "\n".join(told)


def compact(program: str) -> str:
    """Return a program with one import statement a module."""
    head, _, body = program.partition("\n\n")
    names: defaultdict[str, list[str]] = defaultdict(list)
    lines = [line for line in head.splitlines() if not _IMPORT.fullmatch(line)]
    for found in map(_IMPORT.fullmatch, head.splitlines()):
        if found:
            names[found[1]].append(found[2])
    lines += [
        f"from {module} import {', '.join(sorted(names[module]))}" for module in sorted(names)
    ]
    return "\n".join([*lines, "", body])


def _paragraph(label: str, text: str, most: int = 4) -> list[str]:
    """Return a labelled text in lines; of a long one, its beginning and its last line."""
    lines = [
        part for line in text.strip().splitlines() for part in textwrap.wrap(line, _WIDTH) or [""]
    ]
    if len(lines) > most:
        lines = [*lines[: most - 2], "...", lines[-1]]
    return [f"  {label if not i else '':9} {line}" for i, line in enumerate(lines or ["-"])]


def _cut(lines: list[str], most: int) -> list[str]:
    """Return lines, indented; where there are too many, the first ones."""
    if len(lines) > most:
        lines = [
            *lines[: most - 1],
            "    ...  # `zarr-backends-compliance explain` prints it whole",
        ]
    return [f"    {line}".rstrip() for line in lines]
