"""The report: every form of it, from runs whose outcome is known."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from zarr_backends_compliance._kernel.check import Check, all_checks
from zarr_backends_compliance._kernel.profiles import PROFILES
from zarr_backends_compliance._report.document import schema
from zarr_backends_compliance._report.writing import write_report
from zarr_backends_compliance._session.deviations import Deviation
from zarr_backends_compliance._session.given_options import GivenOptions, find_given_target
from zarr_backends_compliance._session.request import Request
from zarr_backends_compliance._session.run import Run, done, workspace

FAULTY = "zarr_backends_compliance._mutants.reading:EmptyForMissing"

DEVIATION = Deviation("ZB-READ-02", "It cannot tell | <yet>.", "https://example.org", dt.date.max)


def checks() -> list[Check]:
    """Return a few checks, of which a faulty backend fails one and skips one."""
    return [check for check in all_checks() if check.id.startswith("ZB-READ")]


def made(target: str, folder: str, **options: Any) -> Run:
    """Run some checks."""
    given = GivenOptions(options, target)
    declared = {DEVIATION.id: DEVIATION} if target == FAULTY else {}
    request = Request(target, given, checks(), PROFILES["quick"], 0, declared)
    return done(request, find_given_target(target, given, folder), folder)


@pytest.fixture(scope="module", params=["filesystem", FAULTY])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a report."""
    home = tmp_path_factory.mktemp("report")
    with workspace() as folder:
        return write_report(made(request.param, folder), home / "new", folder)


@pytest.fixture
def document(report: Path) -> dict[str, Any]:
    """Return the JSON form."""
    loaded: dict[str, Any] = json.loads((report / "report.json").read_text("utf-8"))
    return loaded


def test_json_keeps_to_its_schema(document: dict[str, Any]) -> None:
    """The schema is valid itself, knows every member, and is found wherever the kit is."""
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(document, schema(), cls=jsonschema.Draft202012Validator)


def test_json_says_what_was_run(document: dict[str, Any]) -> None:
    """Versions, seed, profile, class, capabilities, and each verdict."""
    assert document["contract_version"] == 1
    assert (document["profile"], document["seed"]) == ("quick", 0)
    assert {"keys", "ranges"} <= set(document["backend"]["capabilities"])
    assert [check["id"] for check in document["checks"]] == [check.id for check in checks()]


def test_the_profile_has_ratios(document: dict[str, Any]) -> None:
    """Three sizes, three numbers of threads, put and get, beside two other backends."""
    assert len(document["performance"]) == 18
    for cell in document["performance"]:
        assert cell["ratios"].keys() == {"memory", "filesystem"}
        assert cell["latency_s"] > 0


def test_a_distribution_is_named(report: Path, document: dict[str, Any]) -> None:
    """That which brought the backend, where one did."""
    if document["backend"]["id"] == "filesystem":
        assert document["backend"]["distribution"] == "zarr-backends"
    assert document["backend"]["id"] in (report / "report.md").read_text("utf-8")


def test_junit_counts_as_json_does(report: Path, document: dict[str, Any]) -> None:
    """Each check is a case, failures and skips are counted."""
    suite = ET.parse(report / "junit.xml").getroot()[0]  # noqa: S314  # we have just written it
    counts = document["counts"]
    assert suite.get("tests") == str(len(document["checks"])) == str(len(suite))
    assert suite.get("failures") == str(counts.get("FAIL", 0))
    assert suite.get("skipped") == str(counts.get("SKIP", 0) + counts.get("DEVIATION", 0))


@pytest.mark.parametrize("name", ["badge.svg", "profile.svg"])
def test_drawings_are_svg(report: Path, name: str) -> None:
    """They are well-formed, and larger than nothing."""
    root = ET.parse(report / name).getroot()  # noqa: S314  # we have just written it
    assert root.tag.endswith("svg")
    assert len(list(root.iter())) > 5


def test_a_deviation_is_shown(report: Path, document: dict[str, Any]) -> None:
    """With its reason and link, and in no table as anything but text."""
    if "DEVIATION" in document["counts"]:
        text = (report / "report.md").read_text("utf-8")
        assert "It cannot tell \\| &lt;yet>. (https://example.org)" in text


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[Run, str]]:
    """Give a run that failed, with a secret in its options."""
    monkeypatch.setenv("PLACE", str(tmp_path / "hunter2"))
    with workspace() as folder:
        run = made(FAULTY, folder, path="env:PLACE", timeout_s="9")
        run.request.deviations.clear()  # type: ignore[attr-defined]  # it is a dict
        yield run._replace(results=[r._replace(verdict="FAIL") for r in run.results]), folder


def test_options_are_names_in_reports(faulty: tuple[Run, str], tmp_path: Path) -> None:
    """Values stay out, except for the names of variables."""
    home = write_report(faulty[0], tmp_path / "report", faulty[1])
    document = json.loads((home / "report.json").read_text("utf-8"))
    assert document["backend"]["options"] == {"path": "env:PLACE", "timeout_s": "..."}
    assert "-o path=env:PLACE -o timeout_s=..." in (home / "report.md").read_text("utf-8")
    assert not any("hunter2" in path.read_text("utf-8") for path in home.iterdir())
