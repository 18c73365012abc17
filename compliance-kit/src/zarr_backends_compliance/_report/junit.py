"""The report as JUnit XML, which continuous integration reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

__all__ = ["junit"]

_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold."""


def junit(report: Mapping[str, Any], failures: Mapping[str, str]) -> str:
    """Return the report as a document.

    Args:
        report: As `document_of` returns it.
        failures: What is said of each check that failed, by its id.
    """
    counts = report["counts"]
    suite = ET.Element(
        "testsuite",
        name=f"zarr-backends-compliance.{report['backend']['id']}",
        tests=str(len(report["checks"])),
        failures=str(counts.get("FAIL", 0)),
        errors=str(counts.get("ERROR", 0)),
        skipped=str(counts.get("SKIP", 0) + counts.get("DEVIATION", 0)),
        time=f"{report['seconds']:.3f}",
        timestamp=report["created"].removesuffix("+00:00"),
    )
    for check in report["checks"]:
        _add_case(suite, check, failures.get(check["id"], ""))
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suites, "unicode") + "\n"


def _add_case(suite: ET.Element, check: Mapping[str, Any], failure: str) -> None:
    """Add one check."""
    case = ET.SubElement(
        suite,
        "testcase",
        classname=check["id"].rpartition("-")[0],
        name=f"{check['id']} {check['title']}",
        time=f"{check['seconds']:.3f}",
    )
    seen = _FORBIDDEN.sub("?", check["seen"])
    match check["verdict"]:
        case "FAIL":
            ET.SubElement(case, "failure", message=seen).text = _FORBIDDEN.sub("?", failure)
        case "ERROR":
            ET.SubElement(case, "error", message=seen[:300]).text = _FORBIDDEN.sub("?", failure)
        case "SKIP":
            ET.SubElement(case, "skipped", message=f"needs {seen}")
        case "DEVIATION":
            reason = f"DEVIATION: {check['deviation']['reason']}"
            ET.SubElement(case, "skipped", message=_FORBIDDEN.sub("?", reason))
