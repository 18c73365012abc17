"""The report as one JSON document, from which the other forms are made.

Its schema is `report.schema.json` beside this module.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import packages_distributions, version
from importlib.resources import files
from typing import Any

from zarr_backends import CONTRACT_VERSION, backend_info, get_backend, is_registered
from zarr_backends_compliance._kernel.runner import Result
from zarr_backends_compliance._report.performance import Cell
from zarr_backends_compliance._session.run import Run

__all__ = ["SCHEMA_ID", "document_of", "schema"]

SCHEMA_ID = "urn:zarr-backends:compliance-report:1"
"""Name and version of the schema."""

_LIMITS = "ZB-LIMIT"
"""Family of checks that find limits."""


def document_of(
    run: Run,
    profiles: Mapping[str, Sequence[Cell]],
    requests: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return the whole report as a JSON object.

    Args:
        run: What was run.
        profiles: Performance by name, as `profiles_beside` returns it.
        requests: Requests that one put or get makes, where they can be counted.
    """
    return {
        "$schema": SCHEMA_ID,
        "contract_version": CONTRACT_VERSION,
        "kit_version": version("zarr-backends-compliance"),
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "complies": {0: True, 1: False}.get(run.status),
        "profile": run.request.profile.name,
        "seed": run.request.seed,
        "seconds": round(run.seconds, 3),
        "platform": _platform(),
        "backend": _backend(run),
        "counts": dict(sorted(run.counts.items())),
        "checks": [_check(run, result) for result in run.results],
        "limits": _limits(run),
        "performance": _performance(profiles, requests or {}),
    }


@cache
def schema() -> dict[str, Any]:
    """Return the JSON schema of a report."""
    text = files(__package__).joinpath("report.schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _platform() -> dict[str, Any]:
    """Return what the run ran on."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "processors": os.cpu_count() or 1,
    }


def _backend(run: Run) -> dict[str, Any]:
    """Return what was tested; of its options, no value but names of variables."""
    cls = run.target.backend
    distribution, number = _distribution(cls)
    return {
        "target": run.request.options.hidden(run.target.label),
        "id": str(getattr(cls, "backend_id", "")),
        "class": f"{cls.__module__}:{cls.__qualname__}",
        "distribution": distribution,
        "version": number,
        "options": run.request.options.reported(),
        "capabilities": sorted(run.survey.capabilities),
        "surroundings": sorted(run.survey.surroundings),
    }


def _distribution(cls: type) -> tuple[str | None, str | None]:
    """Return the distribution that a class comes from, and its version."""
    backend_id = str(getattr(cls, "backend_id", ""))
    if is_registered(backend_id) and get_backend(backend_id) is cls:
        info = backend_info(backend_id)
        return info.distribution, info.version
    names = packages_distributions().get(cls.__module__.partition(".")[0], [])
    return (names[0], version(names[0])) if names else (None, None)


def _check(run: Run, result: Result) -> dict[str, Any]:
    """Return what came of one check."""
    check = result.check
    deviation = run.request.deviations.get(check.id)
    return {
        "id": check.id,
        "title": check.title,
        "clause": check.clause,
        "hint": check.hint,
        "needs": list(check.needs),
        "verdict": result.verdict,
        "seen": result.seen,
        "seconds": round(result.seconds, 3),
        "notes": _plain(result.notes),
        "deviation": None
        if deviation is None
        else {**deviation._asdict(), "expires": deviation.expires.isoformat()},
    }


def _limits(run: Run) -> dict[str, Any]:
    """Return every limit that a check found."""
    found: dict[str, Any] = {}
    for result in run.results:
        if result.check.id.startswith(_LIMITS):
            found |= _plain(result.notes)
    return found


def _plain(notes: Mapping[str, Any]) -> dict[str, Any]:
    """Return notes as JSON can say them."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(notes), default=str))
    return plain


def _performance(
    profiles: Mapping[str, Sequence[Cell]], requests: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Return the profile, and its ratios to the backends that it was measured beside."""
    beside = {
        name: {cell[:3]: cell for cell in cells}
        for name, cells in profiles.items()
        if name != "backend"
    }
    return [
        {
            **cell._asdict(),
            "requests": requests.get(cell.operation),
            "ratios": {
                name: {
                    "latency": cell.latency_s / cells[cell[:3]].latency_s,
                    "throughput": cell.per_second / cells[cell[:3]].per_second,
                }
                for name, cells in beside.items()
                if cell[:3] in cells
            },
        }
        for cell in profiles.get("backend", ())
    ]
