"""Deviations: what a backend is known to do otherwise, declared in a file and shown.

The file is TOML (or JSON with the same members)::

    [[deviation]]
    id = "ZB-LIST-03"
    reason = "The service lists what it has seen, a second late."
    link = "https://example.org/issues/17"
    expires = 2030-01-31

A check that fails as declared counts as DEVIATION. A declaration that is out of date fails
the run: the check passes by now, or the date is over. There is no other way to be excused.
"""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from zarr_backends_compliance._kernel.runner import Result

__all__ = ["Deviation", "DeviationError", "judged", "read_deviations"]

_MEMBERS = ("id", "reason", "link", "expires")


class DeviationError(ValueError):
    """The file of deviations is wrong."""


class Deviation(NamedTuple):
    """One check that is declared to fail."""

    id: str
    reason: str
    link: str
    """Where it is discussed."""
    expires: dt.date
    """Last day on which it excuses."""


def read_deviations(path: str | Path, known: Collection[str]) -> dict[str, Deviation]:
    """Return the deviations of a file by the id of their check.

    Args:
        path: The file; JSON where its name ends so, else TOML.
        known: Ids of all checks.

    Raises:
        DeviationError: The file cannot be read, or says something impossible.
    """
    entries = _document(Path(path)).get("deviation", [])
    if not isinstance(entries, list):
        message = f"{path}: 'deviation' must be a list of tables ([[deviation]])"
        raise DeviationError(message)
    found: dict[str, Deviation] = {}
    for entry in entries:
        deviation = _deviation(entry, str(path))
        if deviation.id not in known or deviation.id in found:
            what = "is declared twice" if deviation.id in found else "is the id of no check"
            message = f"{path}: {deviation.id!r:.80} {what}"
            raise DeviationError(message)
        found[deviation.id] = deviation
    return found


def judged(
    result: Result, declared: Mapping[str, Deviation], today: dt.date | None = None
) -> Result:
    """Return what a result counts for, given what was declared.

    Args:
        result: What came of a check.
        declared: Deviations by id.
        today: The day of the run; now, by default.
    """
    deviation = declared.get(result.check.id)
    if deviation is None or result.verdict not in ("PASS", "FAIL"):
        return result
    if result.verdict == "PASS":
        seen = f"a deviation is declared ({deviation.reason}) but the check passes: remove it"
        return result._replace(verdict="FAIL", seen=seen)
    if (today or dt.datetime.now(dt.UTC).date()) > deviation.expires:
        seen = f"the deviation expired on {deviation.expires} ({deviation.reason}): {result.seen}"
        return result._replace(seen=seen)
    return result._replace(verdict="DEVIATION")


def _document(path: Path) -> dict[str, Any]:
    """Return what a file holds."""
    try:
        text = path.read_text("utf-8")
        document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        message = f"{path} cannot be read: {error}"
        raise DeviationError(message) from error
    if not isinstance(document, dict) or set(document) - {"deviation"}:
        message = f"{path} must hold 'deviation' and nothing else"
        raise DeviationError(message)
    return document


def _deviation(entry: Any, path: str) -> Deviation:
    """Return one deviation.

    Raises:
        DeviationError: A member is missing, unknown, or of a wrong type.
    """
    if not isinstance(entry, dict) or set(entry) != set(_MEMBERS):
        message = f"{path}: a deviation has exactly the members {', '.join(_MEMBERS)}"
        raise DeviationError(message)
    for name in ("id", "reason", "link"):
        if not isinstance(entry[name], str) or not entry[name].strip():
            message = f"{path}: {name} must be a text, not {entry[name]!r:.80}"
            raise DeviationError(message)
    return Deviation(entry["id"], entry["reason"], entry["link"], _date(entry["expires"], path))


def _date(value: Any, path: str) -> dt.date:
    """Return a date, which JSON has as a text."""
    if type(value) is dt.date:
        return value
    try:
        return dt.date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        message = f"{path}: expires must be a date like 2030-01-31, not {value!r:.80}"
        raise DeviationError(message) from error
