"""The grade as tables: which check finds which fault, and what no check finds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from zarr_backends_compliance._grade.matrix import Graded
from zarr_backends_compliance._grade.reasons import REASONS
from zarr_backends_compliance._kernel.check import Check

__all__ = ["between_marks", "idle_checks", "markdown"]

_BEGIN, _END = "<!-- grade:begin -->", "<!-- grade:end -->"


def idle_checks(checks: Iterable[Check], graded: Sequence[Graded]) -> list[str]:
    """Return the ids of checks that find no fault alone, and have no reason for it.

    Args:
        checks: All checks.
        graded: What came of every mutant on every check.
    """
    found = _found_alone(graded)
    return [check.id for check in checks if check.id not in found and check.id not in REASONS]


def markdown(checks: Sequence[Check], graded: Sequence[Graded]) -> str:
    """Return the table check x mutant, a line a mutant, grouped by the check that finds it.

    A full grid would be hundreds of columns wide; each line names the checks that fail. A
    check that finds nothing alone has a line more, with the reason.

    Args:
        checks: All checks, in the order of the lines.
        graded: What came of every mutant.
    """
    alone = _found_alone(graded)
    by_killer = defaultdict(list)
    for result in graded:
        by_killer[result.mutant.killer].append(result)
    lines = ["| check | what it is about | fault | also found by |", "|---|---|---|---|"]
    for check in checks:
        begin = f"| {check.id} | {check.title} |"
        for result in sorted(by_killer[check.id], key=lambda result: result.mutant.title):
            others = ", ".join(killer for killer in result.killers if killer != check.id)
            lines.append(f"{begin} `{result.mutant.title}`: {result.mutant.fault} | {others} |")
        if check.id not in alone:
            lines.append(f"{begin} *nothing alone: {REASONS.get(check.id, 'no reason')}* | |")
    return "\n".join(lines)


def between_marks(text: str, table: str) -> str:
    """Return a document with a table put between its marks.

    Raises:
        ValueError: It has no marks.
    """
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        message = f"the document has no lines {_BEGIN} and {_END}"
        raise ValueError(message)
    return f"{before}{begin}\n{table}\n{end}{after}"


def _found_alone(graded: Iterable[Graded]) -> set[str]:
    """Return the ids of the checks that find a fault which no other check finds."""
    return {killers[0] for killers in (result.killers for result in graded) if len(killers) == 1}
