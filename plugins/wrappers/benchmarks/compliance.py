"""The compliance of every wrapper over memory and over files, in the standard profile.

    python compliance.py [WRAPPER ...]

Faults and delays are off, and `cache` asks for versions. Each run leaves its report in
``../compliance/WRAPPER/INNER``; the table in ``../compliance/README.md`` is of all reports
that are there. The exit status is 0 if all that were run comply.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parents[1] / "compliance"

_KIT = Path(sys.executable).with_name("zarr-backends-compliance")

_INNERS = ("memory", "filesystem")

_OPTIONS: dict[str, dict[str, Any]] = {
    "cache": {"validate": True},
    "checksum": {},
    "circuit_breaker": {},
    "content_addressed": {},
    "instrumented": {},
    "latency": {"latency_s": 0},
    "mock": {},
    "prefix_partitioned": {},
    "quota": {},
    "read_only": {"enabled": False},
    "replicated": {},
    "retry": {},
    "tiered": {},
}

_NAMES = {"replicated": ("near", "far"), "tiered": ("hot", "warm", "cold")}

_KEPT = ("badge.svg", "profile.svg", "report.md")

_RESULT = re.compile(r"^\| Result \| (.+) \|$", re.MULTILINE)


def inner_of(wrapper: str, kind: str, folder: str) -> dict[str, Any]:
    """Return the option ``inner`` of a wrapper over backends of a kind."""

    def place(name: str) -> dict[str, str]:
        if kind == "memory":
            return {"storage": "memory", "name": f"{wrapper}-{name}", "prefix": "{name}"}
        return {"storage": "filesystem", "path": f"{folder}/{name}/{{name}}"}

    names = _NAMES.get(wrapper)
    return {name: place(name) for name in names} if names else place("only")


def run(wrapper: str, kind: str) -> int:
    """Run the kit, keep its report, and return its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        options = {"inner": inner_of(wrapper, kind, folder), **_OPTIONS[wrapper]}
        command = [str(_KIT), "run", wrapper, "--yes"]
        for name, value in options.items():
            command += ["-o", f"{name}={json.dumps(value)}"]
        command += ["--profile", "standard", "--report", f"{folder}/report"]
        found = subprocess.run(
            command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if found.returncode:
            print(f"{wrapper} over {kind}: exit status {found.returncode}\n{found.stdout}")
        kept = _FOLDER / wrapper / kind
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        for name in _KEPT:
            if Path(folder, "report", name).exists():
                shutil.copy(Path(folder, "report", name), kept)
    return found.returncode


def cell(wrapper: str, kind: str) -> str:
    """Return what the table says of a run: its verdicts, with a link to its report."""
    report = _FOLDER / wrapper / kind / "report.md"
    found = _RESULT.search(report.read_text()) if report.exists() else None
    if found is None:
        return "not run"
    return f"[{found[1]}]({wrapper}/{kind}/report.md)"


def table() -> str:
    """Return the page with the verdicts of all reports."""
    lines = [
        "# Compliance of the wrappers",
        "",
        "Standard profile, by `python benchmarks/compliance.py`. A check is skipped where the",
        "inner backend has not got what it is about, or where all is in one process's memory.",
        "",
        "| | over `memory` | over `filesystem` |",
        "|---|---|---|",
    ]
    for wrapper, options in _OPTIONS.items():
        extra = ", ".join(f"{n}={v!r}" for n, v in options.items())
        name = f"`{wrapper}`" + f" with `{extra}`" * bool(extra)
        lines.append(f"| {name} | {' | '.join(cell(wrapper, kind) for kind in _INNERS)} |")
    return "\n".join([*lines, ""])


def main(*wrappers: str) -> int:
    """Run the kit for some wrappers, or for all; return the exit status."""
    runs = list(product(wrappers or _OPTIONS, _INNERS))
    worst = 0
    with ThreadPoolExecutor(2) as threads:
        statuses = threads.map(lambda names: run(*names), runs)
        for (wrapper, kind), status in zip(runs, statuses, strict=True):
            done = "complies" if status == 0 else "does NOT comply"
            print(f"{wrapper} over {kind}: {done}", flush=True)
            worst = max(worst, status)
            (_FOLDER / "README.md").write_text(table())
    return worst


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
