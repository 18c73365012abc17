"""The report for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

__all__ = ["markdown"]

_SAYS = {True: "complies", False: "does not comply", None: "could not be judged"}


def markdown(report: Mapping[str, Any], failures: Sequence[str]) -> str:
    """Return the report as a document.

    Args:
        report: As `document_of` returns it.
        failures: What is said of each check that failed.
    """
    return "\n".join(
        [
            f"# `{report['backend']['id']}` {_SAYS[report['complies']]}",
            "",
            *_facts(report),
            "",
            "![Speed beside memory and filesystem](profile.svg)",
            "",
            *_failures(failures),
            *_checks(report["checks"]),
            *_limits(report["limits"]),
            *_performance(report["performance"]),
        ]
    )


def _facts(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was run, on what."""
    backend = report["backend"]
    options = ", ".join(f"`{name}={value}`" for name, value in backend["options"].items())
    counts = ", ".join(f"{count} {verdict}" for verdict, count in report["counts"].items())
    yield from _table(
        ("", ""),
        [
            ("Result", counts),
            ("Backend", f"`{backend['class']}`"),
            ("Distribution", f"{backend['distribution'] or 'none'} {backend['version'] or ''}"),
            ("Options", options or "none"),
            ("Capabilities", ", ".join(backend["capabilities"]) or "none"),
            ("Contract", f"version {report['contract_version']}"),
            ("Kit", f"{report['kit_version']}, profile {report['profile']}, seed {report['seed']}"),
            ("Run", f"{report['created']}, {report['seconds']:.1f} s"),
            ("On", _machine(report["platform"])),
        ],
    )


def _machine(facts: Mapping[str, Any]) -> str:
    """Return what the run ran on."""
    python = f"{facts['implementation']} {facts['python']}"
    return f"{python}, {facts['system']} {facts['machine']}, {facts['processors']} processors"


def _failures(failures: Sequence[str]) -> Iterator[str]:
    """Yield what is said of failed checks."""
    if failures:
        yield from ("## Failures", "")
        for failure in failures:
            yield from ("```text", failure, "```", "")


def _checks(checks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a row for each check."""
    yield from ("## Checks", "")
    rows = []
    for check in checks:
        told = check["seen"].partition("\n")[0]
        if check["verdict"] == "DEVIATION":
            told = f"{check['deviation']['reason']} ({check['deviation']['link']})"
        rows.append((check["id"], check["verdict"], check["clause"], told))
    yield from _table(("id", "verdict", "contract", "seen"), rows)
    yield ""


def _limits(limits: Mapping[str, Any]) -> Iterator[str]:
    """Yield the limits that were found."""
    if limits:
        yield from ("## Limits", "")
        yield from _table(("", ""), [(name, str(value)) for name, value in limits.items()])
        yield ""


def _performance(cells: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the performance profile."""
    if not cells:
        return
    yield from (
        "## Speed",
        "",
        "Ratios are to the same operation of `memory` and `filesystem`.",
        "",
    )
    titles = ("", "bytes", "threads", "latency", "MB/s", "requests")
    others = list(cells[0]["ratios"])
    rows = []
    for cell in cells:
        row = [cell["operation"], f"{cell['nbytes']:,}", str(cell["threads"])]
        row += [_milliseconds(cell["latency_s"])]
        row += [f"{cell['per_second'] * cell['nbytes'] / 1e6:,.1f}"]
        row += ["" if cell["requests"] is None else f"{cell['requests']:.1f}"]
        for name in others:
            ratios = cell["ratios"][name]
            row += [f"{ratios['latency']:.2g}", f"{ratios['throughput']:.2g}"]
        rows.append(tuple(row))
    beside = [f"{word} / {name}" for name in others for word in ("latency", "throughput")]
    yield from _table((*titles, *beside), rows)
    yield ""


def _milliseconds(seconds: float) -> str:
    """Return a duration with three digits that count."""
    return f"{seconds * 1e3:.3g} ms"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    for row in rows:
        yield f"| {' | '.join(_cell(text) for text in row)} |"


def _cell(text: str) -> str:
    """Return a text that breaks no table."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())
