"""Run the demonstration: ``python -m demo``; exit status 1 if anything differs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from demo.cases import Case, all_cases, read, read_with_zarr, write
from demo.map import save_map
from demo.report import Row, differences, table
from demo.sources import land_mask, sea_surface_temperature

_COLUMNS = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())


def main(arguments: Sequence[str] | None = None) -> int:
    """Store, read back, compare, report.

    Args:
        arguments: Command line without the name of the program; None takes that of the
            process.

    Returns:
        Exit status: 0 when everything was equal, else 1.
    """
    options = _parser().parse_args(arguments)
    console, start = Console(), perf_counter()
    with Progress(*_COLUMNS, console=console) as progress:
        cases = _load(options.output, small=options.small, progress=progress)
        rows = [_run(case, progress, check_only=options.check) for case in cases]
    console.print(table(rows))
    found = [text for row in rows for text in differences(row)]
    for text in found:
        console.print(text, style="bold red", markup=False, soft_wrap=True)
    if not found and not options.small:
        picture = options.output / "map.png"
        save_map(cases[0].target, cases[1].target, picture)
        console.print(f"Map: {picture.resolve()}", soft_wrap=True)
    console.print(f"{perf_counter() - start:.0f} s{_memory()}")
    return 1 if found else 0


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("demo-output"),
        help="folder for arrays and map; what an earlier run left there is replaced",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing, compare what an earlier run stored"
    )
    parser.add_argument(
        "--small", action="store_true", help="take a corner of each data set, and draw no map"
    )
    return parser


def _load(output: Path, *, small: bool, progress: Progress) -> list[Case]:
    """Load the data sets and return where they go."""
    output.mkdir(parents=True, exist_ok=True)
    task = progress.add_task("load the data sets", total=None)
    mask, temperature = land_mask(), sea_surface_temperature()
    if small:
        mask, temperature = mask.corner(), temperature.corner()
    nbytes = mask.data.nbytes + temperature.data.nbytes
    progress.update(task, total=nbytes, completed=nbytes)
    return all_cases(mask, temperature, output)


def _run(case: Case, progress: Progress, *, check_only: bool) -> Row:
    """Deal with one case, showing how far it is."""
    passes = 2 if check_only else 3
    where = f"{case.source.name}: {case.backend}, v{case.zarr_format}"
    task = progress.add_task(where, total=passes * case.source.data.nbytes)

    def advance(nbytes: int) -> None:
        progress.advance(task, nbytes)

    write_seconds = None if check_only else write(case, advance)
    reading = read(case, advance)
    peer = None if reading.differences else read_with_zarr(case, advance)
    return Row(case, write_seconds, reading, peer)


def _memory() -> str:
    """Return a remark on the largest amount of memory used, where the system tells it."""
    try:
        import resource  # noqa: PLC0415  # not there on Windows
    except ModuleNotFoundError:
        return ""
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return f", {peak / 1e9:.1f} GB of memory at most"


if __name__ == "__main__":
    sys.exit(main())
