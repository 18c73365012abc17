"""How a run is shown while it goes on, and what it says at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from zarr_backends_compliance._kernel.runner import Result
from zarr_backends_compliance._session.run import Run

__all__ = ["progress", "tell"]

_STYLES = {
    "PASS": "green",
    "FAIL": "bold red",
    "ERROR": "bold magenta",
    "SKIP": "dim",
    "DEVIATION": "yellow",
}


@contextmanager
def progress(total: int) -> Iterator[Callable[[Result], None]]:
    """Show a line for each check and a bar below them, on a terminal; elsewhere nothing.

    Args:
        total: Number of checks.

    Yields:
        What is to be called after each check.
    """
    console = Console(stderr=True)
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)

        def show(result: Result) -> None:
            bar.update(task, advance=1, description=result.check.id)
            if console.is_terminal:
                bar.console.print(_line(result))

        yield show


def tell(run: Run) -> None:
    """Print every failure, and the summary."""
    for result in run.results:
        if result.verdict in ("FAIL", "ERROR"):
            click.echo(run.explained(result) + "\n")
    for result in run.results:
        if result.verdict == "DEVIATION":
            deviation = run.request.deviations[result.check.id]
            click.echo(f"DEVIATION {result.check.id}  {deviation.reason} ({deviation.link})")
    click.echo(_summary(run))


def _line(result: Result) -> Text:
    """Return what came of a check in one line."""
    seen = f"  ({result.seen})" if result.verdict == "SKIP" else ""
    text = f" {result.check.id:12} {result.check.title}{seen}  {result.seconds:.1f} s"
    return Text(f"{result.verdict:9}", _STYLES[result.verdict]).append(text, "default")


def _summary(run: Run) -> str:
    """Return the last line: what can be said of the backend."""
    counts = run.counts
    verdicts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in _STYLES if counts[verdict])
    about = f"{run.target.label} ({run.request.profile.name} profile, seed {run.request.seed})"
    says = {0: "complies", 1: "does not comply", 2: "could not be judged"}[run.status]
    return (
        f"{run.request.options.hidden(about)} {says}: {verdicts or 'no check'}, {run.seconds:.1f} s"
    )
