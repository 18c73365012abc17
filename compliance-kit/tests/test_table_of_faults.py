"""The table of the README: every fault, the check that finds it, and which others do."""

from __future__ import annotations

import re
from pathlib import Path

from zarr_backends_compliance._grade.reasons import REASONS
from zarr_backends_compliance._kernel.check import all_checks
from zarr_backends_compliance._mutants.mutant import all_mutants

_ROW = re.compile(r"^\| (ZB-\w+-\d+) \| [^|]+ \| `(\w+)`: .+ \| ([^|]*) \|$", re.MULTILINE)


def faults() -> list[tuple[str, str, str]]:
    """Return the check, the fault and the other checks of each line of the table."""
    text = Path(__file__).parents[1].joinpath("README.md").read_text("utf-8")
    return _ROW.findall(text.partition("<!-- grade:begin -->")[2])


def test_the_readme_names_every_fault() -> None:
    """Each mutant stands in the table once, beside the check that has to find it."""
    named = [(check, fault) for check, fault, _ in faults()]
    assert sorted(named) == sorted((mutant.killer, mutant.title) for mutant in all_mutants())


def test_each_check_finds_a_fault_alone_or_has_a_reason() -> None:
    """A check that finds nothing which others miss says why it is there."""
    alone = {check for check, _, others in faults() if not others.strip()}
    assert {check.id for check in all_checks()} - alone <= set(REASONS)
