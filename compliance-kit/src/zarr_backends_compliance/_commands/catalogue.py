"""The commands that show the checks themselves."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from zarr_backends_compliance._kernel.check import Check, all_checks, program_of
from zarr_backends_compliance._session.explanation import compact

__all__ = ["checks_of", "explain_command", "list_command"]


@click.command("list")
@click.option("--families", is_flag=True, help="Count them by family, as a table in Markdown.")
def list_command(*, families: bool) -> None:
    """List the checks: id, the sentence of the contract, what a backend needs for it."""
    if families:
        click.echo(_families())
        return
    table = Table("id", "profile", "contract", "needs", box=None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for check in all_checks():
        words = (check.id, check.level, check.clause, " ".join(check.needs))
        table.add_row(*map(Text, words))
    Console().print(table)


@click.command("explain")
@click.argument("check_id", metavar="ID")
def explain_command(check_id: str) -> None:
    """Say what a check is about, and print it as a program."""
    (check,) = checks_of(check_id)
    click.echo(f"{check.id}  {check.title}\n")
    facts = (
        ("contract", check.clause),
        ("needs", ", ".join(check.needs) or "nothing beyond the ten members"),
        ("profile", f"{check.level}, and those after it"),
        ("hint", check.hint),
    )
    for name, value in facts:
        click.echo(f"  {name:9} {value}")
    click.echo("\nAs a program, on the backend `memory`:\n")
    click.echo(compact(program_of(check, target="memory", options="")))


def _families() -> str:
    """Return a table of the families of checks."""
    members: dict[str, list[Check]] = {}
    for check in all_checks():
        members.setdefault(check.id.rpartition("-")[0], []).append(check)
    rows = [
        f"| `{family}` | {len(checks)} | {checks[0].clause} |" for family, checks in members.items()
    ]
    return "\n".join(["| family | checks | the first of them |", "|---|---|---|", *rows])


def checks_of(ids: str | None) -> tuple[Check, ...]:
    """Return the checks of some ids, or all.

    Args:
        ids: Ids, or beginnings of ids such as ``ZB-READ``, with commas in between.

    Raises:
        UsageError: No check is named so.
    """
    everything = all_checks()
    if ids is None:
        return everything
    wanted = [word.strip().upper() for word in ids.split(",")]
    for word in wanted:
        if not any(_is_named(check, word) for check in everything):
            message = f"no check is named {word!r}; `zarr-backends-compliance list` shows all"
            raise click.UsageError(message)
    return tuple(check for check in everything if any(_is_named(check, w) for w in wanted))


def _is_named(check: Check, word: str) -> bool:
    """Whether a word is the id of a check, or of its family."""
    return check.id == word or check.id.rpartition("-")[0] == word
