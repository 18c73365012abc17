"""The kit, graded: it finds every fault that ships with it, and accuses nobody else."""

from __future__ import annotations

import pytest

from zarr_backends_compliance._grade.matrix import Graded, grade, references
from zarr_backends_compliance._kernel.check import all_checks
from zarr_backends_compliance._mutants.mutant import Mutant, all_mutants

OTHERWISE: set[str] = set()
"""Checks that no backend of the kit's own accepts in the quick profile."""


@pytest.fixture(scope="module")
def graded() -> dict[str, Graded]:
    """Return what came of each mutant, by its name, each tried on its named check."""
    return {result.mutant.name: result for result in grade()}


def test_there_are_mutants_of_every_family() -> None:
    """At least eighty faults, and one at least in each family of checks but the limits."""
    families = {mutant.killer.split("-")[1] for mutant in all_mutants()}
    assert len(all_mutants()) >= 80
    assert families >= {check.id.split("-")[1] for check in all_checks()} - {"LIMIT"}


@pytest.mark.parametrize("mutant", all_mutants(), ids=lambda mutant: mutant.title)
def test_every_fault_is_found_by_the_check_that_is_named(
    mutant: Mutant, graded: dict[str, Graded]
) -> None:
    """A backend with one fault does not comply, and the named check says so."""
    result = graded[mutant.name]
    assert result.is_killed, f"{mutant.killer} says {dict(result.verdicts)}: {result.seen}"


def test_backends_without_a_fault_comply() -> None:
    """No check accuses a correct backend, and each but a few accepts one."""
    results = list(references())
    assert not [(r.mutant.title, r.accusations, r.seen) for r in results if r.accusations]
    accepted = {check for r in results for check, v in r.verdicts.items() if v == "PASS"}
    assert {check.id for check in all_checks()} - accepted <= OTHERWISE
