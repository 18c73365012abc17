"""The table that the demonstration prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from demo.cases import Case, Reading

__all__ = ["Row", "differences", "table"]

_MB = 1e6


@dataclass(frozen=True, slots=True)
class Row:
    """One case and what became of it."""

    case: Case
    write_seconds: float | None
    """None where nothing was written this time."""
    reading: Reading
    """What zarr-backends read."""
    peer: Reading | None
    """What zarr-python read; None where there was no use in trying."""


def differences(row: Row) -> list[str]:
    """Return what is not as it was written, one sentence each."""
    found = [f"zarr-backends: {text}" for text in row.reading.differences]
    if row.peer is not None:
        found += [f"zarr-python: {text}" for text in row.peer.differences]
    return [f"{row.case.target.name}, read by {text}" for text in found]


def table(rows: Sequence[Row]) -> Table:
    """Return all rows as a table."""
    result = Table(box=None, padding=(0, 1, 0, 0))
    for title in ("data", "backend", "Zarr"):
        result.add_column(title)
    for title in ("chunks", "stored\nbytes", "ratio", "write\nMB/s", "read\nMB/s", "region\nms"):
        result.add_column(title, justify="right")
    result.add_column("equal")
    for row in rows:
        result.add_row(*_cells(row))
    return result


def _cells(row: Row) -> list[str]:
    """Return one line of the table."""
    case, reading = row.case, row.reading
    stored = reading.nbytes_stored
    return [
        case.source.name,
        case.backend,
        f"v{case.zarr_format}",
        "x".join(map(str, case.source.chunks)),
        f"{stored:,}",
        f"{case.source.data.nbytes / stored:,.1f}" if stored else "-",
        _rate(case.source.data.nbytes, row.write_seconds),
        _rate(case.source.data.nbytes, reading.seconds),
        f"{1000 * reading.region_seconds:,.1f}",
        "no" if differences(row) else "yes",
    ]


def _rate(nbytes: int, seconds: float | None) -> str:
    """Return MB/s, or a dash where nothing was timed."""
    return f"{nbytes / _MB / seconds:,.0f}" if seconds else "-"
