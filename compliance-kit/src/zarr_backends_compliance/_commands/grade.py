"""``zarr-backends-compliance grade``: the kit, tried on backends with one fault each."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from zarr_backends_compliance._grade.matrix import OTHERS, Graded, Others, grade, references
from zarr_backends_compliance._grade.table import between_marks, idle_checks, markdown
from zarr_backends_compliance._kernel.check import all_checks
from zarr_backends_compliance._mutants.mutant import all_mutants

__all__ = ["grade_command"]


@click.command("grade")
@click.option(
    "--others",
    type=click.Choice(OTHERS),
    default="none",
    show_default=True,
    help="Which checks are run on a mutant besides the named one: none; all, until the first "
    "that finds it too; all.",
)
@click.option(
    "--only", default="", help="Mutants whose check, class or module has this in its name."
)
@click.option("--processes", default=2, show_default=True, help="Mutants that are tried at once.")
@click.option("--write", type=click.Path(path_type=Path), help="Put the table into this README.")
def grade_command(*, others: Others, only: str, processes: int, write: Path | None) -> None:
    """Try the kit on backends with one fault each: each has to be found by its check.

    Exit status 1 where a fault is not found, or where a backend without one is accused.
    """
    mutants = [found for found in all_mutants() if only in f"{found.killer} {found.name}"]
    accused = [] if only else [result for result in references() if result.accusations]
    for result in accused:
        click.echo(f"{result.mutant.title} has no fault, but: {result.accusations}\n{result.seen}")
    graded = []
    for result in grade(mutants, others=others, processes=processes):
        graded.append(result)
        click.echo(_line(result, len(graded), len(mutants)))
    survivors = [result for result in graded if not result.is_killed]
    click.echo(f"{len(graded)} mutants, {len(survivors)} not found by the check that is named")
    for result in survivors:
        click.echo(f"  {result.mutant.killer} {result.mutant.name}: {result.seen:.300}")
    if others != "none" and not only:
        for check_id in idle_checks(all_checks(), graded):
            click.echo(f"  {check_id} finds nothing that no other check finds")
    if write:
        text = between_marks(write.read_text("utf-8"), markdown(all_checks(), graded))
        write.write_text(text, "utf-8")
    sys.exit(1 if survivors or accused else 0)


def _line(result: Graded, number: int, of: int) -> str:
    """Return what is printed about one mutant."""
    verdict = "found" if result.is_killed else "NOT FOUND"
    others = [killer for killer in result.killers if killer != result.mutant.killer]
    also = f", also by {', '.join(others)}" if others else ""
    return f"{number}/{of} {result.mutant.killer} {result.mutant.title}: {verdict}{also}"
