"""A badge for the README of a backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

__all__ = ["badge"]

_COLOURS = {True: "#2e7d32", False: "#c62828", None: "#757575"}

_CHARACTER = 6.6
"""Width of a character on average, in pixels."""

_BADGE = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img"
    aria-label="{name}: {says}">
  <title>{name}: {says}</title>
  <clipPath id="round"><rect width="{width}" height="20" rx="3"/></clipPath>
  <g clip-path="url(#round)">
    <rect width="{left}" height="20" fill="#444"/>
    <rect x="{left}" width="{right}" height="20" fill="{colour}"/>
  </g>
  <g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
    <text x="{middle_left}" y="14" textLength="{text_left}">{name}</text>
    <text x="{middle_right}" y="14" textLength="{text_right}">{says}</text>
  </g>
</svg>
"""


def badge(report: Mapping[str, Any]) -> str:
    """Return a badge that says whether a backend complies.

    Args:
        report: As `document_of` returns it.
    """
    name, says = "zarr-backends", escape(_says(report))
    text_left, text_right = round(len(name) * _CHARACTER), round(len(says) * _CHARACTER)
    left, right = text_left + 12, text_right + 12
    return _BADGE.format(
        name=name,
        says=says,
        colour=_COLOURS[report["complies"]],
        width=left + right,
        left=left,
        right=right,
        text_left=text_left,
        text_right=text_right,
        middle_left=left / 2,
        middle_right=left + right / 2,
    )


def _says(report: Mapping[str, Any]) -> str:
    """Return the right half."""
    if report["complies"] is None:
        return "not judged"
    if not report["complies"]:
        return f"fails {report['counts']['FAIL']} of {len(report['checks'])}"
    deviations = report["counts"].get("DEVIATION", 0)
    return f"complies ({report['profile']})" + (f", {deviations} deviations" if deviations else "")
