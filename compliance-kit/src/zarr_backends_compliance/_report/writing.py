"""Writes every form of the report into a folder."""

from __future__ import annotations

import json
from pathlib import Path

from zarr_backends_compliance._report.badge import badge
from zarr_backends_compliance._report.document import document_of
from zarr_backends_compliance._report.junit import junit
from zarr_backends_compliance._report.markdown import markdown
from zarr_backends_compliance._report.performance import profiles_beside
from zarr_backends_compliance._report.plot import plot
from zarr_backends_compliance._report.requests import requests_of
from zarr_backends_compliance._session.run import Run

__all__ = ["write_report"]


def write_report(run: Run, folder: str | Path, workspace: str) -> Path:
    """Measure the backend and write the report.

    Args:
        run: What was run.
        folder: Where to; it is made where it is not there.
        workspace: Folder for the kit's own files.

    Returns:
        The folder.
    """
    profiles = profiles_beside(run.target, workspace)
    report = document_of(run, profiles, requests_of(run.target, workspace))
    failures = {
        result.check.id: run.explained(result, with_values=False)
        for result in run.results
        if result.verdict in ("FAIL", "ERROR")
    }
    files = {
        "report.json": json.dumps(report, indent=2, ensure_ascii=False) + "\n",
        "report.md": markdown(report, list(failures.values())),
        "junit.xml": junit(report, failures),
        "badge.svg": badge(report),
        "profile.svg": plot(profiles, report["backend"]["id"]),
    }
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        # What a backend said may have a lone surrogate in it.
        (home / name).write_text(text, "utf-8", errors="replace", newline="\n")
    return home
