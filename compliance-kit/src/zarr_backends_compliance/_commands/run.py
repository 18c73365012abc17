"""The command that runs the checks."""

from __future__ import annotations

import sys
import warnings

import click

from zarr_backends_compliance._commands.catalogue import checks_of
from zarr_backends_compliance._commands.terminal import progress, tell
from zarr_backends_compliance._kernel.check import all_checks
from zarr_backends_compliance._kernel.profiles import PROFILES
from zarr_backends_compliance._session.deviations import read_deviations
from zarr_backends_compliance._session.given_options import GivenOptions, find_given_target
from zarr_backends_compliance._session.plan import plan_of
from zarr_backends_compliance._session.request import Request
from zarr_backends_compliance._session.run import done, workspace

__all__ = ["run_command"]


@click.command("run")
@click.argument("target")
@click.option(
    "-o", "options", multiple=True, metavar="OPTION=VALUE",
    help="Option of the backend; env:NAME as its value reads a variable. Once for each.",
)  # fmt: skip
@click.option(
    "--profile", type=click.Choice(list(PROFILES)), default="quick", show_default=True,
    help="How thorough.",
)  # fmt: skip
@click.option("--report", metavar="DIR", help="Write the report into this folder.")
@click.option("--only", metavar="ID[,ID...]", help="Checks, or families such as ZB-READ.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of everything random.")
@click.option("--deviations", metavar="FILE", help="Declared deviations (TOML or JSON).")
@click.option("--yes", is_flag=True, help="Do not ask before something is written.")
def run_command(  # noqa: PLR0913  # the options of the command
    *,
    target: str,
    options: tuple[str, ...],
    profile: str,
    report: str | None,
    only: str | None,
    seed: int,
    deviations: str | None,
    yes: bool,
) -> None:
    r"""Check a backend: an id, a url, or module:Class.

    Arrays are written at names that the kit makes below the place that the options name, or
    where they hold {name}; what is there already is left alone.

    \f

    Raises:
        UsageError: The profile has none of the checks.
    """
    known = [check.id for check in all_checks()]
    chosen = PROFILES[profile]
    request = Request(
        target,
        GivenOptions.parsed(options, target),
        [check for check in checks_of(only) if chosen.includes(check.level)],
        chosen,
        seed,
        read_deviations(deviations, known) if deviations else {},
        deviations,
    )
    if not request.checks:
        message = f"the {profile} profile has none of these checks; choose a longer one"
        raise click.UsageError(message)
    sys.exit(_run(request, report, confirmed=yes))


def _run(request: Request, report: str | None, *, confirmed: bool) -> int:
    """Run the checks and tell what came of them; return the exit status."""
    warnings.simplefilter("ignore")  # those of libraries are no part of what is told
    with workspace() as folder:
        target = find_given_target(request.target, request.options, folder)
        plan = plan_of(request, target)
        for sentence in plan.sentences():
            click.echo(sentence, err=True)
        if sys.stdin.isatty() and not confirmed and not plan.is_harmless:
            click.confirm("Go on?", default=True, abort=True, err=True)
        with progress(len(request.checks)) as show:
            run = done(request, target, folder, show)
        tell(run)
        if report:
            from zarr_backends_compliance._report.writing import write_report  # noqa: PLC0415

            click.echo(f"Report: {write_report(run, report, folder)}", err=True)
    return run.status
