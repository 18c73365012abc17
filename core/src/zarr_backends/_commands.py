"""The command line: list and describe backends, describe and copy arrays.

Exit status is 1 for errors and 2 for wrong usage; an error is one message, no traceback.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

import zarr_backends
from zarr_backends._storage.registry.backend_info import BackendInfo, backend_info
from zarr_backends._storage.registry.installed import installed
from zarr_backends._storage.registry.registered import is_registered, list_backends
from zarr_backends.errors import ZarrBackendsError

__all__ = ["commands"]


class _Commands(click.Group):
    """Shows the errors that users can do something about as one message."""

    def invoke(self, context: click.Context) -> Any:
        """Run a command.

        Returns:
            What the command returns.

        Raises:
            ClickException: The command failed.
        """
        try:
            return super().invoke(context)
        except (ZarrBackendsError, OSError) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Commands)
@click.version_option(package_name="zarr-backends")
def commands() -> None:
    """Zarr arrays on exchangeable storage backends."""


@commands.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_command(*, as_json: bool) -> None:
    """List the installed backends and whether they can be used."""
    infos = [backend_info(backend_id) for backend_id in list_backends()]
    for fault in installed().faults:
        click.echo(f"Warning: {fault}", err=True)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(info) for info in infos], indent=2))
        return
    rows = [
        (i.id, i.state, i.distribution or "", " ".join(i.schemes), i.error or i.summary)
        for i in infos
    ]
    _print_table(("id", "state", "distribution", "schemes", "summary"), rows)


@commands.command("info")
@click.argument("backend_or_target")
def info_command(backend_or_target: str) -> None:
    """Describe a backend by its id, or the array at a path or url."""
    if _is_backend(backend_or_target):
        _print_backend(backend_info(backend_or_target))
        return
    with zarr_backends.open(backend_or_target, read_only=True) as array:
        click.echo(array.info)


@commands.command("copy")
@click.argument("source")
@click.argument("target")
@click.option("--overwrite", is_flag=True, help="Replace an array that is already there.")
def copy_command(source: str, target: str, *, overwrite: bool) -> None:
    """Copy an array from one path or url to another, between any two backends."""
    with _progress_bar(f"{source} -> {target}") as progress:
        zarr_backends.copy(source, target, overwrite=overwrite, progress=progress).close()


def _is_backend(word: str) -> bool:
    """Whether a word is an id, or at least nothing else: neither a path nor a url."""
    return is_registered(word) or (word.isidentifier() and not os.path.lexists(word))


def _print_backend(info: BackendInfo) -> None:
    """Print everything that is known about a backend."""
    facts = dataclasses.asdict(info)
    del facts["options"]
    rows = [
        (name, " ".join(value) if isinstance(value, tuple) else str(value))
        for name, value in facts.items()
        if value
    ]
    _print_table(("", ""), rows)
    options = [(o.name, o.type, o.default or "required") for o in info.options]
    if options:
        click.echo()
        _print_table(("option", "type", "default"), options)


def _print_table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Print aligned columns; what does not fit is folded, never cut."""
    table = Table(*titles, box=None, show_header=any(titles), pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


@contextmanager
def _progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal's standard error while the block runs."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(Text(title).markup, total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield progress
