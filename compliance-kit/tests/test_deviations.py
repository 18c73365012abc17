"""Deviations: declared in a file, shown, and refused where they are out of date."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from zarr_backends_compliance._kernel.check import all_checks
from zarr_backends_compliance._kernel.runner import Result
from zarr_backends_compliance._kernel.verdicts import Verdict
from zarr_backends_compliance._session.deviations import (
    Deviation,
    DeviationError,
    judged,
    read_deviations,
)

KNOWN = ("ZB-READ-01", "ZB-READ-02")

TODAY = dt.date(2026, 5, 1)

TEXT = """
[[deviation]]
id = "ZB-READ-02"
reason = "The device has no way to tell."
link = "https://example.org/1"
expires = 2026-05-01
"""


def result(verdict: Verdict, seen: str = "") -> Result:
    """Return a result of the check that the file speaks of."""
    check = next(check for check in all_checks() if check.id == "ZB-READ-02")
    return Result(check, verdict, seen, 0.1, {})


@pytest.fixture
def declared(tmp_path: Path) -> dict[str, Deviation]:
    """Return the deviations of a file."""
    (tmp_path / "d.toml").write_text(TEXT)
    return read_deviations(tmp_path / "d.toml", KNOWN)


def test_toml_and_json_say_the_same(tmp_path: Path, declared: dict[str, Deviation]) -> None:
    """A date is a text in JSON."""
    entry = {**declared["ZB-READ-02"]._asdict(), "expires": "2026-05-01"}
    (tmp_path / "d.json").write_text(json.dumps({"deviation": [entry]}))
    assert read_deviations(tmp_path / "d.json", KNOWN) == declared


def test_a_failure_that_was_declared(declared: dict[str, Deviation]) -> None:
    """It counts as DEVIATION, on the last day too, and keeps what was seen."""
    assert judged(result("FAIL", "it fails"), declared, TODAY)[1:3] == ("DEVIATION", "it fails")


def test_a_deviation_that_is_unnecessary(declared: dict[str, Deviation]) -> None:
    """It fails the run as soon as the check passes."""
    found = judged(result("PASS"), declared, TODAY)
    assert found.verdict == "FAIL"
    assert "remove it" in found.seen


def test_a_deviation_that_expired(declared: dict[str, Deviation]) -> None:
    """It excuses nothing any more."""
    found = judged(result("FAIL", "it fails"), declared, TODAY + dt.timedelta(days=1))
    assert found.verdict == "FAIL"
    assert "expired on 2026-05-01" in found.seen


@pytest.mark.parametrize("verdict", ["SKIP", "ERROR"])
def test_what_was_not_checked_stays(verdict: Verdict, declared: dict[str, Deviation]) -> None:
    """Neither a skip nor a failure of the kit says anything about a deviation."""
    assert judged(result(verdict), declared, TODAY) == result(verdict)


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("READ-02", "READ-99"),
        TEXT + TEXT,
        TEXT.replace("reason", "excuse"),
        TEXT.replace("2026-05-01", '"soon"'),
        TEXT.replace('"https://example.org/1"', '""'),
        TEXT + "[ignore]\n",
        "deviation = 5",
        "[[deviation",
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str) -> None:
    """Unknown ids, members that are missing or unknown, and what is no TOML."""
    (tmp_path / "d.toml").write_text(text)
    with pytest.raises(DeviationError, match=r"d\.toml"):
        read_deviations(tmp_path / "d.toml", KNOWN)
